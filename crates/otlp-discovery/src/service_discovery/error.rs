//! Why services cannot be discovered as the settings say.

use otlp_reliability::ConfigError;
use thiserror::Error;

/// Why services cannot be discovered as the settings say.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum DiscoveryError {
    /// A setting cannot work.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// Nobody knows a service of that name.
    #[error(
        "the service {service:?} has no source; accepted: {}", named(.known)
    )]
    UnknownService {
        /// The name that was asked for.
        service: String,
        /// The names that have a source.
        known: Vec<String>,
    },
    /// The endpoints of the service are no list.
    #[error("the endpoints of the service {service:?} are not listed (with_endpoints), so they cannot be replaced")]
    NotListed {
        /// Its name.
        service: String,
    },
    /// There is no tokio runtime to watch on.
    #[error("service discovery watches in the background: start it inside of a tokio runtime")]
    NoRuntime,
    /// This service could not be taken out of the registry.
    #[error("this service is still registered, and is taken for dead when its time to live has run out: {0}")]
    Deregistration(String),
}

fn named(known: &[String]) -> String {
    match known {
        [] => "none, for no source was given (with_static_endpoints, with_dns, with_consul_endpoint)".to_owned(),
        known => known.join(", "),
    }
}
