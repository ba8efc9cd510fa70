//! A call that a breaker let through, until it is known how it ended.

use std::fmt;

use super::{CircuitBreaker, call::Call, ticket::Outcome};
use crate::{Clock, Judge, Observer, Rejection};

/// A call that a [`CircuitBreaker`] let through. Whoever has the result says so.
///
/// Dropped without a word, the call counts as cancelled ([`OnCancel`](crate::OnCancel)); dropped by a panic, as failed.
///
/// ```
/// use std::time::Duration;
/// use otlp_reliability::{CircuitBreaker, CircuitState, Rejection};
///
/// let breaker = CircuitBreaker::new(2, Duration::from_secs(10));
/// for line in ["1", "x", "y"] {
///     let permit = breaker.try_acquire()?;
///     match line.parse::<u32>() {
///         Ok(_) => permit.success(),
///         Err(_) => permit.failure(),
///     }
/// }
/// assert_eq!(breaker.state(), CircuitState::Open);
/// # Ok::<(), Rejection>(())
/// ```
#[must_use = "a permit that is dropped is a cancelled call"]
pub struct CircuitPermit<'a, J, K: Clock, O: Observer> {
    breaker: &'a CircuitBreaker<J, K, O>,
    call: Call,
}

impl<J, K: Clock, O: Observer> CircuitBreaker<J, K, O> {
    /// A permit for one call, if the breaker lets it through.
    ///
    /// # Errors
    ///
    /// [`Rejection::Open`], with the rest of the break. It has no `retry_after` while the breaker is isolated, or while
    /// it waits for its probes.
    pub fn try_acquire(&self) -> Result<CircuitPermit<'_, J, K, O>, Rejection> {
        let mut permit = self.admit()?;
        permit.begin_to_wait();
        Ok(permit)
    }

    #[inline]
    pub(super) fn admit(&self) -> Result<CircuitPermit<'_, J, K, O>, Rejection> {
        Ok(CircuitPermit { breaker: self, call: self.begin_call()? })
    }
}

impl<J, K: Clock, O: Observer> CircuitPermit<'_, J, K, O> {
    /// Has the breaker judge the result.
    pub fn record<R>(mut self, result: &R)
    where
        J: Judge<R>,
    {
        self.settle_by(result);
    }

    /// The callee works.
    pub fn success(mut self) {
        self.call.settle(self.breaker, Outcome::Success);
    }

    /// It does not.
    pub fn failure(mut self) {
        self.call.settle(self.breaker, Outcome::Failure);
    }

    /// The call says nothing about the callee, or was not made. A probe goes to the next call.
    pub fn ignore(mut self) {
        self.call.settle(self.breaker, Outcome::Ignored);
    }

    #[inline]
    pub(super) fn begin_to_wait(&mut self) {
        self.call.begin_to_wait(self.breaker);
    }

    #[inline]
    pub(super) fn settle_by<R>(&mut self, result: &R)
    where
        J: Judge<R>,
    {
        self.call.settle_by(self.breaker, result);
    }
}

impl<J, K: Clock, O: Observer> Drop for CircuitPermit<'_, J, K, O> {
    #[inline]
    fn drop(&mut self) {
        self.call.abandon(self.breaker);
    }
}

impl<J, K: Clock, O: Observer> fmt::Debug for CircuitPermit<'_, J, K, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CircuitPermit").field("call", &self.call).finish_non_exhaustive()
    }
}
