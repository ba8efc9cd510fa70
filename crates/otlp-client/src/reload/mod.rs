//! Other settings for a running client: what can change does, at once and all of it or nothing; of the rest it is said
//! that it waits for a restart.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use otlp_batch::DiskQueueConfig;
use otlp_exporters::RetryableKinds;
use otlp_reliability::{Control, PolicyConfig};
use otlp_transport::Auth;
use parking_lot::Mutex;
use serde_json::Value;
use thiserror::Error;

use crate::{
    EnhancedOtlpClient,
    config::{ClientConfig, FieldError, Process, ProductionConfig},
};

const TOKEN: &str = "security.auth_token";
const RULES: &str = "alerts.rules";

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
    pub(crate) in_force: Mutex<ClientConfig>,
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
        self.reload_by(|in_force| in_force.with_production(config, &Process))
    }

    /// As [`EnhancedOtlpClient::reload`], for a client that was built by
    /// [`with_client_config`](crate::ClientBuilder::with_client_config). Of the parts beside those of production,
    /// `alerts.rules` changes while the client runs; what differs of the others is named, and takes effect with the next
    /// client.
    ///
    /// # Errors
    ///
    /// Those of [`EnhancedOtlpClient::reload`].
    pub fn reload_client_config(&self, config: &ClientConfig) -> Result<Reloaded, ReloadError> {
        self.reload_by(|_| config.resolved(&Process))
    }

    /// Changes to what `new` makes of what is in force.
    fn reload_by(
        &self,
        new: impl FnOnce(&ClientConfig) -> Result<ClientConfig, FieldError>,
    ) -> Result<Reloaded, ReloadError> {
        let reloading = self.reloading().ok_or(ReloadError::NotConfigured)?;
        // Held to the end: of two reloads at a time, one is whole before the other.
        let mut in_force = reloading.in_force.lock();
        let new = new(&in_force)?;
        new.production.security.key("security")?;
        let changed = changes(&in_force, &new);
        let is_authenticated = reloading.auth.is_some() && new.production.security.enable_authentication;
        let (applied, needs_restart): (Vec<String>, Vec<String>) =
            changed.into_iter().partition(|path| can_change(path) || (is_authenticated && path == TOKEN));
        let concerns = |part: &str| applied.iter().any(|path| path.starts_with(part));
        let ClientConfig { production: in_force, alerts: beside, .. } = &mut *in_force;
        let (new, alerts) = (new.production, new.alerts);
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
        if let (true, Some(in_force), Some(alerts)) = (concerns(RULES), beside, alerts) {
            // Rules that were checked are accepted.
            let _ = self.replace_alert_rules(alerts.rules());
            in_force.rules = alerts.rules;
        }
        Ok(Reloaded { applied, needs_restart })
    }
}

/// Whether a field can be changed while a client runs.
fn can_change(path: &str) -> bool {
    let single = ["logging.log_level", "logging.log_format", "monitoring.metrics_export_interval", RULES];
    path.starts_with("retry.") || single.contains(&path)
}

/// The fields in which the two differ.
fn changes(old: &ClientConfig, new: &ClientConfig) -> Vec<String> {
    fn differ(path: String, old: Option<&Value>, new: Option<&Value>, paths: &mut Vec<String>) {
        match (old, new) {
            (Some(Value::Object(old)), Some(Value::Object(new))) => {
                let names: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
                for name in names {
                    let inner = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                    differ(inner, old.get(name), new.get(name), paths);
                }
            }
            _ if old != new => paths.push(path),
            _ => {}
        }
    }
    let mut paths = Vec::new();
    let (mut old, mut new) = (old.clone(), new.clone());
    if [&old, &new].iter().any(|config| config.disk_queue.as_ref().is_some_and(DiskQueueConfig::is_encrypted)) {
        // A key of its own is written nowhere, and has no field to compare.
        let (old, new) = (old.disk_queue.take(), new.disk_queue.take());
        paths.extend((old != new).then(|| "disk_queue".to_owned()));
    }
    // Structures of named fields are always values.
    if let (Ok(old), Ok(new)) = (serde_json::to_value(old), serde_json::to_value(new)) {
        differ(String::new(), Some(&old), Some(&new), &mut paths);
    }
    paths
}
