//! An endpoint that was chosen for a request, until the request has ended.

use std::{
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Duration,
};

use otlp_reliability::{CircuitState, Verdict};

use super::{
    member::{Breaker, Member, Permit},
    members::Members,
};
use crate::Endpoint;

/// The endpoint of one request. As long as it is held the request counts as in flight.
///
/// Whoever knows how the request ended says so ([`Picked::report`]). Dropped without a word, the request was cancelled,
/// which counts as the circuit breaker's [`OnCancel`](otlp_reliability::OnCancel) says: by default as a failure, for it
/// may have been cancelled because the endpoint hangs. Where nothing was sent, report [`Verdict::Ignore`].
#[derive(Debug)]
#[must_use = "an endpoint that is picked and dropped took no request"]
pub struct Picked {
    members: Arc<Members>,
    member: Arc<Member>,
    permit: Option<Permit>,
}

impl Picked {
    pub(super) fn new(members: Arc<Members>, member: Arc<Member>, permit: Option<Permit>) -> Self {
        member.state.in_flight.fetch_add(1, Relaxed);
        member.state.picked.fetch_add(1, Relaxed);
        Picked { members, member, permit }
    }

    /// Where the request goes.
    pub fn endpoint(&self) -> &Endpoint {
        &self.member.endpoint
    }

    /// Which endpoint it is: the same number for as long as it is there, and never again for another.
    pub fn id(&self) -> u64 {
        self.member.state.id
    }

    /// The endpoint's circuit breaker, unless there is none.
    pub fn breaker(&self) -> Option<&Breaker> {
        self.member.state.breaker.as_ref()
    }

    /// The request ended, and says this of the endpoint.
    pub fn report(mut self, verdict: Verdict) {
        let state = &self.member.state;
        let is_change = match (self.permit.take(), verdict) {
            (None, Verdict::Success) => self.works_after_all(),
            (None, _) => false,
            (Some(permit), verdict) => {
                let before = state.condition();
                match verdict {
                    Verdict::Success => permit.success(),
                    Verdict::Failure => permit.failure(),
                    Verdict::Ignore => permit.ignore(),
                }
                state.rest_while_open();
                before != state.condition()
            }
        };
        if is_change {
            self.members.changed();
        }
    }

    /// The endpoint asked to be left alone for so long: it works, but takes no requests until then.
    pub fn leave_alone(self, rest: Duration) {
        self.member.state.leave_alone(rest);
        self.report(Verdict::Ignore);
    }

    /// It was used for want of a better one, and has answered.
    fn works_after_all(&self) -> bool {
        let Some(breaker) = &self.member.state.breaker else { return false };
        self.member.state.probe();
        let probe = (breaker.state() == CircuitState::HalfOpen).then(|| breaker.try_acquire_owned().ok()).flatten();
        probe.map(Permit::success).is_some()
    }
}

impl Drop for Picked {
    fn drop(&mut self) {
        self.member.state.in_flight.fetch_sub(1, Relaxed);
        if self.permit.take().is_some() {
            self.member.state.rest_while_open();
            self.members.changed();
        }
    }
}
