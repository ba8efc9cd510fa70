//! OTLP/HTTP: one POST per request, in protobuf or JSON (OTLP specification, "OTLP/HTTP").

mod answer;
mod retry_after;

use std::{borrow::Cow, fmt, time::Duration};

use bytes::Bytes;
use http::{
    HeaderMap, StatusCode,
    header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_TYPE, HeaderValue},
};
use otlp_core::{EncodedRequest, ErrorKind, ExportError, Outcome};

use self::answer::Answer;
pub(crate) use self::retry_after::retry_after;
use crate::{
    auth::{Answered, Authentication, Granted},
    config::{ConfigError, RequestHeaders, TransportConfig},
    connection::{Deadline, Route, Routes},
    payload::{Compressor, ContentEncoding, PreparedRequest},
    transport::{Transport, lost, too_large, uncompressed},
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
pub struct HttpTransport {
    routes: Routes,
    encoding: HttpEncoding,
    headers: RequestHeaders,
    authentication: Authentication,
    compressor: Compressor,
    request_timeout: Option<Duration>,
    max_request_bytes: usize,
    max_response_bytes: usize,
}

impl HttpTransport {
    /// A transport with the settings of `config`. Reads the files that it names, does no other I/O and needs no
    /// runtime; connections are opened by [`send`](Transport::send).
    ///
    /// # Errors
    ///
    /// A setting is unusable; the error names it.
    pub fn new(config: TransportConfig, encoding: HttpEncoding) -> Result<Self, ConfigError> {
        config.check()?;
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(encoding.content_type()));
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static(ContentEncoding::ACCEPTED));
        let compressor = Compressor::new(config.compression, config.compression_level);
        if let Some(name) = compressor.encoding() {
            headers.insert(CONTENT_ENCODING, HeaderValue::from_static(name));
        }
        Ok(HttpTransport {
            routes: Routes::http(&config)?,
            encoding,
            headers: RequestHeaders::new(&config, headers)?,
            authentication: Authentication::new(&config),
            compressor,
            request_timeout: config.request_timeout,
            max_request_bytes: config.http_request_limit(),
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

    /// The body to send, or why there is none.
    fn body(
        &self,
        route: &Route,
        request: &EncodedRequest,
        prepared: Option<&PreparedRequest>,
    ) -> Result<Vec<Bytes>, Outcome> {
        too_large(&route.target, request.len(), self.max_request_bytes)?;
        let make = || {
            let segments = match self.encoding {
                HttpEncoding::Protobuf => request.segments().to_vec(),
                HttpEncoding::Json => vec![json(request)?],
            };
            let len = segments.iter().map(Bytes::len).sum();
            too_large(&route.target, len, self.max_request_bytes)?;
            self.compressor.compress(segments).map_err(uncompressed)
        };
        let segments = match prepared {
            Some(prepared) => prepared.form(self.compressor.form(self.encoding == HttpEncoding::Json), make)?,
            None => make()?,
        };
        too_large(&route.target, segments.iter().map(Bytes::len).sum(), self.max_request_bytes)?;
        Ok(segments)
    }

    /// What was `prepared` is of the same request.
    async fn attempt(&self, request: &EncodedRequest, prepared: Option<&PreparedRequest>) -> Result<Outcome, Outcome> {
        let deadline = Deadline::after(self.request_timeout);
        let route = self.routes.of(request.signal())?;
        let body = self.body(route, request, prepared)?;
        let granted = self.authentication.granted(&route.target, deadline).await?;
        let answered = self.exchange(route, request, &body, granted.as_deref(), deadline).await?;
        match self.authentication.after(&answered, granted, &route.target, deadline).await? {
            Some(fresher) => Ok(self.exchange(route, request, &body, Some(&fresher), deadline).await?.outcome),
            None => Ok(answered.outcome),
        }
    }

    /// Sends the request once, under these credentials, and reads the answer.
    async fn exchange(
        &self,
        route: &Route,
        request: &EncodedRequest,
        body: &[Bytes],
        granted: Option<&Granted>,
        deadline: Deadline,
    ) -> Result<Answered, Outcome> {
        let current = self.headers.current();
        let mut headers = Cow::Borrowed(&*current);
        if let Some(granted) = granted {
            granted.add_to(headers.to_mut());
        }
        let exchange = route.exchange(&headers, body, deadline).await;
        let exchange = exchange.map_err(|failure| lost(&route.target, failure))?;
        let received = exchange.read(self.max_response_bytes, 0, deadline).await;
        let is_unauthenticated = received.head.status == StatusCode::UNAUTHORIZED;
        let answer = Answer::new(&route.target, request, self.encoding, received, self.max_response_bytes);
        Ok(Answered { outcome: answer.outcome(), is_unauthenticated })
    }
}

fn json(request: &EncodedRequest) -> Result<Bytes, Outcome> {
    let json = otlp_core::json::encode_request(request).map_err(|error| {
        let message = format!("the request could not be written as JSON: {error}");
        Outcome::Refused(ExportError::new(ErrorKind::Refused, message))
    })?;
    Ok(json.into())
}

impl Transport for HttpTransport {
    async fn send(&self, request: &EncodedRequest) -> Outcome {
        self.attempt(request, None).await.unwrap_or_else(|outcome| outcome)
    }

    async fn send_prepared(&self, request: &PreparedRequest) -> Outcome {
        self.attempt(request.request(), Some(request)).await.unwrap_or_else(|outcome| outcome)
    }
}

/// Shows no header value.
impl fmt::Debug for HttpTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpTransport")
            .field("routes", &self.routes)
            .field("encoding", &self.encoding)
            .finish_non_exhaustive()
    }
}
