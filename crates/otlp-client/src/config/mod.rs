//! The configuration as data: what a file may say and what code may say, part by part.
//!
//! Each part is a plain structure whose fields all act. What goes beyond them is said by further methods of
//! [`ClientBuilder`](crate::ClientBuilder).

mod alerts;
mod balancer;
mod batch;
mod bounded_file;
mod circuit_breaker;
mod client_config;
mod connection;
mod contradictions;
mod delivery;
mod discovery;
mod disk_queue;
mod field_error;
mod file;
mod formats;
#[cfg(any(test, fuzzing))]
pub mod fuzz;
mod health;
mod kafka;
mod logging;
mod monitoring;
mod production;
mod receivers;
mod reference;
mod retry;
mod secret_values;
mod security;
mod telemetry;
mod transport;
mod yaml;

pub use self::{
    alerts::{AlertRuleConfig, AlertsConfig, WebhookConfig},
    balancer::LoadBalancerConfig,
    circuit_breaker::BreakerConfig,
    client_config::ClientConfig,
    connection::ConnectionConfig,
    delivery::DeliveryConfig,
    discovery::{ConsulAgent, DiscoveryConfig, DnsLookups, Registration, ServiceSource, StaticEndpoint},
    field_error::{FieldError, FieldProblem, Place},
    file::ConfigFileError,
    health::HealthConfig,
    kafka::{KafkaSettings, MessageCompression},
    logging::{LogFormat, LogLevel, LoggingConfig},
    monitoring::MonitoringConfig,
    production::ProductionConfig,
    receivers::{KeepAliveConfig, ReceiversConfig, SignalEndpoints, SignalName, TlsDetails},
    reference::literal,
    retry::{ErrorType, RetryConfig},
    secret_values::SecretValues,
    security::SecurityConfig,
    telemetry::{PropagatorName, SamplerName, TelemetryConfig},
    transport::{TlsConfig, TransportConfig, TransportProtocol},
};
pub(crate) use self::{
    field_error::{Check, check, in_range},
    production::{has_scheme, shown},
    reference::Process,
};
pub use crate::{builder::default_retry, endpoints::default_circuit_breaker};
