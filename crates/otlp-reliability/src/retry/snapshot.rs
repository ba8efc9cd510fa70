//! The figures of a retry. Nothing is counted for a call whose first attempt settles it: that path stays free.

use crate::{
    GiveUp,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
};

/// The figures of a [`Retry`](crate::Retry). Calls that were settled by their first attempt are in none of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct RetrySnapshot {
    /// How many calls needed a second attempt and got it.
    pub retried: u64,
    /// How many attempts were made that were not the first of their call.
    pub retries: u64,
    /// How many calls had a final result after a second or later attempt.
    pub recovered: u64,
    /// How many calls ended because all attempts were made.
    pub gave_up_max_attempts: u64,
    /// How many calls ended because the time for all attempts was used up.
    pub gave_up_max_elapsed: u64,
    /// How many calls ended because the budget had nothing left.
    pub gave_up_budget: u64,
}

#[derive(Debug, Default)]
pub(super) struct Counters {
    retried: AtomicU64,
    retries: AtomicU64,
    recovered: AtomicU64,
    max_attempts: AtomicU64,
    max_elapsed: AtomicU64,
    budget: AtomicU64,
}

impl Counters {
    /// A further attempt starts; `attempt` is its number.
    pub(super) fn starts(&self, attempt: u32) {
        self.retries.fetch_add(1, Relaxed);
        if attempt == 2 {
            self.retried.fetch_add(1, Relaxed);
        }
    }

    /// A call is settled after more than one attempt.
    pub(super) fn recovers(&self) {
        self.recovered.fetch_add(1, Relaxed);
    }

    pub(super) fn gives_up(&self, reason: GiveUp) {
        let counter = match reason {
            GiveUp::MaxAttempts => &self.max_attempts,
            GiveUp::MaxElapsed => &self.max_elapsed,
            GiveUp::Budget => &self.budget,
        };
        counter.fetch_add(1, Relaxed);
    }

    pub(super) fn figures(&self) -> RetrySnapshot {
        RetrySnapshot {
            retried: self.retried.load(Relaxed),
            retries: self.retries.load(Relaxed),
            recovered: self.recovered.load(Relaxed),
            gave_up_max_attempts: self.max_attempts.load(Relaxed),
            gave_up_max_elapsed: self.max_elapsed.load(Relaxed),
            gave_up_budget: self.budget.load(Relaxed),
        }
    }
}
