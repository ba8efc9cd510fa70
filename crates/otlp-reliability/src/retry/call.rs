//! One call under a retry: what follows each result. It neither runs the operation nor sleeps, so that calls with
//! futures and calls without share it.

use std::time::{Duration, Instant};

use super::{
    Classify, Decision, Retry, RetryBudget,
    budget::Withdrawal,
    progress::{Next, Progress},
};
use crate::{Clock, Event, GiveUp, Observer, clock::elapsed};

pub(super) struct Call<'a, C, K, O> {
    retry: &'a Retry<C, K, O>,
    started: Option<Instant>,
    /// From the first failure on.
    progress: Option<Progress>,
}

/// The wait before another attempt. Dropping it gives the attempt back to the budget.
pub(super) struct Pause<'a> {
    pub(super) delay: Duration,
    /// The number of the attempt that failed.
    failed: u32,
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
        let elapsed = elapsed(&self.retry.clock, self.started);
        if self.progress.as_ref().is_some_and(|progress| progress.is_late(elapsed)) {
            self.gave_up(pause.failed, GiveUp::MaxElapsed);
            return false;
        }
        if let Some(withdrawal) = pause.withdrawal {
            withdrawal.spend();
        }
        self.retry.core.counters.starts(pause.failed.saturating_add(1));
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
            // Not noted at the start if a reload has set the limit since.
            self.started.get_or_insert_with(|| clock.now());
        }
        let failed = progress.begun();
        observer.on_event(Event::AttemptFailed { attempt: failed });
        let delay = match progress.after_failure(at_least, elapsed(clock, self.started)) {
            Next::Wait(delay) => delay,
            Next::GiveUp(reason) => {
                self.gave_up(failed, reason);
                return None;
            }
        };
        let Ok(withdrawal) = budget.as_ref().map(RetryBudget::withdraw).transpose() else {
            self.gave_up(failed, GiveUp::Budget);
            return None;
        };
        observer.on_event(Event::Retrying { attempt: failed.saturating_add(1), delay });
        Some(Pause { delay, failed, withdrawal })
    }

    fn gave_up(&self, attempts: u32, reason: GiveUp) {
        self.retry.core.counters.gives_up(reason);
        self.retry.observer.on_event(Event::GaveUp { attempts, reason });
    }
}
