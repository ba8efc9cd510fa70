//! Which results are final, and which call for another attempt.

use std::time::Duration;

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
