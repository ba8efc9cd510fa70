//! Other settings for a running client: what can change does, at once and all of it or nothing; of the rest it is said
//! that it waits for a restart.

mod changes;
mod circuit_breakers;
mod receivers;

use std::{sync::Arc, time::Duration};

use otlp_exporters::RetryableKinds;
use otlp_reliability::{CircuitBreakerConfig, Control, PolicyConfig};
use otlp_transport::Auth;
use parking_lot::Mutex;
use thiserror::Error;

pub(crate) use self::circuit_breakers::CircuitBreakers;
use self::{changes::changes, receivers::Lists};
use crate::{
    EnhancedOtlpClient,
    config::{ClientConfig, FieldError, Process, ProductionConfig},
    settings::ConfiguredHeaders,
};

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
    /// A header cannot be sent.
    #[error("receivers.headers: {0}")]
    Headers(otlp_transport::ConfigError),
    /// There is nothing that the configuration could replace.
    #[error(
        "the client was built without a configuration: build it by with_production_config or with_client_config, and \
         it can be reloaded"
    )]
    NotConfigured,
    /// The client does nothing, for a variable says so.
    #[error("the client is disabled by OTEL_SDK_DISABLED, so nothing of a configuration is in force")]
    Disabled,
}

/// A client that can be reloaded, or why it cannot.
pub(crate) type Reloadable = Result<Reloading, fn() -> ReloadError>;

/// What is in force, and what a reload reaches.
pub(crate) struct Reloading {
    /// With references followed.
    pub(crate) in_force: Mutex<ClientConfig>,
    /// When an endpoint counts as down where the configuration does not say it; `None` for never.
    pub(crate) otherwise_down: Option<CircuitBreakerConfig>,
    pub(crate) reach: Reach,
}

/// What a reload reaches beside what the client itself holds.
pub(crate) struct Reach {
    /// The retries of the destinations.
    pub(crate) retries: Vec<Arc<dyn Control>>,
    pub(crate) retryable: RetryableKinds,
    /// How long attempts without a limit go on.
    pub(crate) longest_retry: Option<Duration>,
    /// What the token is sent by, if one is.
    pub(crate) auth: Option<Auth>,
    pub(crate) headers: ConfiguredHeaders,
    /// Those of the client, if it has any.
    pub(crate) circuit_breakers: Option<CircuitBreakers>,
}

impl EnhancedOtlpClient {
    /// Changes what can be changed while the client runs: `retry`, `logging.log_level`, `logging.log_format`,
    /// `monitoring.metrics_export_interval` and `security.auth_token`. References are followed anew, so a file that
    /// changed is read. Batches that are being retried go on by the new settings from their next failure on. Whatever
    /// else differs from what the client was built with is named, and takes effect with the next client. Nothing that
    /// was accepted is lost.
    ///
    /// A setting that code made after the configuration is replaced by the first reload that changes its field, but for
    /// headers: those that code adds stay.
    ///
    /// # Errors
    ///
    /// A configuration that cannot be, of which nothing is applied; a client that was built without one, or is disabled.
    pub fn reload(&self, config: &ProductionConfig) -> Result<Reloaded, ReloadError> {
        self.reload_by(|in_force| in_force.with_production(config, &Process))
    }

    /// As [`EnhancedOtlpClient::reload`], for a client that was built by
    /// [`with_client_config`](crate::ClientBuilder::with_client_config). Of the parts beside those of production,
    /// these change while the client runs; what differs of the others is named, and takes effect with the next client:
    ///
    /// - `alerts.rules`;
    /// - `receivers.headers`, from the next request on;
    /// - `receivers.endpoints`, unless scheme, path or query are others, and `service_discovery.services.*.endpoints`:
    ///   those that stay keep their connections and what is known of them;
    /// - `circuit_breaker`, unless it is switched on or off: what is known of an endpoint stays.
    ///
    /// # Errors
    ///
    /// Those of [`EnhancedOtlpClient::reload`].
    pub fn reload_client_config(&self, config: &ClientConfig) -> Result<Reloaded, ReloadError> {
        self.reload_by(|_| config.resolved(&Process))
    }

    /// Changes to what `new` makes of what is in force: first all that can be refused is judged, then all is applied.
    fn reload_by(
        &self,
        new: impl FnOnce(&ClientConfig) -> Result<ClientConfig, FieldError>,
    ) -> Result<Reloaded, ReloadError> {
        let Reloading { in_force, otherwise_down, reach } = self.reloading().as_ref().map_err(|refused| refused())?;
        // Held to the end: of two reloads at a time, one is whole before the other.
        let mut in_force = in_force.lock();
        let new = new(&in_force)?;
        new.production.security.key("security")?;
        let lists = Lists::new(&in_force, &new, self.service_discovery())?;
        let settings = |config: &ClientConfig| match &config.circuit_breaker {
            Some(breaker) => breaker.settings(),
            None => otherwise_down.clone(),
        };
        // None comes or goes while requests are sent.
        let breakers = reach.circuit_breakers.as_ref().zip(settings(&in_force)).and(settings(&new));
        let is_authenticated = reach.auth.is_some() && new.production.security.enable_authentication;
        let can_change = |path: &str| match path {
            "logging.log_level" | "logging.log_format" | "monitoring.metrics_export_interval" | "alerts.rules" => true,
            "security.auth_token" => is_authenticated,
            _ if is_of(path, "circuit_breaker") => breakers.is_some(),
            _ => is_of(path, "retry") || is_of(path, "receivers.headers") || lists.has(path),
        };
        let (applied, needs_restart): (Vec<String>, Vec<String>) =
            changes(&in_force, &new).into_iter().partition(|path| can_change(path));
        let concerns = |part: &str| applied.iter().any(|path| is_of(path, part));

        if concerns("receivers.headers") {
            reach.headers.check(&new.receivers.headers).map_err(ReloadError::Headers)?;
        }
        // Of what is applied the first, for it is the only one that may fail.
        if let Some(auth) = reach.auth.as_ref().filter(|_| concerns("security")) {
            auth.exchange_bearer(new.production.security.auth_token.as_str()).map_err(ReloadError::Token)?;
            in_force.production.security.auth_token.clone_from(&new.production.security.auth_token);
        }
        if concerns("receivers.headers") {
            reach.headers.replace(new.receivers.headers.clone());
            in_force.receivers.headers.clone_from(&new.receivers.headers);
        }
        if let Some((to, breakers)) =
            breakers.zip(reach.circuit_breakers.as_ref()).filter(|_| concerns("circuit_breaker"))
        {
            breakers.reload(&to);
            in_force.circuit_breaker.clone_from(&new.circuit_breaker);
        }
        lists.apply(&mut in_force);
        self.apply_settings(&concerns, &mut in_force, new, reach);
        Ok(Reloaded { applied, needs_restart })
    }

    /// Applies what the client itself holds, which was checked.
    fn apply_settings(
        &self,
        concerns: &impl Fn(&str) -> bool,
        in_force: &mut ClientConfig,
        new: ClientConfig,
        reach: &Reach,
    ) {
        let (new, alerts) = (new.production, new.alerts);
        if concerns("retry") {
            let policy = PolicyConfig::Retry(new.retry.policy(reach.longest_retry));
            for retry in &reach.retries {
                // Settings that were checked are accepted by every retry; one that has other controls stays as it is.
                let _ = retry.reload(&policy);
            }
            reach.retryable.replace(&new.retry.kinds());
            in_force.production.retry = new.retry;
        }
        if concerns("logging") {
            let (level, format) = (new.logging.log_level, new.logging.log_format);
            let logging = &mut in_force.production.logging;
            (logging.log_level, logging.log_format) = (level, format);
            self.set_log_output(level, format);
        }
        if concerns("monitoring") {
            let interval = new.monitoring.metrics_export_interval;
            in_force.production.monitoring.metrics_export_interval = interval;
            self.set_metric_interval(interval);
        }
        if let (true, Some(in_force), Some(alerts)) = (concerns("alerts"), &mut in_force.alerts, alerts) {
            // Rules that were checked are accepted.
            let _ = self.replace_alert_rules(alerts.rules());
            in_force.rules = alerts.rules;
        }
    }
}

/// Whether a field is `part` or in it.
fn is_of(path: &str, part: &str) -> bool {
    path.strip_prefix(part).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}
