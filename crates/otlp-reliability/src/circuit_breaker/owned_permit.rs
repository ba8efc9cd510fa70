//! A permit that keeps its breaker, for calls that outlive the scope that began them.

use super::{CircuitBreaker, CircuitPermit, machine::Ticket};
use crate::{Clock, Judge, Observer, Rejection};

/// A [`CircuitPermit`] that owns its share of the breaker, so that it can move into a spawned task or be kept in a
/// struct. It ends as the other does.
#[derive(Debug)]
#[must_use = "a permit that is dropped is a cancelled call"]
pub struct OwnedCircuitPermit<J, K: Clock, O: Observer> {
    breaker: CircuitBreaker<J, K, O>,
    ticket: Option<Ticket>,
}

impl<J: Clone, K: Clock, O: Observer + Clone> CircuitBreaker<J, K, O> {
    /// A permit as by [`try_acquire`](Self::try_acquire) that does not borrow the breaker.
    ///
    /// # Errors
    ///
    /// [`Rejection::Open`], as there.
    pub fn try_acquire_owned(&self) -> Result<OwnedCircuitPermit<J, K, O>, Rejection> {
        let mut permit = self.try_acquire()?;
        Ok(OwnedCircuitPermit { ticket: permit.ticket.take(), breaker: self.clone() })
    }
}

impl<J, K: Clock, O: Observer> OwnedCircuitPermit<J, K, O> {
    /// Has the breaker judge the result.
    pub fn record<R>(mut self, result: &R)
    where
        J: Judge<R>,
    {
        self.permit().record(result);
    }

    /// The callee works.
    pub fn success(mut self) {
        self.permit().success();
    }

    /// It does not.
    pub fn failure(mut self) {
        self.permit().failure();
    }

    /// The call says nothing about the callee, or was not made. A probe goes to the next call.
    pub fn ignore(mut self) {
        self.permit().ignore();
    }

    fn permit(&mut self) -> CircuitPermit<'_, J, K, O> {
        CircuitPermit { breaker: &self.breaker, ticket: self.ticket.take() }
    }
}

impl<J, K: Clock, O: Observer> Drop for OwnedCircuitPermit<J, K, O> {
    fn drop(&mut self) {
        drop(self.permit());
    }
}
