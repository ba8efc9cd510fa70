//! When a kind of message was given last, and whether it is time for another.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

/// How long a kind of message is silent after it was given.
const SILENCE: Duration = Duration::from_secs(30);

/// When a kind of message was given last, and how many were held back since.
#[derive(Default)]
pub(crate) struct Recent {
    /// Milliseconds since the start, plus one; zero if never.
    given: AtomicU64,
    suppressed: AtomicU64,
}

impl Recent {
    /// How many messages were held back since the last one, if it is time for another.
    pub(super) fn due(&self, now: Duration) -> Option<u64> {
        let (now, silence) = (now.as_millis() as u64 + 1, SILENCE.as_millis() as u64);
        let given = self.given.load(Ordering::Relaxed);
        let is_due = given == 0 || now >= given + silence;
        if is_due && self.given.compare_exchange(given, now, Ordering::Relaxed, Ordering::Relaxed).is_ok() {
            return Some(self.suppressed.swap(0, Ordering::Relaxed));
        }
        self.suppressed.fetch_add(1, Ordering::Relaxed);
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_its_silence_a_kind_is_due_again_with_the_count_of_what_was_held_back() {
        let recent = Recent::default();
        let start = Duration::from_secs(5);
        assert_eq!(recent.due(start), Some(0));
        assert_eq!(recent.due(start + SILENCE / 2), None);
        assert_eq!(recent.due(start + SILENCE - Duration::from_millis(1)), None);
        assert_eq!(recent.due(start + SILENCE), Some(2));
        assert_eq!(recent.due(start + SILENCE), None);
    }
}
