//! Other settings for a running client: what can change does, at once and all of it or nothing; of the rest it is said
//! that it waits for a restart.

use std::{sync::Arc, time::Duration};

use otlp_exporters::RetryableKinds;
use otlp_reliability::{Control, PolicyConfig};
use otlp_transport::Auth;
use parking_lot::Mutex;
use thiserror::Error;

use crate::{
    EnhancedOtlpClient,
    config::{FieldError, Process, ProductionConfig},
};

const TOKEN: &str = "security.auth_token";

/// What became of a [`EnhancedOtlpClient::reload`].
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[must_use]
pub struct Reloaded {
    /// The fields that have changed and are in force, like `retry.max_attempts`.
    pub applied: Vec<String>,
    /// The fields that are not as the client was built, and take effect with the next client.
    pub needs_restart: Vec<String>,
}

/// Why nothing was reloaded: everything is as it was.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ReloadError {
    /// A field cannot be used.
    #[error(transparent)]
    Field(#[from] FieldError),
    /// The token cannot be sent.
    #[error("security.auth_token: {0}")]
    Token(otlp_transport::ConfigError),
    /// There is nothing that the configuration could replace.
    #[error(
        "the client was built without a configuration: build it by with_production_config or with_client_config, and \
         it can be reloaded"
    )]
    NotConfigured,
}

/// What a reload reaches.
pub(crate) struct Reloading {
    /// What is in force, with references followed.
    pub(crate) in_force: Mutex<ProductionConfig>,
    /// The retries of the destinations.
    pub(crate) retries: Vec<Arc<dyn Control>>,
    pub(crate) retryable: RetryableKinds,
    /// How long attempts without a limit go on.
    pub(crate) longest_retry: Option<Duration>,
    /// What the token is sent by, if one is.
    pub(crate) auth: Option<Auth>,
}

impl EnhancedOtlpClient {
    /// Changes what can be changed while the client runs: `retry`, `logging.log_level`, `logging.log_format`,
    /// `monitoring.metrics_export_interval` and `security.auth_token`. References are followed anew, so a file that
    /// changed is read. Batches that are being retried go on by the new settings from their next failure on. Whatever
    /// else differs from what the client was built with is named, and takes effect with the next client. Nothing that
    /// was accepted is lost.
    ///
    /// A setting that code made after the configuration is replaced by the first reload that changes its field.
    ///
    /// # Errors
    ///
    /// A configuration that cannot be, of which nothing is applied; a client that was built without one.
    pub fn reload(&self, config: &ProductionConfig) -> Result<Reloaded, ReloadError> {
        let reloading = self.reloading().ok_or(ReloadError::NotConfigured)?;
        let new = config.resolved(&Process)?;
        new.security.key("security")?;
        // Held to the end: of two reloads at a time, one is whole before the other.
        let mut in_force = reloading.in_force.lock();
        let changed = changes(&in_force, &new);
        let is_authenticated = reloading.auth.is_some() && new.security.enable_authentication;
        let (applied, needs_restart): (Vec<String>, Vec<String>) =
            changed.into_iter().partition(|path| can_change(path) || (is_authenticated && path == TOKEN));
        let concerns = |part: &str| applied.iter().any(|path| path.starts_with(part));
        // First, for it is the only one that may fail.
        if let Some(auth) = reloading.auth.as_ref().filter(|_| concerns(TOKEN)) {
            auth.exchange_bearer(new.security.auth_token.as_str()).map_err(ReloadError::Token)?;
            in_force.security.auth_token = new.security.auth_token;
        }
        if concerns("retry.") {
            let policy = PolicyConfig::Retry(new.retry.policy(reloading.longest_retry));
            for retry in &reloading.retries {
                // Settings that were checked are accepted by every retry; one that has other controls stays as it is.
                let _ = retry.reload(&policy);
            }
            reloading.retryable.replace(&new.retry.kinds());
            in_force.retry = new.retry;
        }
        if concerns("logging.") {
            in_force.logging.log_level = new.logging.log_level;
            in_force.logging.log_format = new.logging.log_format;
            self.set_log_output(new.logging.log_level, new.logging.log_format);
        }
        if concerns("monitoring.") {
            in_force.monitoring.metrics_export_interval = new.monitoring.metrics_export_interval;
            self.set_metric_interval(new.monitoring.metrics_export_interval);
        }
        Ok(Reloaded { applied, needs_restart })
    }
}

/// Whether a field can be changed while a client runs.
fn can_change(path: &str) -> bool {
    let single = ["logging.log_level", "logging.log_format", "monitoring.metrics_export_interval"];
    path.starts_with("retry.") || single.contains(&path)
}

/// The fields in which the two differ.
fn changes(old: &ProductionConfig, new: &ProductionConfig) -> Vec<String> {
    fn differ(path: String, old: &serde_json::Value, new: &serde_json::Value, paths: &mut Vec<String>) {
        match (old, new) {
            (serde_json::Value::Object(old), serde_json::Value::Object(new)) => {
                for (name, old) in old {
                    let inner = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                    differ(inner, old, new.get(name).unwrap_or(&serde_json::Value::Null), paths);
                }
            }
            _ if old != new => paths.push(path),
            _ => {}
        }
    }
    let mut paths = Vec::new();
    // Structures of named fields are always values.
    if let (Ok(old), Ok(new)) = (serde_json::to_value(old), serde_json::to_value(new)) {
        differ(String::new(), &old, &new, &mut paths);
    }
    paths
}
