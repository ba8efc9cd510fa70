//! Retry: run an operation again until its result is final or a limit forbids it.
//!
//! The decisions are pure (`progress`, `backoff`); this file only runs the operation, sleeps and reads the clock. What
//! must hold:
//!
//! - The last result is returned as it came; a retry adds no error of its own.
//! - Every wait goes through the [`Clock`], and the elapsed time is looked at again after it: a clock may end a sleep
//!   early or late.
//! - The clock is read only if a limit on the elapsed time is set.

mod backoff;
mod budget;
mod classify;
mod policy;
mod progress;
mod snapshot;

use std::{
    future::Future,
    time::{Duration, Instant},
};

use self::progress::{Next, Progress};
pub use self::{
    backoff::{Backoff, Jitter},
    budget::{RetryBudgetConfig, RetryBudgetSnapshot},
    classify::{Classify, Decision, RetryErrors},
    policy::RetryPolicy,
    snapshot::RetrySnapshot,
};
use crate::{Clock, Event, GiveUp, Observer, Policy, TokioClock};

/// Runs operations again while their result calls for it. Built by [`RetryPolicy::build`].
///
/// It holds settings and no state: one value serves any number of concurrent calls without synchronisation.
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
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Retry<C = RetryErrors, K = TokioClock, O = ()> {
    policy: RetryPolicy,
    classifier: C,
    clock: K,
    observer: O,
}

impl Retry {
    fn from_checked(policy: RetryPolicy) -> Self {
        Retry { policy, classifier: RetryErrors, clock: TokioClock, observer: () }
    }
}

impl<C, K, O> Retry<C, K, O> {
    /// The same retry with another judge of which results are final: any `Fn(&R) -> Decision`, or an implementor of
    /// [`Classify`].
    pub fn with_classifier<D>(self, classifier: D) -> Retry<D, K, O> {
        Retry { policy: self.policy, classifier, clock: self.clock, observer: self.observer }
    }

    /// The same retry on another clock.
    pub fn with_clock<L: Clock>(self, clock: L) -> Retry<C, L, O> {
        Retry { policy: self.policy, classifier: self.classifier, clock, observer: self.observer }
    }

    /// The same retry, reporting to `observer`.
    pub fn with_observer<P: Observer>(self, observer: P) -> Retry<C, K, P> {
        Retry { policy: self.policy, classifier: self.classifier, clock: self.clock, observer }
    }

    /// The settings it was built from.
    pub fn policy(&self) -> &RetryPolicy {
        &self.policy
    }

    /// A fresh row of this retry's waits, for a loop of one's own.
    pub fn backoff(&self) -> Backoff {
        Backoff::new(&self.policy)
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
        let started = self.policy.max_elapsed().map(|_| self.clock.now());
        let mut progress = Progress::new(&self.policy);
        loop {
            let result = operation().await;
            let attempt = progress.begun();
            let at_least = match self.classifier.classify(&result) {
                Decision::Done => {
                    self.observer.on_event(Event::Settled { attempts: attempt });
                    return result;
                }
                Decision::Retry => Duration::ZERO,
                Decision::RetryAfter(delay) => delay,
            };
            self.observer.on_event(Event::AttemptFailed { attempt });
            let delay = match progress.after_failure(at_least, self.elapsed(started)) {
                Next::Wait(delay) => delay,
                Next::GiveUp(reason) => {
                    self.observer.on_event(Event::GaveUp { attempts: attempt, reason });
                    return result;
                }
            };
            self.observer.on_event(Event::Retrying { attempt: attempt.saturating_add(1), delay });
            self.clock.sleep(delay).await;
            if progress.is_late(self.elapsed(started)) {
                self.observer.on_event(Event::GaveUp { attempts: attempt, reason: GiveUp::MaxElapsed });
                return result;
            }
        }
    }

    /// The time since `started`; zero if nobody asked, or if the clock went back.
    fn elapsed(&self, started: Option<Instant>) -> Duration {
        started.map_or(Duration::ZERO, |started| self.clock.now().saturating_duration_since(started))
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
