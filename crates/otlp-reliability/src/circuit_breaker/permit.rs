//! A call that a breaker let through, until it is known how it ended.
//!
//! What must hold: each permit ends once, with a result or when it is dropped.

use std::thread;

use super::{
    CircuitBreaker,
    core::Host,
    machine::{Outcome, Surroundings, Ticket},
};
use crate::{Clock, Judge, Observer, Verdict};

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
#[derive(Debug)]
#[must_use = "a permit that is dropped is a cancelled call"]
pub struct CircuitPermit<'a, J, K: Clock, O: Observer> {
    pub(super) breaker: &'a CircuitBreaker<J, K, O>,
    pub(super) ticket: Option<Ticket>,
}

impl<'a, J, K: Clock, O: Observer> CircuitPermit<'a, J, K, O> {
    #[inline]
    pub(super) fn new(breaker: &'a CircuitBreaker<J, K, O>, ticket: Ticket) -> Self {
        CircuitPermit { breaker, ticket: Some(ticket) }
    }

    /// Has the breaker judge the result.
    #[inline]
    pub fn record<R>(self, result: &R)
    where
        J: Judge<R>,
    {
        match self.breaker.judge.judge(result) {
            Verdict::Success => self.success(),
            Verdict::Failure => self.failure(),
            Verdict::Ignore => self.ignore(),
        }
    }

    /// The callee works.
    #[inline]
    pub fn success(mut self) {
        self.settle(Outcome::Success);
    }

    /// It does not.
    #[inline]
    pub fn failure(mut self) {
        self.settle(Outcome::Failure);
    }

    /// The call says nothing about the callee, or was not made. A probe goes to the next call.
    pub fn ignore(mut self) {
        self.settle(Outcome::Ignored);
    }

    /// Notes when the call began to wait, if its end may depend on it.
    #[inline]
    pub(super) fn begin_to_wait(&mut self) {
        let host = self.breaker.host();
        if let Some(ticket) = &mut self.ticket
            && ticket.started.is_none()
            && host.core.machine.times_cancelled_calls()
        {
            ticket.started = Some(host.now());
        }
    }

    #[inline]
    fn settle(&mut self, outcome: Outcome) {
        if let Some(ticket) = self.ticket.take() {
            let host: Host<'_, K, O> = self.breaker.host();
            host.core.machine.settle(&host, ticket, outcome);
        }
    }
}

impl<J, K: Clock, O: Observer> Drop for CircuitPermit<'_, J, K, O> {
    #[inline]
    fn drop(&mut self) {
        if self.ticket.is_some() {
            self.settle(if thread::panicking() { Outcome::Failure } else { Outcome::Cancelled });
        }
    }
}
