//! An HTTP server that hears of alerts.

use std::{fmt, time::Duration};

use otlp_reliability::RetryPolicy;
use serde::{Deserialize, Serialize};

use crate::{
    config::{
        Check, FieldError, SecretValues, check, formats, in_range,
        production::has_scheme,
        reference::{Follow, has_reference},
    },
    monitoring::Webhook,
};

/// An HTTP server that hears of alerts: what [`Webhook`] says in code. `Debug` shows neither URL nor values of headers,
/// for both may be secrets.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WebhookConfig {
    /// The server, an `http` or `https` URL; may be a reference.
    pub url: String,
    /// Headers of each request. The values may be references.
    #[serde(default)]
    pub headers: SecretValues,
    /// The longest that one request may take. 1 ms to 5 min; default 5 s.
    #[serde(default = "timeout", with = "formats::duration")]
    pub timeout: Duration,
    /// How often a notice is sent at most, until it is taken. 1 to 100; default 5.
    #[serde(default = "max_attempts")]
    pub max_attempts: u32,
    /// The wait before the second attempt, which grows from there. 1 ms to 1 day; default 500 ms.
    #[serde(default = "initial_interval", with = "formats::duration")]
    pub initial_interval: Duration,
    /// The longest wait between attempts. `initial_interval` to 1 day; default 30 s.
    #[serde(default = "max_interval", with = "formats::duration")]
    pub max_interval: Duration,
}

fn timeout() -> Duration {
    Duration::from_secs(5)
}

fn max_attempts() -> u32 {
    5
}

fn initial_interval() -> Duration {
    Duration::from_millis(500)
}

fn max_interval() -> Duration {
    Duration::from_secs(30)
}

impl WebhookConfig {
    /// The server at `url`, and the defaults.
    pub fn new(url: impl Into<String>) -> Self {
        WebhookConfig {
            url: url.into(),
            headers: SecretValues::default(),
            timeout: timeout(),
            max_attempts: max_attempts(),
            initial_interval: initial_interval(),
            max_interval: max_interval(),
        }
    }

    pub(super) fn follow(&mut self, path: &str, follow: &mut Follow<'_>) -> Result<(), FieldError> {
        follow(&format!("{path}.url"), &mut self.url)?;
        let mut headers = self.headers.0.iter_mut();
        headers.try_for_each(|(name, value)| follow(&format!("{path}.headers.{name}"), value))
    }

    /// The same, in code.
    pub(super) fn webhook(&self) -> Webhook {
        let retry = RetryPolicy::new()
            .with_max_attempts(self.max_attempts)
            .with_initial_delay(self.initial_interval)
            .with_max_delay(self.max_interval);
        let webhook = Webhook::new(&self.url).with_timeout(self.timeout).with_retry_policy(retry);
        self.headers.0.iter().fold(webhook, |webhook, (name, value)| webhook.with_header(name, value))
    }
}

impl Check for WebhookConfig {
    fn check(&self, path: &str) -> Result<(), FieldError> {
        let is_http = ["http", "https"].iter().any(|scheme| has_scheme(&self.url, scheme));
        check(is_http || has_reference(&self.url), || {
            let accepted = "a URL that begins with http:// or https://";
            FieldError::value(format!("{path}.url"), "something else, which is not shown", accepted)
        })?;
        let (least, day) = (Duration::from_millis(1), Duration::from_secs(86_400));
        in_range(path, "timeout", self.timeout, least..=Duration::from_secs(300), "1 ms to 5 min")?;
        in_range(path, "max_attempts", self.max_attempts, 1..=100, "1 to 100 attempts")?;
        in_range(path, "initial_interval", self.initial_interval, least..=day, "1 ms to 1 day")?;
        in_range(path, "max_interval", self.max_interval, self.initial_interval..=day, "initial_interval to 1 day")
    }
}

impl fmt::Debug for WebhookConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebhookConfig")
            .field("url", &"(hidden)")
            .field("headers", &self.headers)
            .field("timeout", &self.timeout)
            .field("max_attempts", &self.max_attempts)
            .field("initial_interval", &self.initial_interval)
            .field("max_interval", &self.max_interval)
            .finish()
    }
}
