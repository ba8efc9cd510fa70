//! Why monitoring could not be set up or started.

use std::{io, net::SocketAddr};

use otlp_batch::ConfigError;
use otlp_reliability::HealthError;
use thiserror::Error;

/// Why monitoring could not be set up or started. Each message names the setting, its value unless that may be a
/// secret, and what is accepted.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum MonitoringError {
    /// A setting that cannot work.
    #[error("monitoring: {0}")]
    Config(#[from] ConfigError),
    /// A rule of the alerts that cannot work.
    #[error("alert rule {rule:?}: {error}")]
    Rule {
        /// The name of the rule.
        rule: String,
        /// The setting.
        error: ConfigError,
    },
    /// The health endpoint could not be bound: another program has the port, or the address is not one of this machine.
    #[error("health_check_endpoint: cannot listen on {address}: {error} (port 0 takes any that is free)")]
    Bind {
        /// Where it was to listen.
        address: SocketAddr,
        /// Why not.
        error: io::Error,
    },
    /// TLS for a webhook could not be set up.
    #[error("alert webhook to {host}: {reason}")]
    Webhook {
        /// Where it leads, without path and query, which may be secret.
        host: String,
        /// What is missing.
        reason: String,
    },
    /// The health checks.
    #[error(transparent)]
    Health(#[from] HealthError),
    /// The client was shut down: there is nothing to watch any more.
    #[error("the client was shut down, and its monitoring ended with it")]
    ShutDown,
}

/// The error of `field`.
pub(super) fn refused(field: &'static str, value: impl ToString, accepted: &'static str) -> ConfigError {
    ConfigError { field, value: value.to_string(), accepted }
}
