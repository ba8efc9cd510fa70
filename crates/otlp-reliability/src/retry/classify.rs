//! Which results are final, and which call for another attempt.

use std::time::Duration;

use crate::{Error, Rejection};

/// What to do with the result of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// The result is final, success or not.
    Done,
    /// Another attempt may have a better one.
    Retry,
    /// Another attempt may have a better one, but not before this delay (a server's `Retry-After`).
    ///
    /// The delay is a minimum: it is obeyed even above the largest backoff, a longer backoff stays longer, and later
    /// waits grow from it.
    RetryAfter(Duration),
}

impl Decision {
    /// What a policy's rejection calls for, in the classifier of an error type of one's own.
    ///
    /// Running out of time and finding no room may both be different next time. An open breaker and an exhausted rate
    /// limiter say when; to wait that long is up to the retry's limits (a wait that would pass `max_elapsed` is not
    /// begun). A breaker that does not know when, a used-up budget and settings that cannot work are final: they do not
    /// change by waiting a little.
    pub fn after_rejection(rejection: &Rejection) -> Decision {
        match rejection {
            Rejection::Timeout { .. } | Rejection::Full => Decision::Retry,
            Rejection::Open { retry_after: Some(delay) } | Rejection::RateLimited { retry_after: delay } => {
                Decision::RetryAfter(*delay)
            }
            Rejection::Open { retry_after: None } | Rejection::Budget | Rejection::Misconfigured { .. } => {
                Decision::Done
            }
        }
    }
}

/// Judges the results of attempts. Any `Fn(&R) -> Decision` does.
///
/// An implementor answers quickly and looks at nothing but the result and state of its own. One that turns to
/// [`Decision::Done`] at a shutdown ends every retry at its next result.
pub trait Classify<R>: Send + Sync {
    /// Judges one result.
    fn classify(&self, result: &R) -> Decision;
}

impl<R, F: Fn(&R) -> Decision + Send + Sync> Classify<R> for F {
    fn classify(&self, result: &R) -> Decision {
        self(result)
    }
}

/// Takes every `Ok` as final and no `Err`: the default.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RetryErrors;

impl<T, E> Classify<Result<T, E>> for RetryErrors {
    #[inline]
    fn classify(&self, result: &Result<T, E>) -> Decision {
        if result.is_ok() { Decision::Done } else { Decision::Retry }
    }
}

/// Takes every `Ok` as final, and of the [`Error`]s those whose rejection does not pass by waiting
/// ([`Decision::after_rejection`]): for a retry around policies that reject.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RetryTransient;

impl<T, E> Classify<Result<T, Error<E>>> for RetryTransient {
    #[inline]
    fn classify(&self, result: &Result<T, Error<E>>) -> Decision {
        match result {
            Ok(_) => Decision::Done,
            Err(Error::Inner(_)) => Decision::Retry,
            Err(Error::Rejected(rejection)) => Decision::after_rejection(rejection),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn rejections_that_pass_are_waited_for_and_others_are_final() {
        let decide = |error: Error<u8>| RetryTransient.classify(&Err::<(), _>(error));
        assert_eq!(RetryTransient.classify(&Ok::<_, Error<u8>>(())), Decision::Done);
        assert_eq!(decide(Error::Inner(1)), Decision::Retry);
        for (rejection, decision) in [
            (Rejection::Timeout { after: SECOND }, Decision::Retry),
            (Rejection::Full, Decision::Retry),
            (Rejection::Open { retry_after: Some(SECOND) }, Decision::RetryAfter(SECOND)),
            (Rejection::RateLimited { retry_after: SECOND }, Decision::RetryAfter(SECOND)),
            (Rejection::Open { retry_after: None }, Decision::Done),
            (Rejection::Budget, Decision::Done),
            (Rejection::Misconfigured { field: "max_attempts", accepted: "1 or more" }, Decision::Done),
        ] {
            assert_eq!(decide(rejection.into()), decision, "{rejection:?}");
        }
    }
}
