//! A histogram of durations: eight buckets to each doubling, from a microsecond to an hour, in fixed memory. Recording is
//! a few atomic additions; quantiles are at most an eighth too high, and never too low.

use std::{
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};

/// Buckets to each doubling.
const FINENESS: u32 = 8;
const FINENESS_BITS: u32 = FINENESS.ilog2();

/// The largest duration that is told apart from larger ones, as a power of two of microseconds: 71 minutes.
const LARGEST_BITS: u32 = 32;

const BUCKETS: usize = ((LARGEST_BITS - FINENESS_BITS + 1) * FINENESS) as usize;

/// The bucket of a duration in microseconds. Buckets include their upper bounds.
fn bucket(micros: u64) -> usize {
    let below = micros.clamp(1, 1 << LARGEST_BITS) - 1;
    if below < u64::from(FINENESS) {
        return below as usize;
    }
    let shift = below.ilog2() - FINENESS_BITS;
    ((shift + 1) * FINENESS) as usize + ((below >> shift) as usize & (FINENESS as usize - 1))
}

/// The upper bound of a bucket, in microseconds.
fn upper_bound(bucket: usize) -> u64 {
    let (bucket, fineness) = (bucket as u64, u64::from(FINENESS));
    if bucket < fineness {
        return bucket + 1;
    }
    (fineness + bucket % fineness + 1) << (bucket / fineness - 1)
}

/// Takes durations in.
pub(super) struct Durations {
    buckets: [AtomicU64; BUCKETS],
    sum_nanos: AtomicU64,
    max_nanos: AtomicU64,
}

impl Default for Durations {
    fn default() -> Self {
        Durations {
            buckets: [const { AtomicU64::new(0) }; BUCKETS],
            sum_nanos: AtomicU64::new(0),
            max_nanos: AtomicU64::new(0),
        }
    }
}

impl Durations {
    pub(super) fn record(&self, duration: Duration) {
        let nanos = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        self.buckets[bucket(nanos.div_ceil(1_000))].fetch_add(1, Relaxed);
        self.sum_nanos.fetch_add(nanos, Relaxed);
        self.max_nanos.fetch_max(nanos, Relaxed);
    }

    /// What was recorded so far.
    pub(super) fn read(&self) -> DurationCounts {
        DurationCounts {
            buckets: self.buckets.each_ref().map(|count| count.load(Relaxed)),
            sum_nanos: self.sum_nanos.load(Relaxed),
            max_nanos: Some(self.max_nanos.load(Relaxed)),
        }
    }
}

/// What was recorded until some moment, or between two.
#[derive(Clone)]
pub(super) struct DurationCounts {
    buckets: [u64; BUCKETS],
    sum_nanos: u64,
    /// Not known of the time between two moments.
    max_nanos: Option<u64>,
}

impl DurationCounts {
    pub(super) fn count(&self) -> u64 {
        self.buckets.iter().sum()
    }

    pub(super) fn sum(&self) -> Duration {
        Duration::from_nanos(self.sum_nanos)
    }

    /// What was recorded since `earlier`.
    pub(super) fn since(&self, earlier: &DurationCounts) -> DurationCounts {
        let mut buckets = self.buckets;
        buckets.iter_mut().zip(earlier.buckets).for_each(|(now, then)| *now = now.saturating_sub(then));
        let sum_nanos = self.sum_nanos.saturating_sub(earlier.sum_nanos);
        DurationCounts { buckets, sum_nanos, max_nanos: None }
    }

    pub(super) fn merge(&mut self, other: &DurationCounts) {
        self.buckets.iter_mut().zip(other.buckets).for_each(|(mine, theirs)| *mine += theirs);
        self.sum_nanos = self.sum_nanos.saturating_add(other.sum_nanos);
        self.max_nanos = self.max_nanos.zip(other.max_nanos).map(|(mine, theirs)| mine.max(theirs));
    }

    /// How many took at most 2^`power` microseconds. Exact, because that is the bound of a bucket.
    pub(super) fn at_most_two_to(&self, power: u32) -> u64 {
        let last = bucket(1 << power);
        self.buckets[..=last].iter().sum()
    }

    /// What `quantile` (above 0, at most 1) of the durations do not exceed; none if there are none.
    pub(super) fn quantile(&self, quantile: f64) -> Option<Duration> {
        let count = self.count();
        if count == 0 {
            return None;
        }
        let rank = ((count as f64 * quantile).ceil() as u64).clamp(1, count);
        let mut seen = 0;
        let bucket = self.buckets.iter().position(|count| {
            seen += count;
            seen >= rank
        })?;
        let bound = Duration::from_micros(upper_bound(bucket));
        // The last bucket has no bound, and no quantile is above the largest of all.
        let max = self.max_nanos.map(Duration::from_nanos);
        Some(match max {
            Some(max) if bucket == BUCKETS - 1 => max,
            Some(max) => bound.min(max),
            None => bound,
        })
    }

    /// The quantiles that people ask for; none if nothing was recorded.
    pub(super) fn latency(&self) -> Option<Latency> {
        let count = self.count();
        Some(Latency {
            count,
            mean: Duration::from_nanos(self.sum_nanos.checked_div(count)?),
            p50: self.quantile(0.5)?,
            p90: self.quantile(0.9)?,
            p95: self.quantile(0.95)?,
            p99: self.quantile(0.99)?,
            max: self.quantile(1.0)?,
        })
    }
}

/// How long attempts took. The quantiles are those of a histogram: at most an eighth too high, never too low.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Latency {
    /// How many attempts there were.
    pub count: u64,
    /// Their mean.
    pub mean: Duration,
    /// What half of them did not exceed.
    pub p50: Duration,
    /// What nine of ten did not exceed.
    pub p90: Duration,
    /// What nineteen of twenty did not exceed.
    pub p95: Duration,
    /// What 99 of 100 did not exceed.
    pub p99: Duration,
    /// The longest: exact since the client was built, to an eighth within a window.
    pub max: Duration,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_bucket_begins_where_the_one_before_ends() {
        assert_eq!(bucket(0), 0);
        for at in 0..BUCKETS - 1 {
            assert_eq!(bucket(upper_bound(at)), at, "the bound belongs to the bucket");
            assert_eq!(bucket(upper_bound(at) + 1), at + 1);
        }
        assert_eq!(upper_bound(BUCKETS - 1), 1 << LARGEST_BITS);
        assert_eq!(bucket(u64::MAX), BUCKETS - 1);
    }

    #[test]
    fn quantiles_are_never_too_low_and_at_most_an_eighth_too_high() {
        let durations = Durations::default();
        let mut values: Vec<u64> = (0..10_000).map(|step: u64| 1 + step * step % 3_000_017).collect();
        values.iter().for_each(|micros| durations.record(Duration::from_micros(*micros)));
        values.sort_unstable();
        let counts = durations.read();
        for quantile in [0.01, 0.5, 0.9, 0.95, 0.99, 0.999, 1.0] {
            let exact = values[(values.len() as f64 * quantile).ceil() as usize - 1];
            let found = counts.quantile(quantile).unwrap().as_micros() as u64;
            assert!(found >= exact, "{quantile}: {found} < {exact}");
            assert!(found as f64 <= exact as f64 * 1.125 + 1.0, "{quantile}: {found} > {exact}");
        }
        assert_eq!(counts.quantile(1.0).unwrap(), Duration::from_micros(values[values.len() - 1]));
        assert_eq!(counts.latency().unwrap().count, 10_000);
    }

    #[test]
    fn a_window_holds_what_came_in_between() {
        let durations = Durations::default();
        assert_eq!(durations.read().latency(), None);
        durations.record(Duration::from_secs(50));
        let earlier = durations.read();
        durations.record(Duration::from_millis(1));
        durations.record(Duration::from_millis(3));
        let latency = durations.read().since(&earlier).latency().unwrap();
        assert_eq!((latency.count, latency.mean), (2, Duration::from_millis(2)));
        assert!(latency.max < Duration::from_millis(4));
        assert_eq!(durations.read().latency().unwrap().max, Duration::from_secs(50));
    }

    #[test]
    fn powers_of_two_are_counted_exactly() {
        let durations = Durations::default();
        for micros in [1_023, 1_024, 1_025] {
            durations.record(Duration::from_micros(micros));
        }
        durations.record(Duration::from_nanos(1_024_001));
        assert_eq!(durations.read().at_most_two_to(10), 2);
        assert_eq!(durations.read().at_most_two_to(11), 4);
        durations.record(Duration::from_secs(u64::MAX));
        assert_eq!(durations.read().count(), 5);
    }
}
