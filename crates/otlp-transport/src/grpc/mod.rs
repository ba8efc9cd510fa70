//! OTLP/gRPC: one unary `Export` call per request over HTTP/2 (OTLP specification, "OTLP/gRPC"; gRPC over HTTP2).

mod answer;
mod code;
mod timeout;

use std::borrow::Cow;

use bytes::Bytes;
use http::{
    HeaderMap,
    header::{CONTENT_TYPE, HeaderName, HeaderValue, TE},
};
use otlp_core::{EncodedRequest, Outcome, Signal};

use self::answer::Answer;
use crate::{
    auth::Answered,
    binding::Binding,
    config::{ConfigError, RequestHeaders, Target, TransportConfig},
    connection::{Deadline, Received, Routes},
    payload::PreparedRequest,
    sender::Sender,
    transport::Transport,
};

const GRPC_TIMEOUT: HeaderName = HeaderName::from_static("grpc-timeout");
const GRPC_ENCODING: HeaderName = HeaderName::from_static("grpc-encoding");
const GRPC_ACCEPT_ENCODING: HeaderName = HeaderName::from_static("grpc-accept-encoding");

/// What stands before each message: whether it is compressed, and its length.
const PREFIX: usize = 5;

/// How much of an over-long response is read past to get to its status: no OTLP message is longer.
const READ_PAST: usize = 64 << 20;

const fn method(signal: Signal) -> &'static str {
    match signal {
        Signal::Traces => "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
        Signal::Metrics => "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
        Signal::Logs => "/opentelemetry.proto.collector.logs.v1.LogsService/Export",
    }
}

/// Delivers over gRPC: HTTP/2 with prior knowledge on `http`, by ALPN on `https`.
#[derive(Debug)]
pub struct GrpcTransport {
    sender: Sender<Grpc>,
}

impl GrpcTransport {
    /// A transport with the settings of `config`. Reads the files that it names, does no other I/O and needs no
    /// runtime; connections are opened by [`send`](Transport::send).
    ///
    /// # Errors
    ///
    /// A setting is unusable; the error names it.
    pub fn new(config: TransportConfig) -> Result<Self, ConfigError> {
        Ok(GrpcTransport { sender: Sender::new(&config, Grpc)? })
    }

    /// Opens connections ahead, as [`AnyTransport::start`](crate::AnyTransport::start) does.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime with I/O and time enabled.
    pub fn start(&self) {
        self.sender.start();
    }

    /// What all requests have in their headers.
    pub(crate) fn headers(&self) -> &RequestHeaders {
        self.sender.headers()
    }
}

impl Transport for GrpcTransport {
    async fn send(&self, request: &EncodedRequest) -> Outcome {
        self.sender.send(request).await
    }

    async fn send_prepared(&self, request: &PreparedRequest) -> Outcome {
        self.sender.send_prepared(request).await
    }
}

#[derive(Debug)]
struct Grpc;

impl Binding for Grpc {
    const ENCODING: HeaderName = GRPC_ENCODING;
    const ACCEPT_ENCODING: HeaderName = GRPC_ACCEPT_ENCODING;
    const FRAMING: usize = PREFIX;
    const READ_PAST: usize = READ_PAST;

    fn routes(&self, config: &TransportConfig) -> Result<Routes, ConfigError> {
        Routes::grpc(config, method)
    }

    fn request_limit(&self, config: &TransportConfig) -> usize {
        config.grpc_request_limit()
    }

    fn add_headers(&self, headers: &mut HeaderMap) {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
        // Tells proxies that cannot forward trailers apart from those that can.
        headers.insert(TE, HeaderValue::from_static("trailers"));
    }

    fn add_deadline(&self, headers: &mut Cow<'_, HeaderMap>, deadline: Deadline) {
        if let Some(left) = deadline.left() {
            headers.to_mut().insert(GRPC_TIMEOUT, timeout::header_value(left));
        }
    }

    fn is_json(&self) -> bool {
        false
    }

    fn encode(&self, request: &EncodedRequest) -> Result<Vec<Bytes>, Outcome> {
        Ok(request.segments().to_vec())
    }

    fn frame(&self, message: Vec<Bytes>, len: usize, is_compressed: bool) -> Vec<Bytes> {
        let mut prefix = [0; PREFIX];
        prefix[0] = u8::from(is_compressed);
        // The limit is below 4 GiB.
        prefix[1..].copy_from_slice(&(len as u32).to_be_bytes());
        let mut segments = Vec::with_capacity(message.len() + 1);
        segments.push(Bytes::copy_from_slice(&prefix));
        segments.extend(message);
        segments
    }

    fn answered(&self, target: &Target, request: &EncodedRequest, received: Received, limit: usize) -> Answered {
        let answer = Answer { target, request, limit };
        Answered { is_unauthenticated: answer.is_unauthenticated(&received), outcome: answer.outcome(received) }
    }
}
