//! The configuration as data: what files say, what is refused, and what each field does at a receiver.

mod alerting;
mod bad_input;
mod document;
mod effects;
mod files;
mod finding;
mod from_yaml;
mod kafka;
mod no_configuration;
mod ranges;
mod receivers;
mod recording;
mod reload;
mod round_trip;
mod secrets;

use std::time::Duration;

use otlp_batch::{BatchConfig, BatchStrategy};
use otlp_client::config::{
    ConnectionConfig, ErrorType, LogFormat, LogLevel, LoggingConfig, MonitoringConfig, ProductionConfig, RetryConfig,
    SecurityConfig, TlsConfig, TransportConfig, TransportProtocol,
};
use otlp_transport::Compression;

/// A configuration that says something of every field, as a program does that leaves none to the defaults.
fn full() -> ProductionConfig {
    ProductionConfig {
        endpoint: "https://otel-collector:4317".to_string(),
        service_name: "production-app".to_string(),
        service_version: "1.0.0".to_string(),
        environment: "production".to_string(),
        transport: TransportConfig {
            protocol: TransportProtocol::Grpc,
            compression: Compression::Gzip,
            tls_config: Some(TlsConfig {
                enabled: true,
                cert_file: "/etc/ssl/certs/client.crt".to_string(),
                key_file: "/etc/ssl/private/client.key".to_string(),
                ca_file: "/etc/ssl/certs/ca.crt".to_string(),
            }),
        },
        connection: ConnectionConfig {
            connect_timeout: Duration::from_secs(10),
            request_timeout: Duration::from_secs(60),
            keep_alive_timeout: Duration::from_secs(60),
            max_idle_connections: 100,
            max_connections: 200,
        },
        batch: BatchConfig {
            max_batch_size: 1000,
            batch_timeout: Duration::from_millis(200),
            max_queue_size: 50000,
            strategy: BatchStrategy::Hybrid,
        },
        retry: RetryConfig {
            max_attempts: 3,
            initial_interval: Duration::from_millis(100),
            max_interval: Duration::from_secs(5),
            multiplier: 2.0,
            randomization_factor: 0.1,
            retryable_errors: vec![ErrorType::Network, ErrorType::Timeout],
        },
        monitoring: MonitoringConfig {
            enable_performance_metrics: true,
            enable_resource_metrics: true,
            enable_custom_metrics: true,
            metrics_export_interval: Duration::from_secs(10),
            health_check_endpoint: Some("http://localhost:8080/health".to_string()),
        },
        security: SecurityConfig {
            enable_authentication: true,
            auth_token: "your-production-token".to_string(),
            enable_encryption: true,
            encryption_key: "your-encryption-key".to_string(),
        },
        logging: LoggingConfig {
            log_level: LogLevel::Info,
            enable_structured_logging: true,
            enable_log_aggregation: true,
            log_format: LogFormat::Json,
        },
    }
}
