//! How long recent calls took: a histogram that forgets.
//!
//! Buckets grow with what they hold, eight for each doubling, so a percentile is at most an eighth too large and never
//! too small. Recording is two additions and no lock. What was recorded loses half of its weight whenever there is much
//! of it, so the percentile follows a callee that becomes faster or slower.

use crate::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Doublings are split into so many buckets, as a power of two.
const SPLIT_BITS: u32 = 3;
const SPLIT: u64 = 1 << SPLIT_BITS;
const BUCKETS: usize = (64 - SPLIT_BITS as usize + 1) << SPLIT_BITS;

/// A percentile is looked up anew after so many records.
const REFRESH: u64 = 128;

/// From so many on, what was recorded loses half of its weight.
const FULL: u64 = 1024;

#[derive(Debug)]
pub(super) struct Latencies {
    counts: Box<[AtomicU64]>,
    recorded: AtomicU64,
}

impl Latencies {
    pub(super) fn new() -> Self {
        Latencies { counts: (0..BUCKETS).map(|_| AtomicU64::new(0)).collect(), recorded: AtomicU64::new(0) }
    }

    /// Notes a latency; whether it is time to look at the percentile again.
    #[inline]
    pub(super) fn record(&self, nanos: u64) -> bool {
        self.counts[bucket(nanos)].fetch_add(1, Relaxed);
        (self.recorded.fetch_add(1, Relaxed) + 1).is_multiple_of(REFRESH)
    }

    /// The latency in nanoseconds that `percentile` percent of what was recorded did not exceed, or `None` if that is
    /// too little to tell. Forgets, and so is called by one thread at a time.
    pub(super) fn percentile(&self, percentile: f64) -> Option<u64> {
        let counts: Vec<u64> = self.counts.iter().map(|count| count.load(Relaxed)).collect();
        let total: u64 = counts.iter().sum();
        if total < REFRESH {
            return None;
        }
        if total >= FULL {
            for (count, seen) in self.counts.iter().zip(&counts) {
                count.fetch_sub(seen / 2, Relaxed);
            }
        }
        let rank = (total as f64 * percentile / 100.0).ceil() as u64;
        let mut so_far = 0;
        let reached = counts.iter().position(|count| {
            so_far += count;
            so_far >= rank
        });
        reached.map(upper_end)
    }
}

fn bucket(nanos: u64) -> usize {
    if nanos < SPLIT {
        return nanos as usize;
    }
    let shift = nanos.ilog2() - SPLIT_BITS;
    ((u64::from(shift) << SPLIT_BITS) + (nanos >> shift)) as usize
}

/// The largest value in a bucket.
fn upper_end(bucket: usize) -> u64 {
    let bucket = bucket as u64;
    if bucket < 2 * SPLIT {
        return bucket;
    }
    let shift = (bucket >> SPLIT_BITS) - 1;
    let lower = (bucket - (shift << SPLIT_BITS)) << shift;
    lower + ((1 << shift) - 1)
}

#[cfg(all(test, not(otlp_loom)))]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn recorded(values: impl IntoIterator<Item = u64>) -> Latencies {
        let latencies = Latencies::new();
        for value in values {
            latencies.record(value);
        }
        latencies
    }

    #[test]
    fn little_tells_nothing() {
        assert_eq!(recorded(0..127).percentile(95.0), None);
        assert!(recorded(0..128).percentile(95.0).is_some());
    }

    #[test]
    fn recording_asks_for_a_look_once_in_a_while() {
        let latencies = Latencies::new();
        assert_eq!((0..1000).filter(|value| latencies.record(*value)).count(), 7);
    }

    #[test]
    fn the_percentile_follows_what_comes_later() {
        let latencies = recorded((0..1024).map(|_| 1_000_000));
        assert_eq!(bucket(latencies.percentile(95.0).unwrap()), bucket(1_000_000));
        (0..8 * 1024).for_each(|value| {
            if latencies.record(1000) {
                latencies.percentile(95.0);
            }
            let _ = value;
        });
        assert_eq!(bucket(latencies.percentile(95.0).unwrap()), bucket(1000));
    }

    proptest! {
        #[test]
        fn every_value_is_in_a_bucket_that_ends_at_most_an_eighth_above_it(value in any::<u64>(), shift in 0..64u32) {
            let value = value >> shift;
            let end = upper_end(bucket(value));
            prop_assert!(end >= value && end - value <= value / 8);
            prop_assert_eq!(bucket(end), bucket(value));
            prop_assert!(end == u64::MAX || bucket(end + 1) == bucket(value) + 1);
        }

        #[test]
        fn the_percentile_is_the_one_of_the_sorted_values(
            mut values in proptest::collection::vec(1..10_000_000_000u64, 128..900),
            percentile in 50.0..99.9f64,
        ) {
            let found = recorded(values.iter().copied()).percentile(percentile).unwrap();
            values.sort_unstable();
            let exact = values[(values.len() as f64 * percentile / 100.0).ceil() as usize - 1];
            prop_assert_eq!(bucket(found), bucket(exact));
        }
    }
}
