//! How many failures there were in a row, in one word with the generation that they belong to.

use super::word::GENERATION_MASK;
use crate::sync::atomic::{AtomicU64, Ordering};

#[derive(Debug)]
pub(super) struct Streak(AtomicU64);

impl Streak {
    pub(super) fn new() -> Self {
        Streak(AtomicU64::new(0))
    }

    /// Ends the row. Writes only if there is one.
    #[inline]
    pub(super) fn succeeded(&self, generation: u32) {
        if self.0.load(Ordering::Relaxed) as u32 != 0 {
            self.update(generation, |_| 0);
        }
    }

    /// Adds to the row, and returns how long it is.
    pub(super) fn failed(&self, generation: u32) -> u32 {
        self.update(generation, |failures| failures.saturating_add(1))
    }

    /// How long the row of `generation` is.
    pub(super) fn length(&self, generation: u32) -> u32 {
        let bits = self.0.load(Ordering::Relaxed);
        if (bits >> 32) as u32 == generation { bits as u32 } else { 0 }
    }

    /// What an earlier generation left counts as nothing; what a later one has is left alone.
    fn update(&self, generation: u32, change: impl Fn(u32) -> u32) -> u32 {
        let mut bits = self.0.load(Ordering::Relaxed);
        loop {
            let failures = match (bits >> 32) as u32 {
                same if same == generation => bits as u32,
                other if is_newer(other, generation) => return 0,
                _ => 0,
            };
            let changed = change(failures);
            let new = u64::from(generation) << 32 | u64::from(changed);
            match self.0.compare_exchange_weak(bits, new, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => return changed,
                Err(actual) => bits = actual,
            }
        }
    }
}

fn is_newer(found: u32, own: u32) -> bool {
    (1..=GENERATION_MASK / 2).contains(&(found.wrapping_sub(own) & GENERATION_MASK))
}

#[cfg(all(test, not(otlp_loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_success_ends_the_row() {
        let streak = Streak::new();
        assert_eq!((streak.failed(0), streak.failed(0)), (1, 2));
        streak.succeeded(0);
        assert_eq!(streak.length(0), 0);
        assert_eq!(streak.failed(0), 1);
    }

    #[test]
    fn a_row_belongs_to_its_generation() {
        let streak = Streak::new();
        streak.failed(0);
        assert_eq!(streak.length(1), 0);
        assert_eq!(streak.failed(1), 1);
        assert_eq!(streak.failed(0), 0, "too late");
        streak.succeeded(0);
        assert_eq!(streak.length(1), 1, "too late as well");
        assert_eq!(streak.failed(GENERATION_MASK), 0, "the generation before the first");
    }
}
