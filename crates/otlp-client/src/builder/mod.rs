//! The builder of the client: its settings, a file for each kind of them, and its assembly.

mod assembly;
mod connection;
mod delivery;
mod destinations;
mod monitoring;
mod policies;
mod telemetry;

use std::{sync::Arc, time::Duration};

use otlp_batch::{BatchConfig, BatchLimits, DeliveryObserver, DiskQueueConfig, MemoryPoolConfig};
use otlp_core::KeyValue;
use otlp_exporters::Exporter;
use otlp_reliability::{CircuitBreakerConfig, RetryPolicy};
use otlp_sdk::{
    logs::LogConfig,
    metrics::{MetricsConfig, TemporalityPreference},
    trace::TraceConfig,
};

use crate::{
    diagnostics::{Diagnostic, Sink},
    endpoints::default_circuit_breaker,
    environment::Environment,
    monitoring::MonitoringSettings,
    settings::ExportOptions,
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
    drop_deadline: Option<Duration>,
    monitoring: MonitoringSettings,
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
            drop_deadline: None,
            monitoring: MonitoringSettings::default(),
            environment: None,
        }
    }

    /// Sets what is done with messages of the client about itself. Default: a line on standard error, at a limited rate.
    pub fn with_diagnostics(mut self, sink: impl Fn(&Diagnostic) + Send + Sync + 'static) -> Self {
        self.diagnostics = Some(Arc::new(sink));
        self
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
