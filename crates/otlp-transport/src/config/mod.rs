//! What a transport is told: plain data, checked by the constructors.

mod compression;
mod endpoint;
mod error;
mod event;
mod file;
mod headers;
mod pem;
mod pool;
mod reading;
mod request_headers;
mod tls;

use std::time::Duration;

use crate::auth::Auth;

pub use self::{
    compression::Compression,
    endpoint::Endpoints,
    error::ConfigError,
    event::{EventHook, TransportEvent},
    headers::Headers,
    pem::PemSource,
    pool::{ConnectionPoolConfig, KeepAlive},
    tls::{ClientIdentity, TlsOptions, TlsVersion},
};
pub(crate) use self::{endpoint::Target, file::read_file, reading::Reading, request_headers::RequestHeaders};

/// The largest request that OTLP receivers must accept at most (OTLP specification, "OTLP/HTTP Request").
const MAX_HTTP_REQUEST_BYTES: usize = 64 << 20;

/// A little below the 4 MiB that gRPC servers accept when nothing else is configured.
const MAX_GRPC_REQUEST_BYTES: usize = (4 << 20) - (64 << 10);

/// The settings of a transport.
///
/// ```
/// use otlp_transport::{Compression, Endpoints, HttpEncoding, HttpTransport, TransportConfig};
///
/// let mut config = TransportConfig::new(Endpoints::base("http://localhost:4318"));
/// config.headers.append("x-tenant", "blue");
/// config.compression = Compression::None;
/// let transport = HttpTransport::new(config, HttpEncoding::Protobuf)?;
/// # Ok::<(), otlp_transport::ConfigError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct TransportConfig {
    /// Where each signal goes.
    pub endpoints: Endpoints,
    /// Whether a gRPC endpoint without a scheme is spoken to in plaintext. A scheme beats it. Default: `false`.
    pub insecure: bool,
    /// Sent with every request. Values are secret. [`AnyTransport::replace_headers`](crate::AnyTransport::replace_headers)
    /// exchanges them.
    pub headers: Headers,
    /// Who we are. Its headers go with every request, and replace those above of the same name. Default: nobody.
    pub auth: Option<Auth>,
    /// How requests are compressed. Default: not at all.
    pub compression: Compression,
    /// How hard to compress: 1 (fastest) to 9 for gzip, to 19 for Zstandard. Default: 1, for telemetry repeats itself so
    /// much that higher levels gain little.
    pub compression_level: u8,
    /// The connections to each origin.
    pub pool: ConnectionPoolConfig,
    /// How many idle connections are kept for reuse, per origin; those beyond are closed as soon as they are idle. `None`,
    /// the default, is as many as there may be. Not below the pool's `min_connections`.
    pub max_idle_connections: Option<usize>,
    /// When HTTP/2 connections are pinged. `None`, the default, is [`KeepAlive::default`] if the pool keeps connections
    /// alive, else never.
    pub http2_keep_alive: Option<KeepAlive>,
    /// The longest that one attempt may take, connecting included; `None` is no limit. Default: 10 s.
    pub request_timeout: Option<Duration>,
    /// The largest request, before and after compression; a larger one is [`TooLarge`](otlp_core::Outcome::TooLarge)
    /// without being sent. `None`, the default, is 4 MiB − 64 KiB over gRPC (servers refuse more than 4 MiB unless
    /// told otherwise) and 64 MiB over HTTP (the specification's limit).
    pub max_request_bytes: Option<usize>,
    /// The largest response that is read, after decompression. Default: 4 MiB.
    pub max_response_bytes: usize,
    /// Trust and identity for `https` endpoints. Default: the system's authorities, no identity.
    pub tls: Option<TlsOptions>,
    /// Whether endpoints that are spoken to in plaintext are refused when the transport is built. Default: `false`.
    pub require_tls: bool,
    /// Put in front of our own `User-Agent`, for instance `my-agent/1.2`.
    pub user_agent_prefix: Option<String>,
    /// Who hears of what happens beside the attempts. Default: nobody.
    pub events: EventHook,
}

impl TransportConfig {
    /// The defaults, for `endpoints`.
    pub fn new(endpoints: Endpoints) -> Self {
        TransportConfig {
            endpoints,
            insecure: false,
            headers: Headers::new(),
            auth: None,
            compression: Compression::None,
            compression_level: 1,
            pool: ConnectionPoolConfig::default(),
            max_idle_connections: None,
            http2_keep_alive: None,
            request_timeout: Some(Duration::from_secs(10)),
            max_request_bytes: None,
            max_response_bytes: 4 << 20,
            tls: None,
            require_tls: false,
            user_agent_prefix: None,
            events: EventHook::default(),
        }
    }

    /// When HTTP/2 connections are pinged, if at all.
    pub(crate) fn pings(&self) -> Option<KeepAlive> {
        self.pool.keep_alive.then(|| self.http2_keep_alive.unwrap_or_default())
    }

    pub(crate) fn http_request_limit(&self) -> usize {
        self.max_request_bytes.unwrap_or(MAX_HTTP_REQUEST_BYTES)
    }

    pub(crate) fn grpc_request_limit(&self) -> usize {
        // The length prefix of a gRPC message has 32 bits.
        self.max_request_bytes.unwrap_or(MAX_GRPC_REQUEST_BYTES).min(u32::MAX as usize)
    }

    /// Checks what does not depend on the protocol; the endpoints are checked where they are parsed.
    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        self.compression.check(self.compression_level)?;
        let accepted = "more than zero";
        self.pool.check()?;
        if let Some(max_idle) = self.max_idle_connections.filter(|max_idle| *max_idle < self.pool.min_connections) {
            let value = format!("{max_idle} with min_connections {}", self.pool.min_connections);
            return Err(ConfigError::value("max_idle_connections", value, "at least min_connections"));
        }
        if self.request_timeout.is_some_and(|timeout| timeout.is_zero()) {
            return Err(ConfigError::value("the request timeout", "0 s", "more than zero, or None for no limit"));
        }
        if self.max_request_bytes == Some(0) {
            return Err(ConfigError::value("the largest request", "0 bytes", accepted));
        }
        if self.max_response_bytes == 0 {
            return Err(ConfigError::value("the largest response", "0 bytes", accepted));
        }
        if let Some(pings) = &self.http2_keep_alive {
            pings.check()?;
        }
        if self.http2_keep_alive.is_some() && !self.pool.keep_alive {
            return Err(ConfigError::value("keep_alive", "false with HTTP/2 pings", "true, or no HTTP/2 pings"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_that_would_do_nothing_are_refused_by_name() {
        type Change = fn(&mut TransportConfig);
        let changes: [(Change, &str); 7] = [
            (|config| config.pool.max_connections = 0, "max_connections"),
            (
                |config| (config.pool.min_connections, config.max_idle_connections) = (2, Some(1)),
                "max_idle_connections is \"1 with min_connections 2\"",
            ),
            (
                |config| {
                    config.pool.keep_alive = false;
                    config.http2_keep_alive = Some(KeepAlive::default());
                },
                "keep_alive is \"false with HTTP/2 pings\"",
            ),
            (|config| config.request_timeout = Some(Duration::ZERO), "request timeout"),
            (|config| config.max_request_bytes = Some(0), "largest request"),
            (|config| config.max_response_bytes = 0, "largest response"),
            (
                |config| {
                    let second = Duration::from_secs(1);
                    let pings = KeepAlive { interval: Duration::ZERO, timeout: second, while_idle: false };
                    config.http2_keep_alive = Some(pings);
                },
                "keep-alive",
            ),
        ];
        for (change, name) in changes {
            let mut config = TransportConfig::new(Endpoints::base("http://h"));
            assert_eq!(config.check(), Ok(()));
            change(&mut config);
            let error = config.check().unwrap_err().to_string();
            assert!(error.contains(name), "{error}");
        }
    }
}
