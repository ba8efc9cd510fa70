//! One attempt, whatever the protocol: time, credentials, compression, the exchange, and a second one if the credentials
//! were refused and there are others.

use std::{borrow::Cow, fmt, io, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, header::HeaderValue};
use otlp_core::{EncodedRequest, ErrorKind, ExportError, Outcome, RetryableFailure};

use crate::{
    auth::{Answered, Authentication, Granted},
    binding::Binding,
    config::{ConfigError, RequestHeaders, Target, TransportConfig},
    connection::{Deadline, Failure, Route, Routes},
    payload::{Compressor, ContentEncoding, PreparedRequest},
};

/// Makes the attempts of a transport.
pub(crate) struct Sender<B> {
    binding: B,
    routes: Routes,
    /// Those that all requests have.
    headers: RequestHeaders,
    authentication: Authentication,
    compressor: Compressor,
    request_timeout: Option<Duration>,
    max_request_bytes: usize,
    max_response_bytes: usize,
}

impl<B: Binding> Sender<B> {
    /// Reads the files that `config` names, does no other I/O and needs no runtime.
    ///
    /// # Errors
    ///
    /// A setting is unusable; the error names it.
    pub(crate) fn new(config: &TransportConfig, binding: B) -> Result<Self, ConfigError> {
        config.check()?;
        let mut headers = HeaderMap::new();
        binding.add_headers(&mut headers);
        headers.insert(B::ACCEPT_ENCODING, HeaderValue::from_static(ContentEncoding::ACCEPTED));
        let compressor = Compressor::new(config.compression, config.compression_level);
        if let Some(name) = compressor.encoding() {
            headers.insert(B::ENCODING, HeaderValue::from_static(name));
        }
        Ok(Sender {
            routes: binding.routes(config)?,
            max_request_bytes: binding.request_limit(config),
            binding,
            headers: RequestHeaders::new(config, headers)?,
            authentication: Authentication::new(config),
            compressor,
            request_timeout: config.request_timeout,
            max_response_bytes: config.max_response_bytes,
        })
    }

    /// Opens connections ahead, by a task on the current runtime.
    pub(crate) fn start(&self) {
        self.routes.start();
    }

    /// What all requests have in their headers.
    pub(crate) fn headers(&self) -> &RequestHeaders {
        &self.headers
    }

    /// Makes one attempt.
    pub(crate) async fn send(&self, request: &EncodedRequest) -> Outcome {
        self.attempt(request, None).await.unwrap_or_else(|outcome| outcome)
    }

    /// Makes one attempt with what others have made of the request, or makes that for them.
    pub(crate) async fn send_prepared(&self, request: &PreparedRequest) -> Outcome {
        self.attempt(request.request(), Some(request)).await.unwrap_or_else(|outcome| outcome)
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

    /// The body to send, or why there is none.
    fn body(
        &self,
        route: &Route,
        request: &EncodedRequest,
        prepared: Option<&PreparedRequest>,
    ) -> Result<Vec<Bytes>, Outcome> {
        let within_limit = |len| too_large(&route.target, len, self.max_request_bytes);
        within_limit(request.len())?;
        let make = || {
            let message = self.binding.encode(request)?;
            within_limit(len(&message))?;
            self.compressor.compress(message).map_err(uncompressed)
        };
        let message = match prepared {
            Some(prepared) => prepared.form(self.compressor.form(self.binding.is_json()), make)?,
            None => make()?,
        };
        let len = len(&message);
        within_limit(len)?;
        Ok(self.binding.frame(message, len, self.compressor.encoding().is_some()))
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
        self.binding.add_deadline(&mut headers, deadline);
        let exchange = route.exchange(&headers, body, deadline).await;
        let exchange = exchange.map_err(|failure| lost(&route.target, failure))?;
        let keep = self.max_response_bytes.saturating_add(B::FRAMING);
        let received = exchange.read(keep, B::READ_PAST, deadline).await;
        Ok(self.binding.answered(&route.target, request, received, self.max_response_bytes))
    }
}

/// The outcome of an exchange that got no response.
fn lost(target: &Target, failure: Failure) -> Outcome {
    Outcome::Retry(RetryableFailure {
        error: ExportError::new(failure.kind, format!("{target}: {}", failure.message)),
        after: None,
        acknowledgement_lost: failure.may_be_processed,
    })
}

/// Refuses to send what is beyond `limit`.
fn too_large(target: &Target, len: usize, limit: usize) -> Result<(), Outcome> {
    if len <= limit {
        return Ok(());
    }
    let message = format!("{target}: the request of {len} bytes was not sent: the limit is {limit} bytes");
    Err(Outcome::TooLarge(ExportError::new(ErrorKind::TooLarge, message)))
}

/// The encoder failed: another attempt may find the memory that this one lacked.
fn uncompressed(error: io::Error) -> Outcome {
    Outcome::retry(ExportError::new(ErrorKind::Destination, format!("the request could not be compressed: {error}")))
}

fn len(segments: &[Bytes]) -> usize {
    segments.iter().map(Bytes::len).sum()
}

/// Shows no header value.
impl<B: fmt::Debug> fmt::Debug for Sender<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Sender");
        shown.field("binding", &self.binding).field("routes", &self.routes).finish_non_exhaustive()
    }
}
