//! OTLP/HTTP: one POST per request, in protobuf or JSON (OTLP specification, "OTLP/HTTP").

mod answer;
mod retry_after;

use std::borrow::Cow;

use bytes::Bytes;
use http::{
    HeaderMap, StatusCode,
    header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_TYPE, HeaderName, HeaderValue},
};
use otlp_core::{EncodedRequest, ErrorKind, ExportError, Outcome};

use self::answer::Answer;
pub use self::retry_after::retry_after;
use crate::{
    auth::Answered,
    binding::Binding,
    config::{ConfigError, RequestHeaders, Target, TransportConfig},
    connection::{Deadline, Received, Routes},
    payload::PreparedRequest,
    sender::Sender,
    transport::Transport,
};

/// How requests are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum HttpEncoding {
    /// Binary protobuf: the bytes as they are.
    #[default]
    Protobuf,
    /// OTLP JSON, several times the size of the protobuf that it is made of. For receivers and debugging that need it.
    Json,
}

impl HttpEncoding {
    const fn content_type(self) -> &'static str {
        match self {
            HttpEncoding::Protobuf => "application/x-protobuf",
            HttpEncoding::Json => "application/json",
        }
    }
}

/// Delivers over HTTP/1.1, or HTTP/2 where an `https` receiver offers it.
#[derive(Debug)]
pub struct HttpTransport {
    sender: Sender<HttpEncoding>,
}

impl HttpTransport {
    /// A transport with the settings of `config`. Reads the files that it names, does no other I/O and needs no
    /// runtime; connections are opened by [`send`](Transport::send).
    ///
    /// # Errors
    ///
    /// A setting is unusable; the error names it.
    pub fn new(config: TransportConfig, encoding: HttpEncoding) -> Result<Self, ConfigError> {
        Ok(HttpTransport { sender: Sender::new(&config, encoding)? })
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

impl Transport for HttpTransport {
    async fn send(&self, request: &EncodedRequest) -> Outcome {
        self.sender.send(request).await
    }

    async fn send_prepared(&self, request: &PreparedRequest) -> Outcome {
        self.sender.send_prepared(request).await
    }
}

impl Binding for HttpEncoding {
    const ENCODING: HeaderName = CONTENT_ENCODING;
    const ACCEPT_ENCODING: HeaderName = ACCEPT_ENCODING;
    const FRAMING: usize = 0;
    const READ_PAST: usize = 0;

    fn routes(&self, config: &TransportConfig) -> Result<Routes, ConfigError> {
        Routes::http(config)
    }

    fn request_limit(&self, config: &TransportConfig) -> usize {
        config.http_request_limit()
    }

    fn add_headers(&self, headers: &mut HeaderMap) {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(self.content_type()));
    }

    /// HTTP has no header for it.
    fn add_deadline(&self, _headers: &mut Cow<'_, HeaderMap>, _deadline: Deadline) {}

    fn is_json(&self) -> bool {
        *self == HttpEncoding::Json
    }

    fn encode(&self, request: &EncodedRequest) -> Result<Vec<Bytes>, Outcome> {
        match self {
            HttpEncoding::Protobuf => Ok(request.segments().to_vec()),
            HttpEncoding::Json => Ok(vec![json(request)?]),
        }
    }

    /// The message is the body.
    fn frame(&self, message: Vec<Bytes>, _len: usize, _is_compressed: bool) -> Vec<Bytes> {
        message
    }

    fn answered(&self, target: &Target, request: &EncodedRequest, received: Received, limit: usize) -> Answered {
        let is_unauthenticated = received.head.status == StatusCode::UNAUTHORIZED;
        let outcome = Answer::new(target, request, *self, received, limit).outcome();
        Answered { outcome, is_unauthenticated }
    }
}

fn json(request: &EncodedRequest) -> Result<Bytes, Outcome> {
    let json = otlp_core::json::encode_request(request).map_err(|error| {
        let message = format!("the request could not be written as JSON: {error}");
        Outcome::Refused(ExportError::new(ErrorKind::Refused, message))
    })?;
    Ok(json.into())
}
