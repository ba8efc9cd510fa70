//! The choice among the transports by protocol.

use otlp_core::{EncodedRequest, Outcome};

use crate::{
    config::{ConfigError, Headers, RequestHeaders, TransportConfig},
    grpc::GrpcTransport,
    http::{HttpEncoding, HttpTransport},
    payload::PreparedRequest,
    protocol::Protocol,
    transport::Transport,
};

/// The transport of a protocol that is chosen at run time.
#[derive(Debug)]
pub enum AnyTransport {
    /// gRPC.
    Grpc(GrpcTransport),
    /// HTTP, in protobuf or JSON.
    Http(HttpTransport),
}

impl AnyTransport {
    /// The transport for `protocol` with the settings of `config`. Reads the files that it names, does no other I/O and
    /// needs no runtime.
    ///
    /// # Errors
    ///
    /// A setting is unusable; the error names it.
    pub fn new(protocol: Protocol, config: TransportConfig) -> Result<Self, ConfigError> {
        match protocol {
            Protocol::Grpc => GrpcTransport::new(config).map(AnyTransport::Grpc),
            Protocol::HttpProtobuf => HttpTransport::new(config, HttpEncoding::Protobuf).map(AnyTransport::Http),
            Protocol::HttpJson => HttpTransport::new(config, HttpEncoding::Json).map(AnyTransport::Http),
        }
    }

    /// Opens [`min_connections`](crate::ConnectionPoolConfig::min_connections) ahead, instead of with the first request,
    /// by a task on the current tokio runtime. Returns at once.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime with I/O and time enabled.
    pub fn start(&self) {
        match self {
            AnyTransport::Grpc(transport) => transport.start(),
            AnyTransport::Http(transport) => transport.start(),
        }
    }

    /// Whether [`AnyTransport::replace_headers`] would take these; changes nothing.
    ///
    /// # Errors
    ///
    /// Those of [`AnyTransport::replace_headers`].
    pub fn accepts_headers(&self, headers: &Headers) -> Result<(), ConfigError> {
        self.headers().with(headers).map(drop)
    }

    /// Sends these in place of [`TransportConfig::headers`], from the next request on.
    ///
    /// # Errors
    ///
    /// A header cannot be sent, or stands beside a bearer token; the old ones stay.
    pub fn replace_headers(&self, headers: &Headers) -> Result<(), ConfigError> {
        self.headers().replace(headers)
    }

    fn headers(&self) -> &RequestHeaders {
        match self {
            AnyTransport::Grpc(transport) => transport.headers(),
            AnyTransport::Http(transport) => transport.headers(),
        }
    }
}

impl Transport for AnyTransport {
    async fn send(&self, request: &EncodedRequest) -> Outcome {
        match self {
            AnyTransport::Grpc(transport) => transport.send(request).await,
            AnyTransport::Http(transport) => transport.send(request).await,
        }
    }

    async fn send_prepared(&self, request: &PreparedRequest) -> Outcome {
        match self {
            AnyTransport::Grpc(transport) => transport.send_prepared(request).await,
            AnyTransport::Http(transport) => transport.send_prepared(request).await,
        }
    }
}
