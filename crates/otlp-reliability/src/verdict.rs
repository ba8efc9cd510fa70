//! What a result says about the one who gave it: the question that breakers, adaptive limits and outlier detection ask.

/// What a result says about the callee.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// It works.
    Success,
    /// It does not, or not well enough.
    Failure,
    /// Neither: the caller's own mistake, such as a request for something that does not exist.
    Ignore,
}

/// Judges results. Any `Fn(&R) -> Verdict` does.
///
/// An implementor answers quickly and looks at nothing but the result and state of its own.
///
/// ```
/// use otlp_reliability::{Judge, Verdict};
///
/// /// A status code of the server's class is its failure; one of the client's class is not.
/// fn by_status(status: &u16) -> Verdict {
///     match status {
///         500.. => Verdict::Failure,
///         400..500 => Verdict::Ignore,
///         _ => Verdict::Success,
///     }
/// }
///
/// assert_eq!(by_status.judge(&503), Verdict::Failure);
/// ```
pub trait Judge<R>: Send + Sync {
    /// Judges one result.
    fn judge(&self, result: &R) -> Verdict;
}

impl<R, F: Fn(&R) -> Verdict + Send + Sync> Judge<R> for F {
    fn judge(&self, result: &R) -> Verdict {
        self(result)
    }
}

/// Takes every `Err` as a failure: the default.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FailOnError;

impl<T, E> Judge<Result<T, E>> for FailOnError {
    #[inline]
    fn judge(&self, result: &Result<T, E>) -> Verdict {
        if result.is_ok() { Verdict::Success } else { Verdict::Failure }
    }
}
