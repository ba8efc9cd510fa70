//! [`Striped`]: one cell that becomes several when threads get in each other's way.
//!
//! A series starts with one cell, which is all that most series ever need. Updates try that cell; when tries have
//! failed [`CONFLICTS_BEFORE_STRIPES`] times, because another thread was at it in the same instant, the series gets a
//! cell per core, each on cache lines of its own, and every thread goes to the one it found free. The value of the
//! series is what all cells hold together; the first cell keeps what it has.

use std::{
    cell::Cell,
    sync::{
        OnceLock,
        atomic::{AtomicU32, AtomicUsize, Ordering},
    },
    thread,
};

/// Few enough that contention is soon over, enough that a chance meeting does not cost a series its memory.
const CONFLICTS_BEFORE_STRIPES: u32 = 8;

/// More stripes than this no longer help threads, but still cost the collection.
const MOST_STRIPES: usize = 16;

/// Two cache lines, for processors fetch them in pairs.
#[repr(align(128))]
struct Padded<T>(T);

/// One cell, or a first cell and several more.
pub(super) struct Striped<T> {
    first: T,
    stripes: OnceLock<Box<[Padded<T>]>>,
    conflicts: AtomicU32,
}

impl<T> Striped<T> {
    /// A single cell.
    pub(super) fn new(first: T) -> Self {
        Striped { first, stripes: OnceLock::new(), conflicts: AtomicU32::new(0) }
    }

    /// Updates one cell, and exactly one.
    ///
    /// `attempt` updates the cell that it is given, or leaves it as it is and returns false because another thread is
    /// there. `insist` updates it in any case. `another` makes an empty cell.
    #[inline]
    pub(super) fn update(&self, attempt: impl Fn(&T) -> bool, insist: impl Fn(&T), another: impl Fn() -> T) {
        match self.stripes.get() {
            None => {
                if !attempt(&self.first) {
                    self.update_after_conflict(attempt, insist, another);
                }
            }
            Some(stripes) => update_stripe(stripes, attempt, insist),
        }
    }

    #[cold]
    fn update_after_conflict(&self, attempt: impl Fn(&T) -> bool, insist: impl Fn(&T), another: impl Fn() -> T) {
        if self.conflicts.fetch_add(1, Ordering::Relaxed) < CONFLICTS_BEFORE_STRIPES {
            return insist(&self.first);
        }
        let stripes = self.stripes.get_or_init(|| (0..stripe_count()).map(|_| Padded(another())).collect());
        update_stripe(stripes, attempt, insist);
    }

    /// Visits all cells.
    #[inline]
    pub(super) fn for_each(&self, mut visit: impl FnMut(&T)) {
        visit(&self.first);
        if let Some(stripes) = self.stripes.get() {
            stripes.iter().for_each(|stripe| visit(&stripe.0));
        }
    }
}

/// Updates the stripe of this thread, or moves this thread to the next one if another thread is there.
#[inline]
fn update_stripe<T>(stripes: &[Padded<T>], attempt: impl Fn(&T) -> bool, insist: impl Fn(&T)) {
    // The number of stripes is a power of two, so that the remainder is a mask.
    let of_thread = |number: usize| &stripes[number & (stripes.len() - 1)].0;
    let number = STRIPE.get();
    if !attempt(of_thread(number)) {
        let number = if number == UNASSIGNED { NEXT.fetch_add(1, Ordering::Relaxed) } else { number.wrapping_add(1) };
        STRIPE.set(number);
        insist(of_thread(number));
    }
}

/// A thread that never met another one has no number of its own yet, and starts at the last stripe.
const UNASSIGNED: usize = usize::MAX;

static NEXT: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    static STRIPE: Cell<usize> = const { Cell::new(UNASSIGNED) };
}

/// As many stripes as the process has cores, as a power of two.
fn stripe_count() -> usize {
    static COUNT: OnceLock<usize> = OnceLock::new();
    *COUNT.get_or_init(|| {
        let cores = thread::available_parallelism().map_or(1, |cores| cores.get());
        cores.next_power_of_two().clamp(2, MOST_STRIPES)
    })
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicU64;

    use super::*;

    fn total(cells: &Striped<AtomicU64>) -> u64 {
        let mut total = 0;
        cells.for_each(|cell| total += cell.load(Ordering::Relaxed));
        total
    }

    fn cell_count(cells: &Striped<AtomicU64>) -> usize {
        let mut count = 0;
        cells.for_each(|_| count += 1);
        count
    }

    fn add_one(cells: &Striped<AtomicU64>, free: impl Fn() -> bool) {
        let insist = |cell: &AtomicU64| {
            cell.fetch_add(1, Ordering::Relaxed);
        };
        let attempt = |cell: &AtomicU64| {
            let free = free();
            if free {
                insist(cell);
            }
            free
        };
        cells.update(attempt, insist, AtomicU64::default);
    }

    #[test]
    fn a_cell_that_nobody_contends_for_stays_alone() {
        let cells = Striped::new(AtomicU64::new(0));
        for _ in 0..1_000 {
            add_one(&cells, || true);
        }
        assert_eq!((total(&cells), cell_count(&cells)), (1_000, 1));
    }

    #[test]
    fn conflicts_make_stripes_and_lose_nothing() {
        let cells = Striped::new(AtomicU64::new(0));
        for _ in 0..CONFLICTS_BEFORE_STRIPES {
            add_one(&cells, || false);
        }
        assert_eq!(cell_count(&cells), 1, "chance meetings are tolerated");
        for _ in 0..100 {
            add_one(&cells, || false);
        }
        assert_eq!(cell_count(&cells), 1 + stripe_count());
        assert_eq!(total(&cells), u64::from(CONFLICTS_BEFORE_STRIPES) + 100);
    }

    #[test]
    fn updates_of_many_threads_all_arrive() {
        let cells = Striped::new(AtomicU64::new(0));
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| (0..20_000).for_each(|round| add_one(&cells, || round % 3 != 0)));
            }
        });
        assert_eq!(total(&cells), 80_000);
    }
}
