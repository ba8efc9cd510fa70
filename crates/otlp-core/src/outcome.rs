//! What became of an attempt to deliver: the vocabulary that transports, exporters, the dispatcher and the ledger share.

use std::{fmt, time::Duration};

/// How one attempt to deliver a batch ended (OTLP specification, "OTLP/gRPC Response" and "OTLP/HTTP Response").
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Outcome {
    /// The receiver acknowledged the batch.
    Delivered(PartialSuccess),
    /// It may succeed later.
    Retry(RetryableFailure),
    /// The batch is larger than the receiver takes: halves of it may pass, the whole never will.
    TooLarge(ExportError),
    /// The receiver refused the batch for good.
    Refused(ExportError),
}

/// What a receiver said beside "accepted".
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PartialSuccess {
    /// How many items the receiver rejected. They are not sent again.
    pub rejected: u64,
    /// Why, or a warning if none was rejected; empty if the receiver had nothing to say.
    pub message: String,
}

/// A failure after which the same batch may be sent again.
#[derive(Debug, Clone, PartialEq)]
pub struct RetryableFailure {
    /// What happened.
    pub error: ExportError,
    /// How long the receiver asked to wait (`Retry-After`, `RetryInfo`).
    pub after: Option<Duration>,
    /// Whether the whole request may have reached the receiver while its answer never came: then a retry may deliver
    /// the items twice.
    pub acknowledgement_lost: bool,
}

/// Why an attempt failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExportError {
    kind: ErrorKind,
    message: String,
}

/// The class of an [`ExportError`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// No connection, a connection that broke, a failed TLS handshake.
    Network,
    /// No answer in time.
    Timeout,
    /// The receiver said that it cannot serve now.
    Unavailable,
    /// The receiver said that it is sent too much.
    Throttled,
    /// The receiver said who we are is not enough.
    Unauthorized,
    /// The receiver refused the content, the path or the method.
    Refused,
    /// Larger than the receiver takes.
    TooLarge,
    /// The answer was no answer of an OTLP receiver.
    Protocol,
    /// The destination itself failed (a file, the user's own exporter).
    Destination,
}

impl ExportError {
    /// An error of `kind`; `message` says what happened, where, and what to do.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        ExportError { kind, message: message.into() }
    }

    /// The class.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// What happened.
    pub fn message(&self) -> &str {
        &self.message
    }
}

impl fmt::Display for ExportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for ExportError {}

impl Outcome {
    /// Acknowledged in full, with nothing to say.
    pub fn delivered() -> Self {
        Outcome::Delivered(PartialSuccess::default())
    }

    /// A failure worth another attempt.
    pub fn retry(error: ExportError) -> Self {
        Outcome::Retry(RetryableFailure { error, after: None, acknowledgement_lost: false })
    }

    /// Whether the same batch may be sent again.
    pub fn is_retryable(&self) -> bool {
        matches!(self, Outcome::Retry(_))
    }
}
