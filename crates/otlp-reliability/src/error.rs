//! What a policy itself answers, apart from what the operation answers.

use std::{fmt, time::Duration};

/// Why a policy ended a call without a result of the operation.
///
/// An error type that implements `From<Rejection>` can be the error of any stack of policies; each rejection is
/// converted once, where it arises. [`Error`] is such a type for those who have none of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Rejection {
    /// A circuit breaker is open: the operation was not run.
    Open {
        /// How long until the breaker may let a call through. `None`: nobody knows, because the breaker was isolated by
        /// hand or waits for the results of its probes.
        retry_after: Option<Duration>,
    },
    /// A bulkhead or an adaptive limit is full, and so is its waiting line, or the wait was too long: the operation was
    /// not run.
    Full,
    /// A rate limiter is exhausted: the operation was not run.
    RateLimited {
        /// How long until there is room for one call.
        retry_after: Duration,
    },
    /// The operation did not complete in time and was cancelled.
    Timeout {
        /// The time it was given.
        after: Duration,
    },
    /// A retry budget is used up: the operation was not run again.
    Budget,
    /// A policy has a setting that cannot work: the operation was not run. Only the calls that take settings unchecked
    /// answer this; policies that were built have checked theirs.
    Misconfigured {
        /// The name of the setting.
        field: &'static str,
        /// What would have been accepted.
        accepted: &'static str,
    },
}

impl Rejection {
    /// Whether a circuit breaker was open.
    pub fn is_open(&self) -> bool {
        matches!(self, Rejection::Open { .. })
    }

    /// How long to wait before another call makes sense, where the policy knows.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Rejection::Open { retry_after } => *retry_after,
            Rejection::RateLimited { retry_after } => Some(*retry_after),
            _ => None,
        }
    }

    /// Whether the operation ran out of time.
    pub fn is_timeout(&self) -> bool {
        matches!(self, Rejection::Timeout { .. })
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Rejection::Open { retry_after: Some(after) } => write!(f, "the circuit breaker is open for {after:?}"),
            Rejection::Open { retry_after: None } => f.write_str("the circuit breaker is open"),
            Rejection::Full => f.write_str("too many calls at once"),
            Rejection::RateLimited { retry_after } => write!(f, "too many calls: there is room in {retry_after:?}"),
            Rejection::Timeout { after } => write!(f, "no result after {after:?}"),
            Rejection::Budget => f.write_str("the retry budget is used up"),
            Rejection::Misconfigured { field, accepted } => write!(f, "{field} cannot work: it takes {accepted}"),
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
    /// Whether a circuit breaker was open. An operation's own idea of one does not count.
    pub fn is_open(&self) -> bool {
        self.rejection().is_some_and(Rejection::is_open)
    }

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
