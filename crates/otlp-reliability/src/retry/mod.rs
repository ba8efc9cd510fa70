//! Retry: run an operation again until its result is final or a limit forbids it.
//!
//! The decisions are pure (`progress`, `backoff`), what follows a result is one place for calls with and without futures
//! (`call`); this file only runs the operation and sleeps. What must hold:
//!
//! - The last result is returned as it came; a retry adds no error of its own.
//! - Every wait goes through the [`Clock`], and the elapsed time is looked at again after it: a clock may end a sleep
//!   early or late.
//! - The clock is read only if a limit on the elapsed time is set.
//! - A first attempt that settles the call takes no lock and counts nothing.

mod backoff;
mod bare;
mod budget;
mod call;
mod classify;
mod core;
mod jitter;
mod policy;
mod progress;
mod snapshot;

use std::{future::Future, sync::Arc};

pub(crate) use self::bare::retry_errors;
pub use self::{
    backoff::Backoff,
    budget::{PercentageBudget, RetryBudget, RetryBudgetConfig, RetryBudgetSnapshot, TokenBudget},
    classify::{Classify, Decision, RetryErrors, RetryTransient},
    jitter::Jitter,
    policy::RetryPolicy,
    snapshot::RetrySnapshot,
};
use self::{call::Call, core::Core};
use crate::{BlockingPolicy, Clock, Control, Controlled, Observer, Policy, Rejection, Timeout, TokioClock};

/// Runs operations again while their result calls for it. Built by [`RetryPolicy::build`].
///
/// Clones share settings and figures, and no call waits for another. A call takes its settings when its first attempt
/// has failed; a reload concerns the calls that have not come so far.
///
/// Where each attempt shall have a time limit, put a [`Timeout`] inside: as `(retry, timeout)` for calls through
/// [`Policy`], or by [`execute_each_within`](Retry::execute_each_within). It is no setting of the retry because a retry
/// needs nothing from the type of the results, and a time limit has to make one.
///
/// ```
/// use std::{cell::Cell, time::Duration};
/// use otlp_reliability::{Decision, RetryPolicy};
///
/// enum Reply {
///     Done,
///     BusyFor(Duration),
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), otlp_reliability::ConfigError> {
/// let retry = RetryPolicy::new().build()?.with_classifier(|reply: &Reply| match reply {
///     Reply::Done => Decision::Done,
///     Reply::BusyFor(delay) => Decision::RetryAfter(*delay),
/// });
///
/// let calls = Cell::new(0);
/// let reply = retry
///     .execute(|| async {
///         calls.set(calls.get() + 1);
///         if calls.get() < 3 { Reply::BusyFor(Duration::from_millis(1)) } else { Reply::Done }
///     })
///     .await;
/// assert!(matches!(reply, Reply::Done));
/// assert_eq!(retry.snapshot().retries, 2);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Retry<C = RetryErrors, K = TokioClock, O = ()> {
    core: Arc<Core>,
    budget: Option<RetryBudget>,
    classifier: C,
    clock: K,
    observer: O,
}

impl Retry {
    fn from_checked(policy: RetryPolicy) -> Self {
        Retry { core: Core::announced(policy), budget: None, classifier: RetryErrors, clock: TokioClock, observer: () }
    }
}

impl<C, K, O> Retry<C, K, O> {
    /// The same retry with another judge of which results are final: any `Fn(&R) -> Decision`, or an implementor of
    /// [`Classify`].
    pub fn with_classifier<D>(self, classifier: D) -> Retry<D, K, O> {
        let Retry { core, budget, clock, observer, .. } = self;
        Retry { core, budget, classifier, clock, observer }
    }

    /// A retry with the same settings on another clock. Its figures begin at zero.
    pub fn with_clock<L: Clock>(self, clock: L) -> Retry<C, L, O> {
        let core = Core::announced(self.policy());
        Retry { core, budget: self.budget, classifier: self.classifier, clock, observer: self.observer }
    }

    /// The same retry, reporting to `observer`.
    pub fn with_observer<P: Observer>(self, observer: P) -> Retry<C, K, P> {
        let Retry { core, budget, classifier, clock, .. } = self;
        Retry { core, budget, classifier, clock, observer }
    }

    /// The same retry, making no more further attempts than `budget` allows.
    ///
    /// Each call deposits, each further attempt is withdrawn before its wait begins, and given back if the wait is
    /// cancelled. A call that finds the budget used up returns its last result.
    #[must_use]
    pub fn with_budget(self, budget: RetryBudget) -> Self {
        Retry { budget: Some(budget), ..self }
    }

    /// The settings in force.
    pub fn policy(&self) -> RetryPolicy {
        self.core.settings()
    }

    /// A fresh row of this retry's waits, for a loop of one's own.
    pub fn backoff(&self) -> Backoff {
        Backoff::new(&self.policy())
    }

    /// The figures so far.
    pub fn snapshot(&self) -> RetrySnapshot {
        self.core.counters.figures()
    }
}

impl<C, K: Clock, O: Observer> Retry<C, K, O> {
    /// Runs `operation` until the classifier takes its result as final or a limit is reached, and returns the last
    /// result.
    ///
    /// Dropping the future drops the running attempt or ends the wait; nothing else is held.
    pub async fn execute<R, F, Fut>(&self, mut operation: F) -> R
    where
        F: FnMut() -> Fut,
        Fut: Future<Output = R>,
        C: Classify<R>,
    {
        let mut call = Call::begin(self);
        loop {
            let result = operation().await;
            let Some(pause) = call.after(&result) else { return result };
            self.clock.sleep(pause.delay).await;
            if !call.resume(pause) {
                return result;
            }
        }
    }

    /// The same, giving each attempt the time of `per_attempt`. The classifier sees an attempt that ran out of time as
    /// [`Rejection::Timeout`], converted into `E`.
    pub async fn execute_each_within<T, E, F, Fut, L, P>(
        &self,
        per_attempt: &Timeout<L, P>,
        mut operation: F,
    ) -> Result<T, E>
    where
        F: FnMut() -> Fut,
        Fut: Future<Output = Result<T, E>>,
        C: Classify<Result<T, E>>,
        E: From<Rejection>,
        L: Clock,
        P: Observer,
    {
        self.execute(|| {
            let attempt = operation();
            per_attempt.execute(|| attempt)
        })
        .await
    }
}

impl<T, E, C, K, O> Policy<T, E> for Retry<C, K, O>
where
    T: Send,
    E: Send,
    C: Classify<Result<T, E>>,
    K: Clock,
    O: Observer,
{
    fn run<F, Fut>(&self, operation: F) -> impl Future<Output = Result<T, E>> + Send
    where
        F: Fn() -> Fut + Send + Sync,
        Fut: Future<Output = Result<T, E>> + Send,
    {
        self.execute(operation)
    }
}

/// Waits by [`Clock::block`].
impl<T, E, C, K, O> BlockingPolicy<T, E> for Retry<C, K, O>
where
    C: Classify<Result<T, E>>,
    K: Clock,
    O: Observer,
{
    fn call<F: Fn() -> Result<T, E>>(&self, operation: F) -> Result<T, E> {
        let mut call = Call::begin(self);
        loop {
            let result = operation();
            let Some(pause) = call.after(&result) else { return result };
            self.clock.block(pause.delay);
            if !call.resume(pause) {
                return result;
            }
        }
    }
}

impl<C, K, O> Controlled for Retry<C, K, O> {
    fn control(&self) -> Option<Arc<dyn Control>> {
        Some(Arc::clone(&self.core) as Arc<dyn Control>)
    }
}
