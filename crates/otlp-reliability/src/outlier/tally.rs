//! What is counted of one endpoint, without a lock.

use crate::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};

/// The counters of one endpoint, and whether it is ejected.
///
/// The counters are only counters: nothing is read because of them without the lock of the table, which orders all
/// else. So every access is relaxed.
#[derive(Debug)]
pub(super) struct Tally<Id> {
    pub(super) id: Id,
    /// Failures since the last success.
    streak: AtomicU32,
    /// Successes since the last interval.
    successes: AtomicU64,
    /// Failures since the last interval.
    failures: AtomicU64,
    /// What the table has decided, written under its lock only.
    ejected: AtomicBool,
}

impl<Id> Tally<Id> {
    pub(super) fn new(id: Id) -> Self {
        Tally {
            id,
            streak: AtomicU32::new(0),
            successes: AtomicU64::new(0),
            failures: AtomicU64::new(0),
            ejected: AtomicBool::new(false),
        }
    }

    pub(super) fn succeeded(&self) {
        self.successes.fetch_add(1, Ordering::Relaxed);
        if self.streak.load(Ordering::Relaxed) != 0 {
            self.streak.store(0, Ordering::Relaxed);
        }
    }

    /// Returns how many failures in a row it is now.
    pub(super) fn failed(&self) -> u32 {
        self.failures.fetch_add(1, Ordering::Relaxed);
        self.streak.fetch_add(1, Ordering::Relaxed).wrapping_add(1)
    }

    pub(super) fn streak(&self) -> u32 {
        self.streak.load(Ordering::Relaxed)
    }

    /// The failures in a row; from now on they count from zero.
    pub(super) fn take_streak(&self) -> u32 {
        self.streak.swap(0, Ordering::Relaxed)
    }

    /// Successes and failures so far.
    pub(super) fn counts(&self) -> (u64, u64) {
        (self.successes.load(Ordering::Relaxed), self.failures.load(Ordering::Relaxed))
    }

    /// Successes and failures so far; from now on they count from zero.
    pub(super) fn take_counts(&self) -> (u64, u64) {
        (self.successes.swap(0, Ordering::Relaxed), self.failures.swap(0, Ordering::Relaxed))
    }

    pub(super) fn is_ejected(&self) -> bool {
        self.ejected.load(Ordering::Relaxed)
    }

    pub(super) fn eject(&self) {
        self.ejected.store(true, Ordering::Relaxed);
    }

    /// Puts it back into use. What was counted meanwhile, of calls that were still under way, is forgotten.
    pub(super) fn restore(&self) {
        self.take_streak();
        self.take_counts();
        self.ejected.store(false, Ordering::Relaxed);
    }
}
