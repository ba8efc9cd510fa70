//! Hedge: a further attempt beside a slow one; the first success counts.
//!
//! Attempts are polled where the call is, on its task, and dropped with it. What must hold: a call that is answered
//! before the delay starts nothing, allocates nothing and creates no timer if it is ready at once; what is not needed
//! any more is dropped before the call returns; and no more attempts are started than the settings and the budget allow.

mod config;
mod core;
mod latencies;

use std::{
    future::{Future, poll_fn},
    pin::{Pin, pin},
    sync::Arc,
    task::{Poll, ready},
};

use tokio::task::coop::unconstrained;

pub use self::config::{HedgeConfig, HedgeDelay, HedgeSnapshot};
use self::core::Core;
use crate::{
    Clock, Control, Controlled, Event, Observer, Policy, RetryBudget, TokioClock, clock::elapsed,
    sync::atomic::Ordering::Relaxed,
};

/// Starts a further attempt when none has answered in time, and returns the first success. Clones share settings,
/// measurements and figures.
///
/// **Only for operations that may run twice**: attempts overlap, the slower one is dropped at some await point, and the
/// callee may have done the work of both. Reads and idempotent writes qualify.
///
/// Hedging is against slowness, not against failure. An error of the only attempt under way is returned at once, for a
/// [`Retry`](crate::Retry) around the hedge to judge; an error while another attempt is under way is dropped, and that
/// attempt decides. Time counts from the first attempt's first wait.
///
/// A call allocates once for each further attempt, and nothing before. Give the hedge a budget, so that a callee that
/// is slow because it is overloaded does not get a multiple of the load.
///
/// ```
/// use std::{cell::Cell, future::pending, time::Duration};
/// use otlp_reliability::HedgeConfig;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), otlp_reliability::ConfigError> {
/// let hedge = HedgeConfig::new(Duration::from_millis(5)).build()?;
/// let attempts = Cell::new(0);
/// let answer: Result<u32, std::io::Error> = hedge
///     .execute(|| {
///         let attempt = attempts.replace(attempts.get() + 1);
///         async move { if attempt == 0 { pending().await } else { Ok(42) } }
///     })
///     .await;
/// assert_eq!(answer.ok(), Some(42));
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Hedge<K = TokioClock, O = ()> {
    core: Arc<Core>,
    budget: Option<RetryBudget>,
    clock: K,
    observer: O,
}

impl Hedge {
    fn from_checked(settings: HedgeConfig) -> Self {
        Hedge { core: Core::announced(settings), budget: None, clock: TokioClock, observer: () }
    }
}

impl<K, O> Hedge<K, O> {
    /// A hedge with the same settings on another clock. Its measurements and figures begin anew.
    pub fn with_clock<L: Clock>(self, clock: L) -> Hedge<L, O> {
        Hedge { core: Core::announced(self.settings()), budget: self.budget, clock, observer: self.observer }
    }

    /// The same hedge, reporting to `observer`.
    pub fn with_observer<P: Observer>(self, observer: P) -> Hedge<K, P> {
        Hedge { core: self.core, budget: self.budget, clock: self.clock, observer }
    }

    /// The same hedge, starting no more further attempts than `budget` allows.
    ///
    /// Each call deposits, each further attempt is withdrawn. A call that finds the budget used up goes on with the
    /// attempts it has.
    #[must_use]
    pub fn with_budget(self, budget: RetryBudget) -> Self {
        Hedge { budget: Some(budget), ..self }
    }

    /// The settings in force.
    pub fn settings(&self) -> HedgeConfig {
        self.core.settings()
    }

    /// The figures so far.
    pub fn snapshot(&self) -> HedgeSnapshot {
        self.core.figures()
    }
}

impl<K: Clock, O: Observer> Hedge<K, O> {
    /// Runs `operation`, and again beside itself whenever the delay has passed without an answer.
    ///
    /// Dropping the future drops all attempts.
    ///
    /// # Errors
    ///
    /// The error of the attempt that was the last one under way.
    pub async fn execute<T, E, F, Fut>(&self, operation: F) -> Result<T, E>
    where
        F: Fn() -> Fut,
        Fut: Future<Output = Result<T, E>>,
    {
        let core = &*self.core;
        if let Some(budget) = &self.budget {
            budget.deposit();
        }
        let measuring = core.measuring.load(Relaxed);
        let mut hedges_left = core.max_hedges.load(Relaxed);
        let mut started = None;
        let mut first = pin!(Some(operation()));
        let mut others: Vec<Pin<Box<Fut>>> = Vec::new();
        let mut attempts = 1;
        let mut delay = pin!(None);

        let result = poll_fn(|context| {
            loop {
                if let Some(attempt) = first.as_mut().as_pin_mut()
                    && let Poll::Ready(result) = attempt.poll(context)
                {
                    first.set(None);
                    if result.is_ok() || others.is_empty() {
                        return Poll::Ready(result);
                    }
                }
                let mut index = 0;
                while let Some(attempt) = others.get_mut(index) {
                    let Poll::Ready(result) = attempt.as_mut().poll(context) else {
                        index += 1;
                        continue;
                    };
                    drop(others.swap_remove(index));
                    if result.is_ok() {
                        core.won.fetch_add(1, Relaxed);
                    }
                    if result.is_ok() || (first.is_none() && others.is_empty()) {
                        return Poll::Ready(result);
                    }
                }
                if measuring && started.is_none() {
                    started = Some(self.clock.now());
                }
                if hedges_left == 0 {
                    return Poll::Pending;
                }
                if delay.is_none() {
                    // Unconstrained, so that an attempt that uses up tokio's cooperative budget at every poll does not
                    // keep the timer from being seen.
                    delay.set(Some(unconstrained(self.clock.sleep(core.delay()))));
                }
                if let Some(delay) = delay.as_mut().as_pin_mut() {
                    ready!(delay.poll(context));
                }
                delay.set(None);
                if !self.may_hedge(attempts) {
                    hedges_left = 0;
                    return Poll::Pending;
                }
                hedges_left -= 1;
                attempts += 1;
                others.push(Box::pin(operation()));
                self.observer.on_event(Event::Hedged { attempt: attempts });
            }
        })
        .await;

        if measuring && result.is_ok() {
            // A call that a further attempt answered counts with its whole time: the first attempt would have taken at
            // least as long, and shorter times would make the delay shorter and shorter.
            core.measured(elapsed(&self.clock, started));
        }
        result
    }

    /// Whether the budget allows another attempt beside the first `attempts`.
    #[cold]
    fn may_hedge(&self, attempts: u32) -> bool {
        if self.budget.as_ref().is_some_and(|budget| budget.try_withdraw().is_err()) {
            self.core.refused.fetch_add(1, Relaxed);
            return false;
        }
        self.core.hedges.fetch_add(1, Relaxed);
        if attempts == 1 {
            self.core.hedged.fetch_add(1, Relaxed);
        }
        true
    }
}

impl<T, E, K, O> Policy<T, E> for Hedge<K, O>
where
    T: Send,
    E: Send,
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

impl<K, O> Controlled for Hedge<K, O> {
    fn control(&self) -> Option<Arc<dyn Control>> {
        Some(Arc::clone(&self.core) as Arc<dyn Control>)
    }
}
