//! OTLP/gRPC: one unary `Export` call per request over HTTP/2 (OTLP specification, "OTLP/gRPC"; gRPC over HTTP2).

mod answer;
mod code;
mod timeout;

use std::{fmt, time::Duration};

use bytes::Bytes;
use http::{
    HeaderMap,
    header::{CONTENT_TYPE, HeaderName, HeaderValue, TE},
};
use otlp_core::{EncodedRequest, Outcome, Signal};

use self::answer::Answer;
use crate::{
    auth::{Answered, Authentication, Granted},
    config::{ConfigError, RequestHeaders, TransportConfig},
    connection::{Deadline, Route, Routes},
    payload::{Compressor, ContentEncoding, PreparedRequest},
    transport::{Transport, lost, too_large, uncompressed},
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
pub struct GrpcTransport {
    routes: Routes,
    headers: RequestHeaders,
    authentication: Authentication,
    compressor: Compressor,
    request_timeout: Option<Duration>,
    max_request_bytes: usize,
    max_response_bytes: usize,
}

impl GrpcTransport {
    /// A transport with the settings of `config`. Reads the files that it names, does no other I/O and needs no
    /// runtime; connections are opened by [`send`](Transport::send).
    ///
    /// # Errors
    ///
    /// A setting is unusable; the error names it.
    pub fn new(config: TransportConfig) -> Result<Self, ConfigError> {
        config.check()?;
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
        // Tells proxies that cannot forward trailers apart from those that can.
        headers.insert(TE, HeaderValue::from_static("trailers"));
        headers.insert(GRPC_ACCEPT_ENCODING, HeaderValue::from_static(ContentEncoding::ACCEPTED));
        let compressor = Compressor::new(config.compression, config.compression_level);
        if let Some(name) = compressor.encoding() {
            headers.insert(GRPC_ENCODING, HeaderValue::from_static(name));
        }
        Ok(GrpcTransport {
            routes: Routes::grpc(&config, method)?,
            headers: RequestHeaders::new(&config, headers)?,
            authentication: Authentication::new(&config),
            compressor,
            request_timeout: config.request_timeout,
            max_request_bytes: config.grpc_request_limit(),
            max_response_bytes: config.max_response_bytes,
        })
    }

    /// Opens connections ahead, as [`AnyTransport::start`](crate::AnyTransport::start) does.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime with I/O and time enabled.
    pub fn start(&self) {
        self.routes.start();
    }

    /// What every request carries.
    pub(crate) fn headers(&self) -> &RequestHeaders {
        &self.headers
    }

    /// The message to send with its prefix in front, or why there is none.
    fn message(
        &self,
        route: &Route,
        request: &EncodedRequest,
        prepared: Option<&PreparedRequest>,
    ) -> Result<Vec<Bytes>, Outcome> {
        too_large(&route.target, request.len(), self.max_request_bytes)?;
        let make = || self.compressor.compress(request.segments().to_vec()).map_err(uncompressed);
        let message = match prepared {
            Some(prepared) => prepared.form(self.compressor.form(false), make)?,
            None => make()?,
        };
        let len = message.iter().map(Bytes::len).sum();
        too_large(&route.target, len, self.max_request_bytes)?;
        let mut prefix = [0; PREFIX];
        prefix[0] = u8::from(self.compressor.encoding().is_some());
        // The limit is below 4 GiB.
        prefix[1..].copy_from_slice(&(len as u32).to_be_bytes());
        let mut segments = Vec::with_capacity(message.len() + 1);
        segments.push(Bytes::copy_from_slice(&prefix));
        segments.extend(message);
        Ok(segments)
    }

    /// What was `prepared` is of the same request.
    async fn attempt(&self, request: &EncodedRequest, prepared: Option<&PreparedRequest>) -> Result<Outcome, Outcome> {
        let deadline = Deadline::after(self.request_timeout);
        let route = self.routes.of(request.signal())?;
        let message = self.message(route, request, prepared)?;
        let granted = self.authentication.granted(&route.target, deadline).await?;
        let answered = self.exchange(route, request, &message, granted.as_deref(), deadline).await?;
        match self.authentication.after(&answered, granted, &route.target, deadline).await? {
            Some(fresher) => Ok(self.exchange(route, request, &message, Some(&fresher), deadline).await?.outcome),
            None => Ok(answered.outcome),
        }
    }

    /// Sends the request once, under these credentials, and reads the answer.
    async fn exchange(
        &self,
        route: &Route,
        request: &EncodedRequest,
        message: &[Bytes],
        granted: Option<&Granted>,
        deadline: Deadline,
    ) -> Result<Answered, Outcome> {
        let mut headers = HeaderMap::clone(&self.headers.current());
        if let Some(granted) = granted {
            granted.add_to(&mut headers);
        }
        if let Some(left) = deadline.left() {
            headers.insert(GRPC_TIMEOUT, timeout::header_value(left));
        }
        let exchange = route.exchange(&headers, message, deadline).await;
        let exchange = exchange.map_err(|failure| lost(&route.target, failure))?;
        let keep = self.max_response_bytes.saturating_add(PREFIX);
        let received = exchange.read(keep, READ_PAST, deadline).await;
        let answer = Answer { target: &route.target, request, limit: self.max_response_bytes };
        Ok(Answered { is_unauthenticated: answer.is_unauthenticated(&received), outcome: answer.outcome(received) })
    }
}

impl Transport for GrpcTransport {
    async fn send(&self, request: &EncodedRequest) -> Outcome {
        self.attempt(request, None).await.unwrap_or_else(|outcome| outcome)
    }

    async fn send_prepared(&self, request: &PreparedRequest) -> Outcome {
        self.attempt(request.request(), Some(request)).await.unwrap_or_else(|outcome| outcome)
    }
}

/// Shows no header value.
impl fmt::Debug for GrpcTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GrpcTransport").field("routes", &self.routes).finish_non_exhaustive()
    }
}
