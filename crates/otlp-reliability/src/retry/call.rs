//! One call under a retry: what follows each result. It neither runs the operation nor sleeps, so that calls with
//! futures and calls without share it.

use std::time::{Duration, Instant};

use super::{
    Classify, Decision, Retry,
    budget::Withdrawal,
    progress::{Next, Progress},
};
use crate::{Clock, Event, GiveUp, Observer};

pub(super) struct Call<'a, C, K, O> {
    retry: &'a Retry<C, K, O>,
    started: Option<Instant>,
    /// From the first failure on.
    progress: Option<Progress>,
}

/// The wait before another attempt. Dropping it gives the attempt back to the budget.
pub(super) struct Pause<'a> {
    pub(super) delay: Duration,
    withdrawal: Option<Withdrawal<'a>>,
}

impl<'a, C, K: Clock, O: Observer> Call<'a, C, K, O> {
    #[inline]
    pub(super) fn begin(retry: &'a Retry<C, K, O>) -> Self {
        if let Some(budget) = &retry.budget {
            budget.deposit();
        }
        Call { retry, started: retry.core.is_timed().then(|| retry.clock.now()), progress: None }
    }

    /// Looks at the result of an attempt; `None` if it is to be returned.
    #[inline]
    pub(super) fn after<R>(&mut self, result: &R) -> Option<Pause<'a>>
    where
        C: Classify<R>,
    {
        match self.retry.classifier.classify(result) {
            Decision::Done => {
                self.settled();
                None
            }
            Decision::Retry => self.failed(Duration::ZERO),
            Decision::RetryAfter(delay) => self.failed(delay),
        }
    }

    /// Ends the wait; whether the attempt may still start.
    pub(super) fn resume(&mut self, pause: Pause<'_>) -> bool {
        let elapsed = self.elapsed();
        let Some(progress) = &self.progress else { return true };
        if progress.is_late(elapsed) {
            self.gave_up(progress.begun().saturating_sub(1), GiveUp::MaxElapsed);
            return false;
        }
        if let Some(withdrawal) = pause.withdrawal {
            withdrawal.spend();
        }
        self.retry.core.counters.starts(progress.begun());
        true
    }

    #[inline]
    fn settled(&self) {
        let attempts = match &self.progress {
            None => 1,
            Some(progress) => {
                self.retry.core.counters.recovers();
                progress.begun()
            }
        };
        self.retry.observer.on_event(Event::Settled { attempts });
    }

    #[cold]
    fn failed(&mut self, at_least: Duration) -> Option<Pause<'a>> {
        let Retry { core, budget, observer, clock, .. } = self.retry;
        let progress = self.progress.get_or_insert_with(|| Progress::new(&core.settings()));
        if progress.is_timed() {
            // Not noted at the start if a reload has only now set the limit.
            self.started.get_or_insert_with(|| clock.now());
        }
        let attempt = progress.begun();
        observer.on_event(Event::AttemptFailed { attempt });
        let elapsed = self.elapsed();
        let delay = match self.progress.as_mut()?.after_failure(at_least, elapsed) {
            Next::Wait(delay) => delay,
            Next::GiveUp(reason) => {
                self.gave_up(attempt, reason);
                return None;
            }
        };
        let Ok(withdrawal) = budget.as_ref().map(|budget| budget.withdraw()).transpose() else {
            self.gave_up(attempt, GiveUp::Budget);
            return None;
        };
        observer.on_event(Event::Retrying { attempt: attempt.saturating_add(1), delay });
        Some(Pause { delay, withdrawal })
    }

    fn gave_up(&self, attempts: u32, reason: GiveUp) {
        self.retry.core.counters.gives_up(reason);
        self.retry.observer.on_event(Event::GaveUp { attempts, reason });
    }

    /// The time since the start; zero if nobody asked, or if the clock went back.
    fn elapsed(&self) -> Duration {
        self.started.map_or(Duration::ZERO, |started| self.retry.clock.now().saturating_duration_since(started))
    }
}
