//! What happened since the breaker was made. Only what is rare is counted: a success costs nothing.

use crate::sync::atomic::{AtomicU64, Ordering};

#[derive(Debug)]
pub(super) struct Tally {
    pub(super) failures: Counter,
    pub(super) slow_calls: Counter,
    pub(super) cancelled: Counter,
    pub(super) rejected: Counter,
    pub(super) outdated: Counter,
    pub(super) openings: Counter,
}

impl Tally {
    pub(super) fn new() -> Self {
        Tally {
            failures: Counter::new(),
            slow_calls: Counter::new(),
            cancelled: Counter::new(),
            rejected: Counter::new(),
            outdated: Counter::new(),
            openings: Counter::new(),
        }
    }
}

#[derive(Debug)]
pub(super) struct Counter(AtomicU64);

impl Counter {
    fn new() -> Self {
        Counter(AtomicU64::new(0))
    }

    pub(super) fn add(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn total(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}
