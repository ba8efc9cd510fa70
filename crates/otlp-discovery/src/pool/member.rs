//! One endpoint of a pool: what is known of it beside where it is.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use otlp_reliability::{CircuitBreaker, CircuitState, FailOnError, Observer, OwnedCircuitPermit, TokioClock};
use parking_lot::Mutex;
use tokio::time::Instant;

use crate::Endpoint;

/// The circuit breaker of one endpoint.
pub type Breaker = CircuitBreaker<FailOnError, TokioClock, Arc<dyn Observer>>;

pub(crate) type Permit = OwnedCircuitPermit<FailOnError, TokioClock, Arc<dyn Observer>>;

/// An endpoint as its source describes it now, and its state, which outlives the description.
#[derive(Debug)]
pub(crate) struct Member {
    pub(crate) endpoint: Endpoint,
    pub(crate) state: Arc<State>,
}

#[derive(Debug)]
pub(crate) struct State {
    pub(crate) id: u64,
    pub(crate) in_flight: AtomicUsize,
    pub(crate) picked: AtomicU64,
    pub(crate) breaker: Option<Breaker>,
    /// What is asked of it before then is turned away; in nanoseconds since `born`.
    rests_until: AtomicU64,
    born: Instant,
    failed_checks: AtomicU32,
    is_failing_checks: AtomicBool,
    check_failure: Mutex<Option<String>>,
}

/// Whether an endpoint can take a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Condition {
    /// Any number.
    TakesAll,
    /// One perhaps, as a probe: its break is over.
    TakesProbe,
    /// None now.
    Rests,
}

impl State {
    pub(crate) fn new(id: u64, breaker: Option<Breaker>) -> Self {
        State {
            id,
            in_flight: AtomicUsize::new(0),
            picked: AtomicU64::new(0),
            breaker,
            rests_until: AtomicU64::new(0),
            born: Instant::now(),
            failed_checks: AtomicU32::new(0),
            is_failing_checks: AtomicBool::new(false),
            check_failure: Mutex::new(None),
        }
    }

    pub(crate) fn condition(&self) -> Condition {
        if self.rest().is_some() {
            return Condition::Rests;
        }
        match self.breaker.as_ref().map(Breaker::state) {
            None | Some(CircuitState::Closed | CircuitState::ForcedClosed) => Condition::TakesAll,
            Some(CircuitState::Isolated) => Condition::Rests,
            Some(_) => Condition::TakesProbe,
        }
    }

    /// How long it is still left alone, if it is.
    pub(crate) fn rest(&self) -> Option<Duration> {
        let until = Duration::from_nanos(self.rests_until.load(Relaxed));
        until.checked_sub(self.born.elapsed()).filter(|rest| !rest.is_zero())
    }

    /// Leaves it alone for so long, or for longer if it is already.
    pub(crate) fn leave_alone(&self, rest: Duration) {
        let until = self.born.elapsed().saturating_add(rest).as_nanos().try_into().unwrap_or(u64::MAX);
        self.rests_until.fetch_max(until, Relaxed);
    }

    /// Leaves it alone for its break, if it has one.
    pub(crate) fn rest_while_open(&self) {
        let open = self.breaker.as_ref().filter(|breaker| breaker.state() == CircuitState::Open);
        if let Some(rest) = open.and_then(|breaker| breaker.snapshot().open_for) {
            self.leave_alone(rest);
        }
    }

    /// Ends its rest and its break: the next request to it is a probe, if it was left for its failures.
    pub(crate) fn probe(&self) {
        self.rests_until.store(0, Relaxed);
        if let Some(breaker) = self.breaker.as_ref().filter(|breaker| breaker.state() == CircuitState::Open) {
            breaker.half_open();
        }
    }

    pub(crate) fn is_failing_checks(&self) -> bool {
        self.is_failing_checks.load(Relaxed)
    }

    pub(crate) fn check_failure(&self) -> Option<String> {
        self.check_failure.lock().clone()
    }

    /// A check ended; whether that changed who can take requests.
    pub(crate) fn checked(&self, failure: Option<String>, unhealthy_after: u32) -> bool {
        let is_well = failure.is_none();
        *self.check_failure.lock() = failure;
        if is_well {
            self.failed_checks.store(0, Relaxed);
            let is_back = self.is_failing_checks.swap(false, Relaxed);
            if is_back {
                self.probe();
            }
            return is_back;
        }
        let failed = self.failed_checks.fetch_add(1, Relaxed).saturating_add(1);
        failed >= unhealthy_after && !self.is_failing_checks.swap(true, Relaxed)
    }
}
