//! [`Sum`]: the sum of measurements, of synchronous counters and up-down counters.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use otlp_core::data::Temporality;

use super::Take;
use crate::metrics::{
    number::{MetricNumber, NumberKind},
    striped::Striped,
};

/// The sum of measurements.
pub(in crate::metrics) struct Sum {
    /// Their cells are of the number kind of the instrument.
    cells: Striped<AtomicU64>,
    /// Whether there is something to report even if the sum is zero.
    measured: AtomicBool,
}

impl Default for Sum {
    fn default() -> Self {
        Sum { cells: Striped::new(AtomicU64::new(0)), measured: AtomicBool::new(false) }
    }
}

impl Sum {
    /// Adds a number, which is finite.
    #[inline]
    pub(in crate::metrics) fn add<T: MetricNumber>(&self, value: T) {
        let value = value.bits();
        let attempt = |cell: &AtomicU64| {
            let current = cell.load(Ordering::Relaxed);
            if T::KIND != NumberKind::F64 && !is_probe(current) {
                cell.fetch_add(value, Ordering::Relaxed);
                return true;
            }
            // Compare and exchange notices other threads.
            let sum = T::KIND.add(current, value);
            cell.compare_exchange(current, sum, Ordering::Relaxed, Ordering::Relaxed).is_ok()
        };
        let insist = |cell: &AtomicU64| {
            let mut current = cell.load(Ordering::Relaxed);
            let exchange = |current| {
                cell.compare_exchange_weak(current, T::KIND.add(current, value), Ordering::Relaxed, Ordering::Relaxed)
            };
            while let Err(changed) = exchange(current) {
                current = changed;
            }
        };
        self.cells.update(attempt, insist, AtomicU64::default);
    }

    /// Says that a series exists because something was added to it, be it zero.
    pub(in crate::metrics) fn mark_measured(&self) {
        if !self.measured.load(Ordering::Relaxed) {
            self.measured.store(true, Ordering::Relaxed);
        }
    }

    /// The sum, if there is one to report: a cumulative one once anything was measured, a delta if it is not zero.
    pub(in crate::metrics) fn collect(&self, kind: NumberKind, temporality: Temporality, take: Take) -> Option<u64> {
        let mut sum = 0;
        self.cells.for_each(|cell| {
            let part = match take {
                Take::All => cell.swap(0, Ordering::Relaxed),
                Take::Nothing => cell.load(Ordering::Relaxed),
            };
            sum = kind.add(sum, part);
        });
        if !kind.is_zero(sum) {
            // An up-down counter that comes back to zero goes on being reported.
            self.mark_measured();
            return Some(sum);
        }
        (temporality != Temporality::Delta && self.measured.load(Ordering::Relaxed)).then_some(sum)
    }

    /// Whether nothing was added since all was taken.
    pub(in crate::metrics) fn is_idle(&self, kind: NumberKind) -> bool {
        let mut idle = true;
        self.cells.for_each(|cell| idle &= kind.is_zero(cell.load(Ordering::Relaxed)));
        idle
    }
}

/// Whether this addition looks for other threads. A plain addition is cheaper but notices nobody, so only one of eight
/// sums, spread evenly whatever the increments, is exchanged instead.
#[inline]
fn is_probe(sum: u64) -> bool {
    sum.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 61 == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sum_that_is_taken_starts_again_and_one_that_is_read_does_not() {
        let sum = Sum::default();
        let collect = |take| sum.collect(NumberKind::U64, Temporality::Delta, take);
        assert_eq!(collect(Take::Nothing), None);
        sum.add(3u64);
        assert_eq!(collect(Take::Nothing), Some(3));
        assert_eq!(collect(Take::All), Some(3));
        assert!(sum.is_idle(NumberKind::U64));
        assert_eq!((collect(Take::Nothing), collect(Take::All)), (None, None));
    }

    #[test]
    fn a_sum_that_came_back_to_zero_is_still_reported_as_cumulative() {
        let sum = Sum::default();
        let collect = || sum.collect(NumberKind::I64, Temporality::Cumulative, Take::Nothing);
        assert_eq!(collect(), None);
        sum.add(5i64);
        assert_eq!(collect(), Some(5));
        sum.add(-5i64);
        assert_eq!(collect(), Some(0));
    }
}
