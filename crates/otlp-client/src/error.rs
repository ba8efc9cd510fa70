//! Why a client could not be built.

use std::io;

use thiserror::Error;

/// Why a client could not be built. Each message names the setting, the value unless that may be a secret, and what is
/// accepted.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum BuildError {
    /// A field of the configuration.
    #[error(transparent)]
    Field(#[from] crate::config::FieldError),
    /// A limit of batches, queues or memory.
    #[error(transparent)]
    Batch(#[from] otlp_batch::ConfigError),
    /// The endpoint, the protocol, headers, compression or TLS.
    #[error(transparent)]
    Transport(#[from] otlp_transport::ConfigError),
    /// An endpoint or a header that a variable of the environment names.
    #[error("{variable}: {error}")]
    Variable {
        /// The variable, or those that may have said it.
        variable: String,
        /// What is wrong with it.
        error: otlp_transport::ConfigError,
    },
    /// Which services are found, and how they are balanced over.
    #[error(transparent)]
    Discovery(#[from] otlp_discovery::DiscoveryError),
    /// Settings that cannot both be followed.
    #[error("{settings} contradict each other: {remedy}")]
    Contradiction {
        /// What they are.
        settings: &'static str,
        /// What to do.
        remedy: &'static str,
    },
    /// The retry policy.
    #[error("retry policy: {0}")]
    Retry(otlp_reliability::ConfigError),
    /// The circuit breaker.
    #[error("circuit breaker: {0}")]
    CircuitBreaker(otlp_reliability::ConfigError),
    /// A client certificate without its key, or the reverse.
    #[error(
        "OTEL_EXPORTER_OTLP_CLIENT_{set} is set, but CLIENT_{missing} is not: a client certificate needs both (set the \
         two variables, or neither)"
    )]
    HalfAnIdentity {
        /// The end of the variable's name that is set.
        set: &'static str,
        /// The end of the one that is missing.
        missing: &'static str,
    },
    /// The disk queue: somebody else has the directory, or it cannot be read.
    #[error(transparent)]
    DiskQueue(otlp_batch::DiskQueueError),
    /// The Kafka exporter.
    #[cfg(feature = "kafka")]
    #[error(transparent)]
    Kafka(#[from] otlp_exporters::kafka::KafkaConfigError),
    /// Monitoring: metrics of the client's own, the health endpoint, alerts.
    #[error(transparent)]
    Monitoring(#[from] crate::monitoring::MonitoringError),
    /// The background thread could not be started.
    #[error("cannot start the background thread of the telemetry pipeline: {0}")]
    Thread(io::Error),
}

impl From<otlp_batch::StartError> for BuildError {
    fn from(error: otlp_batch::StartError) -> Self {
        match error {
            otlp_batch::StartError::Config(error) => BuildError::Batch(error),
            otlp_batch::StartError::DiskQueue(error) => BuildError::DiskQueue(error),
            otlp_batch::StartError::Thread(error) => BuildError::Thread(error),
            other => BuildError::Thread(io::Error::other(other)),
        }
    }
}
