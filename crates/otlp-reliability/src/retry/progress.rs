//! The bookkeeping of one call: attempts made, and whether there may be another. Pure: it is told the time and told of
//! failures.

use std::time::Duration;

use super::{Backoff, RetryPolicy};
use crate::GiveUp;

/// What follows a failed attempt.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Another attempt after this wait.
    Wait(Duration),
    /// None: a limit is reached.
    GiveUp(GiveUp),
}

pub(super) struct Progress {
    max_attempts: Option<u32>,
    max_elapsed: Option<Duration>,
    attempt: u32,
    backoff: Backoff,
}

impl Progress {
    pub(super) fn new(policy: &RetryPolicy) -> Self {
        Progress {
            max_attempts: policy.max_attempts(),
            max_elapsed: policy.max_elapsed(),
            attempt: 1,
            backoff: Backoff::new(policy),
        }
    }

    /// The attempt that is running or has just ended, counted from 1.
    pub(super) fn begun(&self) -> u32 {
        self.attempt
    }

    /// Notes that an attempt failed, `elapsed` after the start of the first one, with at least `at_least` to wait.
    pub(super) fn after_failure(&mut self, at_least: Duration, elapsed: Duration) -> Next {
        if self.max_attempts.is_some_and(|limit| self.attempt >= limit) {
            return Next::GiveUp(GiveUp::MaxAttempts);
        }
        let delay = self.backoff.next_delay(at_least);
        if self.is_late(elapsed.saturating_add(delay)) {
            return Next::GiveUp(GiveUp::MaxElapsed);
        }
        self.attempt = self.attempt.saturating_add(1);
        Next::Wait(delay)
    }

    /// Whether it matters how much time has passed.
    pub(super) fn is_timed(&self) -> bool {
        self.max_elapsed.is_some()
    }

    /// Whether an attempt may no longer start once `elapsed` has passed.
    pub(super) fn is_late(&self, elapsed: Duration) -> bool {
        self.max_elapsed.is_some_and(|limit| elapsed > limit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Jitter;

    #[test]
    fn pitfall_12_attempt_numbers_stop_at_the_largest_and_never_overflow() {
        let policy = RetryPolicy::new().with_max_attempts(None).with_backoff_multiplier(1e30);
        let mut progress = Progress { attempt: u32::MAX - 1, ..Progress::new(&policy) };
        for _ in 0..3 {
            assert!(matches!(progress.after_failure(Duration::MAX, Duration::MAX), Next::Wait(Duration::MAX)));
        }
        assert_eq!(progress.begun(), u32::MAX);
    }

    #[test]
    fn the_largest_limit_is_still_a_limit() {
        let mut progress =
            Progress { attempt: u32::MAX, ..Progress::new(&RetryPolicy::new().with_max_attempts(u32::MAX)) };
        assert_eq!(progress.after_failure(Duration::ZERO, Duration::ZERO), Next::GiveUp(GiveUp::MaxAttempts));
    }

    #[test]
    fn a_wait_may_end_at_the_limit_but_not_after_it() {
        let second = Duration::from_secs(1);
        let policy = RetryPolicy::constant(second).with_jitter(Jitter::None).with_max_elapsed(3 * second);
        assert_eq!(Progress::new(&policy).after_failure(Duration::ZERO, 2 * second), Next::Wait(second));
        let late = 2 * second + Duration::from_nanos(1);
        assert_eq!(Progress::new(&policy).after_failure(Duration::ZERO, late), Next::GiveUp(GiveUp::MaxElapsed));
        assert_eq!(Progress::new(&policy).after_failure(Duration::MAX, second), Next::GiveUp(GiveUp::MaxElapsed));
    }
}
