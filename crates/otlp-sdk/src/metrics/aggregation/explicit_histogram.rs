//! [`ExplicitHistogram`]: a distribution over buckets with given bounds.
//!
//! Each cell is a whole distribution that a record claims with one exchange and frees with one store: count, sum and
//! extremes of a point belong together, which separate atomics could not promise. A thread that finds a cell claimed
//! goes to another one.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU64, Ordering},
};

use super::Take;
use crate::metrics::{number::saturating_sum, striped::Striped};

/// A distribution that threads record into.
pub(in crate::metrics) struct ExplicitHistogram {
    cells: Striped<DistributionCell>,
    bounds: Arc<[f64]>,
}

/// A distribution that one thread at a time may touch. The numbers are atomic only so that the compiler need not know
/// who that is: between claim and release they are read and written one by one.
struct DistributionCell {
    claimed: AtomicBool,
    buckets: Box<[AtomicU64]>,
    /// The bits of a double, as the next two.
    sum: AtomicU64,
    min: AtomicU64,
    max: AtomicU64,
}

/// How many values fell into each bucket, with their sum and extremes.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::metrics) struct Distribution {
    /// One more than there are bounds: the last bucket has no upper bound.
    pub(in crate::metrics) buckets: Vec<u64>,
    /// Finite.
    pub(in crate::metrics) sum: f64,
    /// Infinite while there are no values.
    pub(in crate::metrics) min: f64,
    /// Infinitely small while there are no values.
    pub(in crate::metrics) max: f64,
}

impl ExplicitHistogram {
    pub(super) fn new(bounds: Arc<[f64]>) -> Self {
        ExplicitHistogram { cells: Striped::new(DistributionCell::new(bounds.len() + 1)), bounds }
    }

    /// Records a value, which is finite.
    #[inline]
    pub(in crate::metrics) fn record(&self, value: f64) {
        // Upper bounds are inclusive.
        let bucket = self.bounds.partition_point(|bound| *bound < value);
        let attempt = |cell: &DistributionCell| {
            let claimed = cell.try_claim();
            if claimed {
                cell.record(bucket, value);
                cell.release();
            }
            claimed
        };
        let insist = |cell: &DistributionCell| {
            cell.claim();
            cell.record(bucket, value);
            cell.release();
        };
        self.cells.update(attempt, insist, || DistributionCell::new(self.bounds.len() + 1));
    }

    /// Puts the distribution into `into`, whatever was there, and returns how many values it has; where `take` says so,
    /// of the values since the last time.
    pub(in crate::metrics) fn collect(&self, take: Take, into: &mut Distribution) -> u64 {
        into.clear(self.bounds.len() + 1);
        self.cells.for_each(|cell| {
            cell.claim();
            cell.add_to(into);
            if take == Take::All {
                cell.clear();
            }
            cell.release();
        });
        into.count()
    }

    /// Whether nothing was recorded since all was taken.
    pub(in crate::metrics) fn is_idle(&self) -> bool {
        let mut idle = true;
        // A bucket once counted stays so until all is taken: one reading of each is enough.
        self.cells.for_each(|cell| idle &= cell.buckets.iter().all(|count| count.load(Ordering::Acquire) == 0));
        idle
    }
}

impl DistributionCell {
    fn new(buckets: usize) -> Self {
        let cell = DistributionCell {
            claimed: AtomicBool::new(false),
            buckets: (0..buckets).map(|_| AtomicU64::new(0)).collect(),
            sum: AtomicU64::new(0),
            min: AtomicU64::new(0),
            max: AtomicU64::new(0),
        };
        cell.clear();
        cell
    }

    /// Whether the cell is the caller's now.
    #[inline]
    fn try_claim(&self) -> bool {
        !self.claimed.swap(true, Ordering::Acquire)
    }

    /// Waits until the cell is the caller's: for as long as it takes to add one number to another, unless the system
    /// has stopped the thread that does so.
    #[inline]
    fn claim(&self) {
        let mut tries = 0;
        while !self.try_claim() {
            tries += 1;
            if tries % 64 == 0 { std::thread::yield_now() } else { std::hint::spin_loop() }
        }
    }

    #[inline]
    fn release(&self) {
        self.claimed.store(false, Ordering::Release);
    }

    #[inline]
    fn record(&self, bucket: usize, value: f64) {
        if let Some(count) = self.buckets.get(bucket) {
            count.store(count.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
        }
        store(&self.sum, saturating_sum(load(&self.sum), value));
        if value < load(&self.min) {
            store(&self.min, value);
        }
        if value > load(&self.max) {
            store(&self.max, value);
        }
    }

    fn add_to(&self, into: &mut Distribution) {
        for (count, more) in into.buckets.iter_mut().zip(&self.buckets) {
            *count += more.load(Ordering::Relaxed);
        }
        into.sum = saturating_sum(into.sum, load(&self.sum));
        into.min = into.min.min(load(&self.min));
        into.max = into.max.max(load(&self.max));
    }

    fn clear(&self) {
        self.buckets.iter().for_each(|count| count.store(0, Ordering::Relaxed));
        store(&self.sum, 0.0);
        store(&self.min, f64::INFINITY);
        store(&self.max, f64::NEG_INFINITY);
    }
}

#[inline]
fn load(double: &AtomicU64) -> f64 {
    f64::from_bits(double.load(Ordering::Relaxed))
}

#[inline]
fn store(double: &AtomicU64, value: f64) {
    double.store(value.to_bits(), Ordering::Relaxed);
}

impl Distribution {
    /// A distribution of nothing.
    pub(in crate::metrics) fn new(buckets: usize) -> Self {
        Distribution { buckets: vec![0; buckets], sum: 0.0, min: f64::INFINITY, max: f64::NEG_INFINITY }
    }

    /// How many values there are.
    pub(in crate::metrics) fn count(&self) -> u64 {
        self.buckets.iter().sum()
    }

    /// The sum, where OTLP wants one: it is left out once there were negative values, with which a sum would not rise
    /// as readers take for granted (`HistogramDataPoint.sum`).
    pub(in crate::metrics) fn reported_sum(&self) -> Option<f64> {
        (self.min >= 0.0).then_some(self.sum)
    }

    fn clear(&mut self, buckets: usize) {
        self.buckets.clear();
        self.buckets.resize(buckets, 0);
        (self.sum, self.min, self.max) = (0.0, f64::INFINITY, f64::NEG_INFINITY);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn collect(histogram: &ExplicitHistogram, take: Take) -> Distribution {
        let mut distribution = Distribution::new(0);
        histogram.collect(take, &mut distribution);
        distribution
    }

    #[test]
    fn upper_bounds_are_inclusive() {
        let histogram = ExplicitHistogram::new([0.0, 5.0, 10.0].into());
        for value in [-1.0, 0.0, 0.1, 5.0, 5.1, 10.0, 10.1] {
            histogram.record(value);
        }
        assert_eq!(collect(&histogram, Take::Nothing).buckets, [2, 2, 2, 1]);
    }

    #[test]
    fn without_bounds_there_is_one_bucket() {
        let histogram = ExplicitHistogram::new([].into());
        histogram.record(3.0);
        assert_eq!(collect(&histogram, Take::Nothing), Distribution { buckets: vec![1], sum: 3.0, min: 3.0, max: 3.0 });
    }

    #[test]
    fn a_distribution_that_is_taken_starts_again() {
        let histogram = ExplicitHistogram::new([1.0].into());
        histogram.record(2.0);
        assert_eq!(collect(&histogram, Take::Nothing).count(), 1);
        assert_eq!(collect(&histogram, Take::All).max, 2.0);
        assert!(histogram.is_idle());
        assert_eq!(collect(&histogram, Take::All), Distribution::new(2));
    }

    #[test]
    fn a_sum_is_left_out_once_there_were_negative_values() {
        let histogram = ExplicitHistogram::new([1.0].into());
        histogram.record(2.0);
        assert_eq!(collect(&histogram, Take::Nothing).reported_sum(), Some(2.0));
        histogram.record(-0.5);
        assert_eq!(collect(&histogram, Take::Nothing).reported_sum(), None);
    }
}
