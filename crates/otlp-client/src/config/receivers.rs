//! Where telemetry goes and how, beyond one endpoint: several receivers, one for a signal, headers, a token that is
//! rotated, and what TLS and connections have beside [`TransportConfig`](super::TransportConfig) and
//! [`ConnectionConfig`](super::ConnectionConfig).

use std::{fmt, time::Duration};

use otlp_core::Signal;
use otlp_transport::TlsVersion;
use serde::{Deserialize, Serialize};

use super::{Check, FieldError, SecretValues, check, formats, in_range, production::shown, reference::Follow};

/// Where telemetry goes and how, beyond [`ProductionConfig::endpoint`](super::ProductionConfig::endpoint). `Debug` shows
/// no values of headers, and of URLs neither credentials nor query.
#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ReceiversConfig {
    /// Several receivers to spread batches over, in place of `endpoint`, which is left out then. They differ in host and
    /// port only. Default: none, so there is the one.
    pub endpoints: Vec<String>,
    /// Endpoints of single signals, in place of the general one.
    pub signal_endpoints: SignalEndpoints,
    /// The signals that go to OTLP receivers. Default: all, or as `OTEL_TRACES_EXPORTER`, `OTEL_METRICS_EXPORTER` and
    /// `OTEL_LOGS_EXPORTER` say. What goes neither there nor elsewhere is not recorded.
    pub signals: Option<Vec<SignalName>>,
    /// Headers of each request. The values may be references.
    pub headers: SecretValues,
    /// A file with the bearer token of each request, in place of `security.auth_token`. A token that is replaced there is
    /// used within a second, without a reload. Default: none.
    pub auth_token_file: Option<String>,
    /// What TLS has beside the files of `transport.tls_config`.
    pub tls: TlsDetails,
    /// How connections are kept alive.
    pub keep_alive: KeepAliveConfig,
}

/// An endpoint for each signal that has one of its own, which is used exactly as it is: over HTTP with its path.
#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SignalEndpoints {
    /// Where traces go. Default: to the general endpoint.
    pub traces: Option<String>,
    /// Where metrics go. Default: to the general endpoint.
    pub metrics: Option<String>,
    /// Where logs go. Default: to the general endpoint.
    pub logs: Option<String>,
}

/// A signal, as a file calls it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SignalName {
    /// Spans.
    Traces,
    /// Points of metrics.
    Metrics,
    /// Log records.
    Logs,
}

/// What TLS has beside the files of [`TlsConfig`](super::TlsConfig).
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TlsDetails {
    /// The name that the receiver's certificate must carry. Default: the host of the endpoint.
    pub server_name: Option<String>,
    /// The oldest version that is spoken, `tls1.2` or `tls1.3`. Default: TLS 1.2.
    #[serde(with = "Version")]
    pub min_version: TlsVersion,
    /// Whether the system's authorities are trusted beside those of `ca_file`; without that, they are anyway. Default
    /// false.
    pub system_roots: bool,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "TlsVersion")]
enum Version {
    #[serde(rename = "tls1.2")]
    Tls12,
    #[serde(rename = "tls1.3")]
    Tls13,
}

/// How connections are opened ahead and kept alive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct KeepAliveConfig {
    /// Whether connections are kept alive: TCP probes, HTTP/2 pings, and HTTP/1.1 connections that are used again. Default
    /// true.
    pub enabled: bool,
    /// How many connections are opened ahead, and kept though they are idle. 0 to `connection.max_idle_connections`; default
    /// 0.
    pub min_connections: usize,
    /// Time without a frame from the receiver after which an HTTP/2 connection is pinged. 1 ms to 1 day; default 20 s.
    #[serde(with = "formats::duration")]
    pub ping_interval: Duration,
    /// Time without an answer to a ping after which the connection counts as lost. 1 ms to 1 day; default 10 s.
    #[serde(with = "formats::duration")]
    pub ping_timeout: Duration,
    /// Whether to ping while no request is in flight, too. Default false.
    pub ping_while_idle: bool,
}

impl ReceiversConfig {
    /// Follows the references.
    pub(super) fn follow(&mut self, path: &str, follow: &mut Follow<'_>) -> Result<(), FieldError> {
        for (index, url) in self.endpoints.iter_mut().enumerate() {
            follow(&format!("{path}.endpoints[{index}]"), url)?;
        }
        for (signal, url) in self.signal_endpoints.each_mut() {
            follow(&format!("{path}.signal_endpoints.{}", signal.name()), url)?;
        }
        for (name, value) in &mut self.headers.0 {
            follow(&format!("{path}.headers.{name}"), value)?;
        }
        for (name, text) in
            [("auth_token_file", &mut self.auth_token_file), ("tls.server_name", &mut self.tls.server_name)]
        {
            if let Some(text) = text {
                follow(&format!("{path}.{name}"), text)?;
            }
        }
        Ok(())
    }
}

impl SignalEndpoints {
    /// Whether no signal has an endpoint of its own.
    pub fn is_empty(&self) -> bool {
        *self == SignalEndpoints::default()
    }

    /// Those that there are.
    pub(crate) fn each_mut(&mut self) -> impl Iterator<Item = (Signal, &mut String)> {
        let SignalEndpoints { traces, metrics, logs } = self;
        let all = [(Signal::Traces, traces), (Signal::Metrics, metrics), (Signal::Logs, logs)];
        all.into_iter().filter_map(|(signal, url)| Some((signal, url.as_mut()?)))
    }
}

impl From<SignalName> for Signal {
    fn from(name: SignalName) -> Self {
        match name {
            SignalName::Traces => Signal::Traces,
            SignalName::Metrics => Signal::Metrics,
            SignalName::Logs => Signal::Logs,
        }
    }
}

impl Default for KeepAliveConfig {
    fn default() -> Self {
        KeepAliveConfig {
            enabled: true,
            min_connections: 0,
            ping_interval: Duration::from_secs(20),
            ping_timeout: Duration::from_secs(10),
            ping_while_idle: false,
        }
    }
}

impl Check for ReceiversConfig {
    fn check(&self, path: &str) -> Result<(), FieldError> {
        let is_named = |url: &String| !url.trim().is_empty();
        let url = |field: String| FieldError::value(format!("{path}.{field}"), "empty", "a URL, like http://a:4317");
        for (index, one) in self.endpoints.iter().enumerate() {
            check(is_named(one), || url(format!("endpoints[{index}]")))?;
        }
        let SignalEndpoints { traces, metrics, logs } = &self.signal_endpoints;
        for (signal, one) in [("traces", traces), ("metrics", metrics), ("logs", logs)] {
            check(one.as_ref().is_none_or(is_named), || url(format!("signal_endpoints.{signal}")))?;
        }
        for name in self.headers.0.keys() {
            check(http::HeaderName::try_from(name).is_ok(), || {
                FieldError::value(format!("{path}.headers"), format_args!("the name {name:?}"), "names of HTTP headers")
            })?;
        }
        check(self.auth_token_file.as_ref().is_none_or(is_named), || {
            FieldError::value(format!("{path}.auth_token_file"), "empty", "the path of a file")
        })?;
        self.keep_alive.check(&format!("{path}.keep_alive"))
    }
}

impl Check for KeepAliveConfig {
    fn check(&self, path: &str) -> Result<(), FieldError> {
        let waits = Duration::from_millis(1)..=Duration::from_secs(86_400);
        in_range(path, "ping_interval", self.ping_interval, waits.clone(), "1 ms to 1 day")?;
        in_range(path, "ping_timeout", self.ping_timeout, waits, "1 ms to 1 day")?;
        let idle = KeepAliveConfig { enabled: false, ..KeepAliveConfig::default() };
        check(self.enabled || *self == idle, || {
            let reason =
                "it is false, and the fields beside it are set, which would do nothing: set it, or leave them out";
            FieldError::contradiction(format!("{path}.enabled"), reason)
        })
    }
}

impl fmt::Debug for ReceiversConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReceiversConfig")
            .field("endpoints", &self.endpoints.iter().map(|url| shown(url)).collect::<Vec<_>>())
            .field("signal_endpoints", &self.signal_endpoints)
            .field("signals", &self.signals)
            .field("headers", &self.headers)
            .field("auth_token_file", &self.auth_token_file)
            .field("tls", &self.tls)
            .field("keep_alive", &self.keep_alive)
            .finish()
    }
}

impl fmt::Debug for SignalEndpoints {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |url: &Option<String>| url.as_deref().map(shown);
        f.debug_struct("SignalEndpoints")
            .field("traces", &shown(&self.traces))
            .field("metrics", &shown(&self.metrics))
            .field("logs", &shown(&self.logs))
            .finish()
    }
}
