//! Keeps the number of connections to one origin between its bounds while nobody looks: opens those that are to be there
//! ahead, replaces those of them that die, and closes what has been idle for too long.
//!
//! It runs as a task of the runtime that the transport was used on first, and ends with its origin.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::time::{Instant, timeout_at};

use super::connections::Connections;

/// So long without an opening makes the receiver's trouble forgotten.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(10);
const SHORTEST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// Whether an origin has a keeper; says so until it is dropped.
pub(super) struct Kept(Arc<AtomicBool>);

impl Kept {
    /// `Some` for the one caller that is to run the keeper.
    pub(super) fn begin(is_kept: &Arc<AtomicBool>) -> Option<Self> {
        let is_new = !is_kept.load(Ordering::Relaxed) && !is_kept.swap(true, Ordering::AcqRel);
        is_new.then(|| Kept(is_kept.clone()))
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}

/// Runs until it is dropped.
pub(super) async fn keep(connections: Arc<Connections>, _kept: Kept) {
    let pool = connections.pool();
    let mut pace = Pace::new(pool.min());
    loop {
        let changed = pool.changed();
        let now = Instant::now();
        let mut look_again = pool.close_idle(now);
        if pool.is_short() {
            let next = pace.next(now);
            if next <= now {
                let is_open = connections.open_ahead().await;
                pace.opened(is_open, Instant::now());
                continue;
            }
            look_again = Some(look_again.map_or(next, |at| at.min(next)));
        }
        match look_again {
            // Whether something changed or it is time, the next turn finds out what there is to do.
            Some(at) => drop(timeout_at(at, changed).await),
            None => changed.await,
        }
    }
}

/// When the next connection may be opened ahead: at once if few are missing, and less and less often if the receiver
/// cannot be reached or closes what was opened. Many clients that lose their receiver at the same time must not come
/// back at the same time.
struct Pace {
    /// How many may be opened without a pause.
    at_once: usize,
    left: usize,
    pause: Duration,
    last: Option<Instant>,
    next: Option<Instant>,
}

impl Pace {
    fn new(at_once: usize) -> Self {
        Pace { at_once, left: at_once, pause: SHORTEST_PAUSE, last: None, next: None }
    }

    fn next(&mut self, now: Instant) -> Instant {
        if self.last.is_some_and(|last| now.saturating_duration_since(last) >= FORGOTTEN_AFTER.max(2 * self.pause)) {
            *self = Pace::new(self.at_once);
        }
        self.next.unwrap_or(now)
    }

    fn opened(&mut self, is_open: bool, now: Instant) {
        self.last = Some(now);
        self.left = if is_open { self.left.saturating_sub(1) } else { 0 };
        self.next = (self.left == 0).then(|| now + self.pause.mul_f64(0.5 + fastrand::f64()));
        if self.left == 0 {
            self.pause = (self.pause * 2).min(LONGEST_PAUSE);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn openings_that_fail_become_rarer_and_quiet_times_are_forgotten() {
        let mut now = Instant::now();
        let mut pace = Pace::new(2);
        for _ in 0..2 {
            assert_eq!(pace.next(now), now, "as many as are missing are opened at once");
            pace.opened(true, now);
        }
        let mut pauses = Vec::new();
        for _ in 0..12 {
            let next = pace.next(now);
            pauses.push(next - now);
            now = next;
            pace.opened(false, now);
        }
        assert!(pauses[0] >= SHORTEST_PAUSE / 2 && pauses[0] <= SHORTEST_PAUSE * 3 / 2, "{pauses:?}");
        assert!(pauses[10] >= LONGEST_PAUSE / 2 && pauses[11] <= LONGEST_PAUSE * 3 / 2, "{pauses:?}");
        now += 2 * LONGEST_PAUSE;
        assert_eq!(pace.next(now), now);
    }
}
