//! The builder of the client: its settings, a file for each kind of them, and its assembly.

mod assembly;
mod client_config;
mod connection;
mod delivery;
mod destinations;
mod discovery;
mod environment;
#[cfg(feature = "kafka")]
mod kafka;
mod logging;
mod monitoring;
mod policies;
mod production;
mod propagation;
mod telemetry;

use std::{sync::Arc, time::Duration};

use otlp_batch::{BatchConfig, BatchLimits, DeliveryObserver, DiskQueueConfig, MemoryPoolConfig};
use otlp_core::{KeyValue, propagation::Propagator};
use otlp_exporters::Exporter;
use otlp_reliability::CircuitBreakerConfig;
use otlp_sdk::{
    logs::{LogAggregation, LogConfig, LogLimits},
    metrics::{MetricsConfig, TemporalityPreference},
    trace::{Sampler, SpanLimits, TraceConfig},
};

pub use self::policies::default_retry;
use self::{policies::RetryChoice, production::Said};
use crate::{
    LoggingConfig, endpoints::default_circuit_breaker, environment::Environment, logging::Sink,
    monitoring::MonitoringSettings, receivers::Receivers, settings::ExportOptions,
};

/// Settings of an [`EnhancedOtlpClient`](crate::EnhancedOtlpClient). What is set here beats the environment.
#[must_use]
pub struct ClientBuilder {
    export: ExportOptions,
    receivers: Receivers,
    service_name: Option<String>,
    resource_attributes: Vec<KeyValue>,
    batch: Option<BatchConfig>,
    limits: BatchLimits,
    memory: MemoryPoolConfig,
    zero_copy: bool,
    disk_queue: Option<DiskQueueConfig>,
    retry: RetryChoice,
    circuit_breaker: Option<CircuitBreakerConfig>,
    is_in_registry: bool,
    metrics: MetricsConfig,
    temporality: Option<TemporalityPreference>,
    metric_interval: Option<Duration>,
    trace: TraceConfig,
    sampler: Option<Arc<dyn Sampler>>,
    span_limits: Option<SpanLimits>,
    log_limits: Option<LogLimits>,
    propagator: Option<Arc<dyn Propagator>>,
    is_propagating: Option<bool>,
    /// By [`Signal::index`](otlp_core::Signal::index).
    otlp_signals: Option<[bool; 3]>,
    log: LogConfig,
    custom_exporters: Vec<Box<dyn Exporter>>,
    #[cfg(feature = "kafka")]
    kafka: Option<otlp_exporters::kafka::KafkaConfig>,
    console: bool,
    observer: Option<Arc<dyn DeliveryObserver>>,
    diagnostics: Option<Sink>,
    logging: Option<LoggingConfig>,
    log_aggregation: Option<LogAggregation>,
    drop_deadline: Option<Duration>,
    monitoring: MonitoringSettings,
    environment: Option<Environment>,
    said: Said,
}

impl ClientBuilder {
    pub(crate) fn new() -> Self {
        ClientBuilder {
            export: ExportOptions::default(),
            receivers: Receivers::default(),
            service_name: None,
            resource_attributes: Vec::new(),
            batch: None,
            limits: BatchLimits::default(),
            memory: MemoryPoolConfig::default(),
            zero_copy: true,
            disk_queue: None,
            retry: RetryChoice::default(),
            circuit_breaker: Some(default_circuit_breaker()),
            is_in_registry: false,
            metrics: MetricsConfig::default(),
            temporality: None,
            metric_interval: None,
            trace: TraceConfig::default(),
            sampler: None,
            span_limits: None,
            log_limits: None,
            propagator: None,
            is_propagating: None,
            otlp_signals: None,
            log: LogConfig::default(),
            custom_exporters: Vec::new(),
            #[cfg(feature = "kafka")]
            kafka: None,
            console: false,
            observer: None,
            diagnostics: None,
            logging: None,
            log_aggregation: None,
            drop_deadline: None,
            monitoring: MonitoringSettings::default(),
            environment: None,
            said: Said::default(),
        }
    }

    /// Whether Kafka is a destination.
    fn has_kafka(&self) -> bool {
        #[cfg(feature = "kafka")]
        return self.kafka.is_some();
        #[cfg(not(feature = "kafka"))]
        return false;
    }
}
