//! What a policy itself answers, apart from what the operation answers.

use std::{fmt, time::Duration};

/// Why a policy ended a call without a result of the operation.
///
/// An error type that implements `From<Rejection>` can be the error of any stack of policies; each rejection is
/// converted once, where it arises. [`Error`] is such a type for those who have none of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Rejection {
    /// The operation did not complete in time and was cancelled.
    Timeout {
        /// The time it was given.
        after: Duration,
    },
}

impl Rejection {
    /// Whether the operation ran out of time.
    pub fn is_timeout(&self) -> bool {
        matches!(self, Rejection::Timeout { .. })
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Rejection::Timeout { after } => write!(f, "no result after {after:?}"),
        }
    }
}

impl std::error::Error for Rejection {}

/// The error of an operation that ran under policies: a policy's rejection or the operation's own error.
///
/// ```
/// use std::time::Duration;
/// use otlp_reliability::{Error, Rejection};
///
/// let error: Error<std::num::ParseIntError> = Rejection::Timeout { after: Duration::from_secs(1) }.into();
/// assert!(error.is_timeout());
/// assert_eq!(error.to_string(), "no result after 1s");
///
/// let error = Error::Inner("x".parse::<u8>().unwrap_err());
/// assert!(error.into_inner().is_some());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Error<E> {
    /// A policy ended the call.
    Rejected(Rejection),
    /// The operation failed.
    Inner(E),
}

impl<E> Error<E> {
    /// Whether a policy ended the call because it ran out of time. An operation's own idea of a timeout does not count.
    pub fn is_timeout(&self) -> bool {
        self.rejection().is_some_and(Rejection::is_timeout)
    }

    /// The rejection, if a policy ended the call.
    pub fn rejection(&self) -> Option<&Rejection> {
        match self {
            Error::Rejected(rejection) => Some(rejection),
            Error::Inner(_) => None,
        }
    }

    /// The operation's error, if it was the operation that failed.
    pub fn into_inner(self) -> Option<E> {
        match self {
            Error::Rejected(_) => None,
            Error::Inner(error) => Some(error),
        }
    }
}

impl<E> From<Rejection> for Error<E> {
    fn from(rejection: Rejection) -> Self {
        Error::Rejected(rejection)
    }
}

impl<E: fmt::Display> fmt::Display for Error<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Rejected(rejection) => rejection.fmt(f),
            Error::Inner(error) => error.fmt(f),
        }
    }
}

impl<E: std::error::Error + 'static> std::error::Error for Error<E> {
    /// Transparent: `Display` already prints the inner error, so the chain goes on with that error's own source.
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Error::Rejected(_) => None,
            Error::Inner(error) => error.source(),
        }
    }
}
