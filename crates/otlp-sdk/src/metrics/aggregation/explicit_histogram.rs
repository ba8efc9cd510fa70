//! [`ExplicitHistogram`]: a distribution over buckets with given bounds.
//!
//! Each cell is a whole distribution behind a lock that a record takes with one try: count, sum and extremes of a
//! point belong together, which separate atomics could not promise. A thread that finds the lock taken goes to another
//! cell.

use std::sync::Arc;

use parking_lot::Mutex;

use super::Take;
use crate::metrics::{number::saturating_sum, striped::Striped};

/// A distribution that threads record into.
pub(in crate::metrics) struct ExplicitHistogram {
    cells: Striped<Mutex<Distribution>>,
    bounds: Arc<[f64]>,
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
        ExplicitHistogram { cells: Striped::new(Mutex::new(Distribution::new(bounds.len() + 1))), bounds }
    }

    /// Records a value, which is finite.
    #[inline]
    pub(in crate::metrics) fn record(&self, value: f64) {
        // Upper bounds are inclusive.
        let bucket = self.bounds.partition_point(|bound| *bound < value);
        let attempt = |cell: &Mutex<Distribution>| {
            cell.try_lock().map(|mut distribution| distribution.record(bucket, value)).is_some()
        };
        let insist = |cell: &Mutex<Distribution>| cell.lock().record(bucket, value);
        let another = || Mutex::new(Distribution::new(self.bounds.len() + 1));
        self.cells.update(attempt, insist, another);
    }

    /// Puts the distribution into `into`, whatever was there, and returns how many values it has; where `take` says so,
    /// of the values since the last time.
    pub(in crate::metrics) fn collect(&self, take: Take, into: &mut Distribution) -> u64 {
        into.clear(self.bounds.len() + 1);
        self.cells.for_each(|cell| {
            let mut distribution = cell.lock();
            into.merge(&distribution);
            if take == Take::All {
                distribution.clear(self.bounds.len() + 1);
            }
        });
        into.count()
    }

    /// Whether nothing was recorded since all was taken.
    pub(in crate::metrics) fn is_idle(&self) -> bool {
        let mut idle = true;
        self.cells.for_each(|cell| idle &= cell.lock().count() == 0);
        idle
    }
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

    #[inline]
    fn record(&mut self, bucket: usize, value: f64) {
        self.buckets[bucket] += 1;
        self.sum = saturating_sum(self.sum, value);
        self.min = self.min.min(value);
        self.max = self.max.max(value);
    }

    fn merge(&mut self, other: &Distribution) {
        self.buckets.iter_mut().zip(&other.buckets).for_each(|(count, more)| *count += more);
        self.sum = saturating_sum(self.sum, other.sum);
        self.min = self.min.min(other.min);
        self.max = self.max.max(other.max);
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
