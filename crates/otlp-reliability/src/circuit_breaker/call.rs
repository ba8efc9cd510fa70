//! A call on its way, as the permits hold it: its ticket, and whether it has ended.
//!
//! What must hold: each call ends once.

use std::thread;

use super::{
    CircuitBreaker,
    ticket::{Outcome, Ticket},
};
use crate::{Clock, Judge, Observer, Verdict};

#[derive(Debug)]
pub(super) struct Call {
    ticket: Ticket,
    is_settled: bool,
}

impl Call {
    #[inline]
    pub(super) fn new(ticket: Ticket) -> Self {
        Call { ticket, is_settled: false }
    }

    /// Notes when the call began to wait, if its end may depend on it.
    #[inline]
    pub(super) fn begin_to_wait<J, K: Clock, O: Observer>(&mut self, breaker: &CircuitBreaker<J, K, O>) {
        let host = breaker.host();
        host.core.machine.begin_to_wait(&host, &mut self.ticket);
    }

    /// Ends the call as the breaker judges its result.
    #[inline]
    pub(super) fn settle_by<R, J, K, O>(&mut self, breaker: &CircuitBreaker<J, K, O>, result: &R)
    where
        J: Judge<R>,
        K: Clock,
        O: Observer,
    {
        let outcome = match breaker.judge.judge(result) {
            Verdict::Success => Outcome::Success,
            Verdict::Failure => Outcome::Failure,
            Verdict::Ignore => Outcome::Ignored,
        };
        self.settle(breaker, outcome);
    }

    #[inline]
    pub(super) fn settle<J, K: Clock, O: Observer>(&mut self, breaker: &CircuitBreaker<J, K, O>, outcome: Outcome) {
        if !self.is_settled {
            self.is_settled = true;
            let host = breaker.host();
            host.core.machine.settle(&host, &self.ticket, outcome);
        }
    }

    /// Ends the call if nobody has: what a panic ends has failed, whoever's panic it is; anything else was cancelled.
    #[inline]
    pub(super) fn abandon<J, K: Clock, O: Observer>(&mut self, breaker: &CircuitBreaker<J, K, O>) {
        if !self.is_settled {
            self.settle(breaker, if thread::panicking() { Outcome::Failure } else { Outcome::Cancelled });
        }
    }
}
