//! What the transports differ in: how OTLP is bound to a protocol. What they have in common is the `sender`.

use std::borrow::Cow;

use bytes::Bytes;
use http::{HeaderMap, header::HeaderName};
use otlp_core::{EncodedRequest, Outcome};

use crate::{
    auth::Answered,
    config::{ConfigError, Target, TransportConfig},
    connection::{Deadline, Received, Routes},
};

/// How a protocol words a request, and reads the answer to it.
pub(crate) trait Binding {
    /// The header that names the compression of a message.
    const ENCODING: HeaderName;

    /// The header that lists the compressions that an answer may have.
    const ACCEPT_ENCODING: HeaderName;

    /// How many bytes of framing stand before a message, in requests and in answers.
    const FRAMING: usize;

    /// How much of an over-long answer is read past to get to what follows it.
    const READ_PAST: usize;

    /// Where the requests of each signal go.
    ///
    /// # Errors
    ///
    /// An endpoint is unusable.
    fn routes(&self, config: &TransportConfig) -> Result<Routes, ConfigError>;

    /// The largest message that may be sent.
    fn request_limit(&self, config: &TransportConfig) -> usize;

    /// Adds what all requests of the protocol have in their headers beside the two above.
    fn add_headers(&self, headers: &mut HeaderMap);

    /// Adds how long the receiver has, if the protocol tells it.
    fn add_deadline(&self, headers: &mut Cow<'_, HeaderMap>, deadline: Deadline);

    /// Whether messages are JSON.
    fn is_json(&self) -> bool;

    /// The message, not compressed yet.
    ///
    /// # Errors
    ///
    /// The outcome of a request that cannot be written so.
    fn encode(&self, request: &EncodedRequest) -> Result<Vec<Bytes>, Outcome>;

    /// The body with this message of `len` bytes.
    fn frame(&self, message: Vec<Bytes>, len: usize, is_compressed: bool) -> Vec<Bytes>;

    /// What an answer means whose message may have `limit` bytes.
    fn answered(&self, target: &Target, request: &EncodedRequest, received: Received, limit: usize) -> Answered;
}
