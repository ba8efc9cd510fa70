//! An error for services that have none of their own: four kinds of failure, each with a text, that any stack of
//! policies can return.

use std::fmt;

use crate::{Error, Rejection};

/// What went wrong, by kind, with a text.
///
/// Rejections of policies convert into it, so it can be the error of any stack of policies:
/// [`Rejection::Timeout`] becomes [`UnifiedError::Timeout`], all others [`UnifiedError::System`]; the text is the
/// rejection's own, waits included. Who needs the rejection as data uses [`Error`] instead.
///
/// ```
/// use std::time::Duration;
/// use otlp_reliability::{Timeout, UnifiedError};
///
/// async fn fetch() -> Result<String, UnifiedError> {
///     Err(UnifiedError::Network("connection refused".to_string()))
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let error = Timeout::new(Duration::from_secs(1)).execute(fetch).await.unwrap_err();
/// assert_eq!(error.to_string(), "network error: connection refused");
/// assert!(error.is_retryable());
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum UnifiedError {
    /// The callee could not be reached, or the connection broke.
    Network(String),
    /// The callee did not answer in time.
    Timeout(String),
    /// The callee, or something between, is broken or overloaded.
    System(String),
    /// The call itself is wrong; the same call will fail again.
    Business(String),
}

impl UnifiedError {
    /// Whether the same call may succeed later: everything but [`UnifiedError::Business`].
    pub fn is_retryable(&self) -> bool {
        !matches!(self, UnifiedError::Business(_))
    }

    /// Whether it is a timeout, of the callee or of a policy.
    pub fn is_timeout(&self) -> bool {
        matches!(self, UnifiedError::Timeout(_))
    }

    /// The text, without the kind.
    pub fn message(&self) -> &str {
        match self {
            UnifiedError::Network(message)
            | UnifiedError::Timeout(message)
            | UnifiedError::System(message)
            | UnifiedError::Business(message) => message,
        }
    }
}

impl fmt::Display for UnifiedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self {
            UnifiedError::Network(_) => "network error",
            UnifiedError::Timeout(_) => "timeout",
            UnifiedError::System(_) => "system error",
            UnifiedError::Business(_) => "business error",
        };
        write!(f, "{kind}: {}", self.message())
    }
}

impl std::error::Error for UnifiedError {}

impl From<Rejection> for UnifiedError {
    fn from(rejection: Rejection) -> Self {
        let message = rejection.to_string();
        if rejection.is_timeout() { UnifiedError::Timeout(message) } else { UnifiedError::System(message) }
    }
}

impl From<Error<UnifiedError>> for UnifiedError {
    fn from(error: Error<UnifiedError>) -> Self {
        match error {
            Error::Rejected(rejection) => rejection.into(),
            Error::Inner(error) => error,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn only_what_would_fail_again_is_not_retryable() {
        let text = || "x".to_string();
        assert!(UnifiedError::Network(text()).is_retryable());
        assert!(UnifiedError::Timeout(text()).is_retryable());
        assert!(UnifiedError::System(text()).is_retryable());
        assert!(!UnifiedError::Business(text()).is_retryable());
    }

    #[test]
    fn each_rejection_keeps_its_text_and_a_timeout_its_kind() {
        let second = Duration::from_secs(1);
        let rejections = [
            Rejection::Open { retry_after: Some(second) },
            Rejection::Full,
            Rejection::RateLimited { retry_after: second },
            Rejection::Timeout { after: second },
            Rejection::Budget,
        ];
        for rejection in rejections {
            let error = UnifiedError::from(rejection);
            assert_eq!(error.message(), rejection.to_string());
            assert_eq!(error.is_timeout(), rejection.is_timeout());
            assert_eq!(UnifiedError::from(Error::<UnifiedError>::Rejected(rejection)), error);
        }
        let own = UnifiedError::Business("no such account".to_string());
        assert_eq!(UnifiedError::from(Error::Inner(own.clone())), own);
        assert_eq!(own.to_string(), "business error: no such account");
    }
}
