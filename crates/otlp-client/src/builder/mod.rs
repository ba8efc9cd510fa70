//! The builder of the client: its settings, a file for each kind of them, and its assembly.

mod assembly;
mod connection;
mod delivery;
mod destinations;
mod logging;
mod policies;
mod telemetry;

use std::{sync::Arc, time::Duration};

use otlp_batch::{BatchConfig, BatchLimits, DeliveryObserver, DiskQueueConfig, MemoryPoolConfig};
use otlp_core::KeyValue;
use otlp_exporters::Exporter;
use otlp_reliability::{CircuitBreakerConfig, RetryPolicy};
use otlp_sdk::{
    logs::{LogAggregation, LogConfig},
    metrics::{MetricsConfig, TemporalityPreference},
    trace::TraceConfig,
};

use crate::{
    LoggingConfig, endpoints::default_circuit_breaker, environment::Environment, logging::Sink, settings::ExportOptions,
};

/// Settings of an [`EnhancedOtlpClient`]. What is set here beats the environment.
#[must_use]
pub struct ClientBuilder {
    export: ExportOptions,
    service_name: Option<String>,
    resource_attributes: Vec<KeyValue>,
    batch: BatchConfig,
    limits: BatchLimits,
    memory: MemoryPoolConfig,
    disk_queue: Option<DiskQueueConfig>,
    retry: Option<RetryPolicy>,
    circuit_breaker: Option<CircuitBreakerConfig>,
    is_in_registry: bool,
    metrics: MetricsConfig,
    temporality: Option<TemporalityPreference>,
    metric_interval: Option<Duration>,
    trace: TraceConfig,
    log: LogConfig,
    custom_exporters: Vec<Box<dyn Exporter>>,
    console: bool,
    observer: Option<Arc<dyn DeliveryObserver>>,
    diagnostics: Option<Sink>,
    logging: Option<LoggingConfig>,
    log_aggregation: Option<LogAggregation>,
    drop_deadline: Option<Duration>,
    environment: Option<Environment>,
}

impl ClientBuilder {
    pub(crate) fn new() -> Self {
        ClientBuilder {
            export: ExportOptions::default(),
            service_name: None,
            resource_attributes: Vec::new(),
            batch: BatchConfig::default(),
            limits: BatchLimits::default(),
            memory: MemoryPoolConfig::default(),
            disk_queue: None,
            retry: None,
            circuit_breaker: Some(default_circuit_breaker()),
            is_in_registry: false,
            metrics: MetricsConfig::default(),
            temporality: None,
            metric_interval: None,
            trace: TraceConfig::default(),
            log: LogConfig::default(),
            custom_exporters: Vec::new(),
            console: false,
            observer: None,
            diagnostics: None,
            logging: None,
            log_aggregation: None,
            drop_deadline: None,
            environment: None,
        }
    }

    /// Ignores the `OTEL_*` environment variables.
    pub fn without_environment(self) -> Self {
        self.with_environment(Environment::default())
    }

    /// Takes `environment` instead of the variables of this process.
    pub fn with_environment(mut self, environment: Environment) -> Self {
        self.environment = Some(environment);
        self
    }
}
