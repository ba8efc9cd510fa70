//! How the disk does: when to try again what it refused, and what of that somebody hears.

use std::time::{Duration, Instant};

/// The first wait after a failure; each further one is twice as long.
const FIRST_WAIT: Duration = Duration::from_millis(100);
const LONGEST_WAIT: Duration = Duration::from_secs(10);

/// What of two kinds of work the disk did last, each for itself: a disk that cannot be read may well be written.
#[derive(Debug, Default)]
pub(super) struct Health {
    pub(super) writing: Attempts,
    pub(super) reading: Attempts,
}

/// One kind of work.
#[derive(Debug, Default)]
pub(super) struct Attempts {
    is_failing: bool,
    wait: Duration,
}

impl Attempts {
    /// It worked. Whether it had failed before.
    pub(super) fn worked(&mut self) -> bool {
        self.wait = Duration::ZERO;
        std::mem::take(&mut self.is_failing)
    }

    /// It failed. When to try again, and whether it had worked before.
    pub(super) fn failed(&mut self, now: Instant) -> (Instant, bool) {
        self.wait = (self.wait * 2).clamp(FIRST_WAIT, LONGEST_WAIT);
        (now + self.wait, !std::mem::replace(&mut self.is_failing, true))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_up_to_the_longest_and_begin_again_and_only_changes_are_told() {
        let now = Instant::now();
        let mut attempts = Attempts::default();
        assert!(!attempts.worked());
        let waits: Vec<u128> = (0..9).map(|_| (attempts.failed(now).0 - now).as_millis()).collect();
        assert_eq!(waits, [100, 200, 400, 800, 1_600, 3_200, 6_400, 10_000, 10_000]);
        assert!(!attempts.failed(now).1, "told once");
        assert!(attempts.worked() && !attempts.worked());
        assert_eq!(attempts.failed(now), (now + FIRST_WAIT, true));
    }

    #[test]
    fn reading_and_writing_wait_each_for_itself() {
        let now = Instant::now();
        let mut health = Health::default();
        (0..5).for_each(|_| assert!(health.reading.failed(now).0 > now));
        assert_eq!(health.writing.failed(now), (now + FIRST_WAIT, true));
        assert!(health.writing.worked());
        assert!(!health.reading.failed(now).1, "what was written says nothing of what is read");
    }
}
