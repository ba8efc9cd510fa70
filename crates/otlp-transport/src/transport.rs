//! The trait that every transport has in common, the choice among them by protocol, and the outcomes that all of them
//! answer before or without a response.

use std::{fmt, io, str::FromStr};

use otlp_core::{EncodedRequest, ErrorKind, ExportError, Outcome, RetryableFailure};

use crate::{
    config::{ConfigError, Headers, RequestHeaders, Target, TransportConfig},
    connection::Failure,
    grpc::GrpcTransport,
    http::{HttpEncoding, HttpTransport},
    payload::PreparedRequest,
};

/// Delivers encoded requests to one receiver, one attempt at a time.
///
/// An implementation makes one attempt per call and answers what came of it: it neither retries nor queues. It answers
/// [`Outcome::Delivered`] only if the receiver acknowledged the request, sets
/// [`acknowledgement_lost`](RetryableFailure::acknowledgement_lost) exactly if the whole request may have been processed
/// without an answer having come, and bounds its time and memory. Any number of calls may run at once. A call that is
/// dropped leaves nothing behind, but what it sent may have arrived.
pub trait Transport: Send + Sync {
    /// Makes one attempt to deliver `request`.
    ///
    /// # Panics
    ///
    /// The transports of this crate panic outside of a tokio runtime with I/O and time enabled.
    fn send(&self, request: &EncodedRequest) -> impl Future<Output = Outcome> + Send;

    /// As [`Transport::send`], for a request that may need several attempts: what one of them makes of it, for instance
    /// by compressing it, the others can use. By default nothing is made of it.
    fn send_prepared(&self, request: &PreparedRequest) -> impl Future<Output = Outcome> + Send {
        self.send(request.request())
    }
}

/// How OTLP is spoken (`OTEL_EXPORTER_OTLP_PROTOCOL`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Protocol {
    /// `grpc`, port 4317.
    Grpc,
    /// `http/protobuf`, port 4318: the default of the specification.
    #[default]
    HttpProtobuf,
    /// `http/json`, port 4318.
    HttpJson,
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Protocol::Grpc => "grpc",
            Protocol::HttpProtobuf => "http/protobuf",
            Protocol::HttpJson => "http/json",
        })
    }
}

impl FromStr for Protocol {
    type Err = ConfigError;

    fn from_str(text: &str) -> Result<Self, ConfigError> {
        match text {
            "grpc" => Ok(Protocol::Grpc),
            "http/protobuf" => Ok(Protocol::HttpProtobuf),
            "http/json" => Ok(Protocol::HttpJson),
            _ => Err(ConfigError::value("protocol", text, "grpc, http/protobuf, http/json")),
        }
    }
}

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

/// The outcome of an exchange that got no response.
pub(crate) fn lost(target: &Target, failure: Failure) -> Outcome {
    Outcome::Retry(RetryableFailure {
        error: ExportError::new(failure.kind, format!("{target}: {}", failure.message)),
        after: None,
        acknowledgement_lost: failure.may_be_processed,
    })
}

/// Refuses to send what is beyond `limit`.
pub(crate) fn too_large(target: &Target, len: usize, limit: usize) -> Result<(), Outcome> {
    if len <= limit {
        return Ok(());
    }
    let message = format!("{target}: the request of {len} bytes was not sent: the limit is {limit} bytes");
    Err(Outcome::TooLarge(ExportError::new(ErrorKind::TooLarge, message)))
}

/// The encoder failed: another attempt may find the memory that this one lacked.
pub(crate) fn uncompressed(error: io::Error) -> Outcome {
    Outcome::retry(ExportError::new(ErrorKind::Destination, format!("the request could not be compressed: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn protocols_are_read_back_from_their_names() {
        for protocol in [Protocol::Grpc, Protocol::HttpProtobuf, Protocol::HttpJson] {
            assert_eq!(protocol.to_string().parse(), Ok(protocol));
        }
        let error = "http".parse::<Protocol>().unwrap_err().to_string();
        assert_eq!(error, r#"protocol is "http"; accepted: grpc, http/protobuf, http/json"#);
    }
}
