//! Why a transport could not be built. Every variant names the setting, shows its value unless that may be a secret, and
//! says what is accepted.

use thiserror::Error;

/// A setting that a transport cannot work with. Found by the constructors, before anything is sent.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The endpoint is no URL that the transport can speak to.
    #[error("endpoint {value:?}: {reason}")]
    Endpoint {
        /// The endpoint, without credentials and query.
        value: String,
        /// What is wrong, and what to write instead.
        reason: String,
    },
    /// A header has a name or value that HTTP does not allow, or is one that the transport sets itself.
    #[error("header {name:?}: {reason}")]
    Header {
        /// The header's name. Its value is not shown: it may be a secret.
        name: String,
        /// What is wrong, and what to write instead.
        reason: &'static str,
    },
    /// The setting needs a crate feature that was not compiled in.
    #[error("{field} {value:?} needs the feature `{feature}` of otlp-transport: enable it, or set {alternative}")]
    FeatureMissing {
        /// The setting.
        field: &'static str,
        /// Its value.
        value: String,
        /// The feature that is missing.
        feature: &'static str,
        /// A value that works without the feature.
        alternative: &'static str,
    },
    /// The value is not among the accepted ones.
    #[error("{field} is {value:?}; accepted: {accepted}")]
    Value {
        /// The setting.
        field: &'static str,
        /// Its value.
        value: String,
        /// What is accepted.
        accepted: &'static str,
    },
    /// The endpoint is spoken to in plaintext, which the configuration forbids.
    #[error("endpoint {value:?} is plaintext, but encryption is required: use https://, or do not require encryption")]
    PlaintextRefused {
        /// The endpoint, without credentials and query.
        value: String,
    },
    /// Credentials are unusable. They are not shown.
    #[error("{field}: {reason}")]
    Auth {
        /// The setting.
        field: &'static str,
        /// What is wrong, and what to give instead.
        reason: String,
    },
    /// A certificate, key or name for TLS is unusable. The content is not shown.
    #[error("{field}: {reason}")]
    Tls {
        /// The setting.
        field: &'static str,
        /// What is wrong, and what to give instead.
        reason: String,
    },
}

impl ConfigError {
    pub(crate) fn value(field: &'static str, value: impl ToString, accepted: &'static str) -> Self {
        ConfigError::Value { field, value: value.to_string(), accepted }
    }
}
