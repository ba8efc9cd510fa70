//! The settings of where telemetry is sent and how the endpoint is spoken to.

use std::{path::PathBuf, sync::Arc, time::Duration};

use otlp_core::Signal;
use otlp_transport::{Auth, Authenticate, Compression, ConnectionPoolConfig, KeepAlive, Protocol, TlsOptions};

use crate::ClientBuilder;

impl ClientBuilder {
    /// Sets the endpoint of all signals, for instance `http://localhost:4317`. Over HTTP, `/v1/<signal>` is appended.
    ///
    /// Without [`ClientBuilder::with_protocol`], port 4317 means gRPC and any other port HTTP with protobuf.
    pub fn with_endpoint(mut self, url: impl Into<String>) -> Self {
        self.export.endpoint = Some(url.into());
        self
    }

    /// Sets the endpoint of one signal, which is used exactly as it is.
    pub fn with_signal_endpoint(mut self, signal: Signal, url: impl Into<String>) -> Self {
        self.export.signal_endpoints[signal.index()] = Some(url.into());
        self
    }

    /// Sets how the endpoint is spoken to.
    pub fn with_protocol(mut self, protocol: Protocol) -> Self {
        self.export.protocol = Some(protocol);
        self
    }

    /// Speaks gRPC.
    pub fn with_grpc_transport(self) -> Self {
        self.with_protocol(Protocol::Grpc)
    }

    /// Speaks HTTP with protobuf bodies.
    pub fn with_http_transport(self) -> Self {
        self.with_protocol(Protocol::HttpProtobuf)
    }

    /// Speaks HTTP with JSON bodies.
    pub fn with_http_json_transport(self) -> Self {
        self.with_protocol(Protocol::HttpJson)
    }

    /// Adds a header to each request. The value is a secret: it is never shown.
    pub fn with_header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.export.headers.push((name.into(), value.into()));
        self
    }

    /// Sets how requests are compressed; default not at all.
    pub fn with_compression(mut self, compression: Compression) -> Self {
        self.export.compression = Some(compression);
        self
    }

    /// Sets the longest that one attempt may take, also of a custom exporter; default 10 s, zero means no limit.
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.export.timeout = Some(timeout);
        self
    }

    /// Sets how many connections there are to the endpoint, and how long. Connections of `min_connections` are opened when
    /// the client is built, in the background.
    pub fn with_connection_pool_config(mut self, config: ConnectionPoolConfig) -> Self {
        self.export.pool = config;
        self
    }

    /// Sets the longest that a connection may take to come about, TLS included: the `connection_timeout` of the connection
    /// pool; default 5 s.
    pub fn with_connect_timeout(mut self, timeout: Duration) -> Self {
        self.export.pool.connection_timeout = timeout;
        self
    }

    /// Sets how many connections are kept while they are idle; default all, until the `idle_timeout` of the connection
    /// pool.
    pub fn with_max_idle_connections(mut self, connections: usize) -> Self {
        self.export.max_idle_connections = Some(connections);
        self
    }

    /// Sets when HTTP/2 connections are pinged; default after 20 s without an answer, while one is waited for. The
    /// connection pool must keep connections alive.
    pub fn with_keep_alive_pings(mut self, pings: KeepAlive) -> Self {
        self.export.pings = Some(pings);
        self
    }

    /// Sets whom to trust and who we are, for `https` endpoints. Default: the system's roots, no client certificate.
    pub fn with_tls(mut self, tls: TlsOptions) -> Self {
        self.export.tls = Some(tls);
        self
    }

    /// Refuses, when the client is built, endpoints that are spoken to in plaintext; by default they are allowed.
    pub fn with_encryption_required(mut self, is_required: bool) -> Self {
        self.export.require_tls = is_required;
        self
    }

    /// Sends `authorization: Bearer <token>` with each request. The token is a secret: it is never shown.
    ///
    /// The last of [`ClientBuilder::with_bearer_token`], [`ClientBuilder::with_bearer_token_file`] and
    /// [`ClientBuilder::with_auth`] counts. It replaces an `authorization` of the environment.
    pub fn with_bearer_token(mut self, token: impl Into<String>) -> Self {
        self.export.auth = Some(Auth::bearer(token));
        self
    }

    /// As [`ClientBuilder::with_bearer_token`], with the token in a file. A token that is replaced there is used within a
    /// second, or at once when the receiver refuses the old one. If the file vanishes, the last token is used.
    pub fn with_bearer_token_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.export.auth = Some(Auth::bearer_file(path));
        self
    }

    /// Gets credentials from a hook, and renews them by it. A hook that fails loses nothing: what waits for credentials is
    /// tried again.
    pub fn with_auth(mut self, hook: Arc<dyn Authenticate>) -> Self {
        self.export.auth = Some(Auth::hook(hook));
        self
    }
}
