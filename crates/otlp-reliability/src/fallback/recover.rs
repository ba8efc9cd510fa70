//! What answers in place of an operation that failed, and for which errors.

use std::future::{Future, ready};

/// Answers in place of an operation that failed with `E`.
///
/// [`Fallback`](crate::Fallback) has one for a value, for a function of the error and for an async function of it; an
/// implementor of one's own goes in by [`Fallback::with`](crate::Fallback::with).
pub trait Recover<T, E>: Send + Sync {
    /// The answer, or the error that is to be returned.
    fn recover(&self, error: E) -> impl Future<Output = Result<T, E>> + Send;
}

/// The same without futures.
pub trait RecoverBlocking<T, E>: Send + Sync {
    /// The answer, or the error that is to be returned.
    fn recover_blocking(&self, error: E) -> Result<T, E>;
}

/// Decides which errors are to be recovered from. Any `Fn(&E) -> bool` does.
pub trait ErrorFilter<E>: Send + Sync {
    /// Whether the fallback answers for `error`.
    fn accepts(&self, error: &E) -> bool;
}

impl<E, F: Fn(&E) -> bool + Send + Sync> ErrorFilter<E> for F {
    fn accepts(&self, error: &E) -> bool {
        self(error)
    }
}

/// Accepts every error: the default.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct AnyError;

impl<E> ErrorFilter<E> for AnyError {
    fn accepts(&self, _: &E) -> bool {
        true
    }
}

/// The same value for every error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FallbackValue<T>(pub(super) T);

/// A function of the error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FallbackFn<F>(pub(super) F);

/// An async function of the error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FallbackAsync<F>(pub(super) F);

impl<T: Clone + Send + Sync, E: Send> Recover<T, E> for FallbackValue<T> {
    fn recover(&self, error: E) -> impl Future<Output = Result<T, E>> + Send {
        ready(self.recover_blocking(error))
    }
}

impl<T: Clone + Send + Sync, E> RecoverBlocking<T, E> for FallbackValue<T> {
    fn recover_blocking(&self, _: E) -> Result<T, E> {
        Ok(self.0.clone())
    }
}

impl<T: Send, E: Send, F: Fn(E) -> Result<T, E> + Send + Sync> Recover<T, E> for FallbackFn<F> {
    fn recover(&self, error: E) -> impl Future<Output = Result<T, E>> + Send {
        ready(self.0(error))
    }
}

impl<T, E, F: Fn(E) -> Result<T, E> + Send + Sync> RecoverBlocking<T, E> for FallbackFn<F> {
    fn recover_blocking(&self, error: E) -> Result<T, E> {
        self.0(error)
    }
}

impl<T, E, F, Fut> Recover<T, E> for FallbackAsync<F>
where
    F: Fn(E) -> Fut + Send + Sync,
    Fut: Future<Output = Result<T, E>> + Send,
{
    fn recover(&self, error: E) -> impl Future<Output = Result<T, E>> + Send {
        self.0(error)
    }
}
