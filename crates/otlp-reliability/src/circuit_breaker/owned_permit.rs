//! A permit that keeps its breaker, for calls that outlive the scope that began them.

use std::fmt;

use super::{CircuitBreaker, call::Call, ticket::Outcome};
use crate::{Clock, Judge, Observer, Rejection};

/// A [`CircuitPermit`](crate::CircuitPermit) that owns its share of the breaker, so that it can move into a spawned task
/// or be kept in a struct. It ends as the other does.
#[must_use = "a permit that is dropped is a cancelled call"]
pub struct OwnedCircuitPermit<J, K: Clock, O: Observer> {
    breaker: CircuitBreaker<J, K, O>,
    call: Call,
}

impl<J: Clone, K: Clock, O: Observer + Clone> CircuitBreaker<J, K, O> {
    /// A permit as by [`try_acquire`](Self::try_acquire) that does not borrow the breaker.
    ///
    /// # Errors
    ///
    /// [`Rejection::Open`], as there.
    pub fn try_acquire_owned(&self) -> Result<OwnedCircuitPermit<J, K, O>, Rejection> {
        // First: what is cloned is the user's too, and might panic.
        let breaker = self.clone();
        let mut call = breaker.begin_call()?;
        call.begin_to_wait(&breaker);
        Ok(OwnedCircuitPermit { breaker, call })
    }
}

impl<J, K: Clock, O: Observer> OwnedCircuitPermit<J, K, O> {
    /// Has the breaker judge the result.
    pub fn record<R>(mut self, result: &R)
    where
        J: Judge<R>,
    {
        self.call.settle_by(&self.breaker, result);
    }

    /// The callee works.
    pub fn success(mut self) {
        self.call.settle(&self.breaker, Outcome::Success);
    }

    /// It does not.
    pub fn failure(mut self) {
        self.call.settle(&self.breaker, Outcome::Failure);
    }

    /// The call says nothing about the callee, or was not made. A probe goes to the next call.
    pub fn ignore(mut self) {
        self.call.settle(&self.breaker, Outcome::Ignored);
    }
}

impl<J, K: Clock, O: Observer> Drop for OwnedCircuitPermit<J, K, O> {
    fn drop(&mut self) {
        self.call.abandon(&self.breaker);
    }
}

impl<J, K: Clock, O: Observer> fmt::Debug for OwnedCircuitPermit<J, K, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OwnedCircuitPermit").field("call", &self.call).finish_non_exhaustive()
    }
}
