//! The results of the last so long: ten buckets of a tenth of the time each.
//!
//! A bucket holds counters, each in one word with the epoch that it counts for. The first result of an epoch starts the
//! counter anew, so nothing has to be cleared when time passes, whether a tenth of the window or a year.
//!
//! An epoch numbers the tenths of the window since the breaker was made; each generation of the breaker moves it on by
//! a whole window, which leaves all earlier results behind. What must hold: epochs never go back, neither with the
//! clock nor when the window gets another length, and a result of an epoch that is over is dropped.

use super::{Sample, Totals};
use crate::{
    circuit_breaker::cache_line::CacheLine,
    sync::atomic::{AtomicU64, Ordering},
};

const BUCKETS: u32 = 10;

#[derive(Debug)]
pub(super) struct TimeWindow {
    /// The epoch at time zero, and the length of an epoch in microseconds, in one word.
    scale: AtomicU64,
    /// The time of the first result of the newest epoch, in nanoseconds: a clock that goes back is held to it.
    latest: AtomicU64,
    /// The last epoch in which a call failed or was slow. Without one in the window nothing calls for a decision.
    troubled: AtomicU64,
    buckets: [CacheLine<Bucket>; BUCKETS as usize],
}

#[derive(Debug)]
struct Bucket {
    calls: AtomicU64,
    failed: AtomicU64,
    slow: AtomicU64,
}

#[derive(Debug, Clone, Copy)]
struct Scale {
    base: u32,
    micros: u32,
}

impl Scale {
    fn from_bits(bits: u64) -> Self {
        Scale { base: (bits >> 32) as u32, micros: bits as u32 }
    }

    fn bits(self) -> u64 {
        u64::from(self.base) << 32 | u64::from(self.micros)
    }

    /// How many epochs lie between time zero and `now`.
    fn epochs(self, now: u64) -> u64 {
        now / 1000 / u64::from(self.micros.max(1))
    }

    fn epoch(self, generation: u32, now: u64) -> u32 {
        self.base.wrapping_add(generation.wrapping_mul(BUCKETS)).wrapping_add(self.epochs(now) as u32)
    }
}

impl TimeWindow {
    pub(super) fn new() -> Self {
        TimeWindow {
            // Epochs count from one window after zero: buckets that were never written are of epoch 0.
            scale: AtomicU64::new(Scale { base: BUCKETS, micros: 1 }.bits()),
            latest: AtomicU64::new(0),
            troubled: AtomicU64::new(0),
            buckets: std::array::from_fn(|_| {
                CacheLine(Bucket { calls: AtomicU64::new(0), failed: AtomicU64::new(0), slow: AtomicU64::new(0) })
            }),
        }
    }

    /// The length in nanoseconds.
    pub(super) fn length(&self) -> u64 {
        u64::from(self.scale().micros) * 1000 * u64::from(BUCKETS)
    }

    /// Starts empty, with another length in nanoseconds.
    pub(super) fn restart(&self, length: u64, now: u64) {
        let old = self.scale();
        let now = now.max(self.latest.load(Ordering::Relaxed));
        let micros = u32::try_from(length / 1000 / u64::from(BUCKETS)).unwrap_or(u32::MAX);
        let new = Scale { base: 0, micros };
        // Two windows further on than now: nobody who still goes by the old scale gets there.
        let base = old.epoch(0, now).wrapping_add(2 * BUCKETS).wrapping_sub(new.epochs(now) as u32);
        self.scale.store(Scale { base, ..new }.bits(), Ordering::Release);
    }

    /// Takes a result in, and returns the totals if they may call for a decision.
    #[inline]
    pub(super) fn push(&self, generation: u32, sample: Sample, now: u64) -> Option<Totals> {
        let scale = self.scale();
        let epoch = scale.epoch(generation, self.not_before_the_latest(scale, now));
        let bucket = self.bucket(epoch);
        if !count(&bucket.calls, epoch) {
            return None;
        }
        if sample.failed {
            count(&bucket.failed, epoch);
        }
        if sample.slow {
            count(&bucket.slow, epoch);
        }
        if sample.failed || sample.slow {
            self.troubled.store(u64::from(epoch), Ordering::Relaxed);
        } else if age(self.troubled.load(Ordering::Relaxed) as u32, epoch) >= BUCKETS {
            return None;
        }
        Some(self.sum(epoch))
    }

    pub(super) fn totals(&self, generation: u32, now: u64) -> Totals {
        let scale = self.scale();
        self.sum(scale.epoch(generation, now.max(self.latest.load(Ordering::Relaxed))))
    }

    fn scale(&self) -> Scale {
        Scale::from_bits(self.scale.load(Ordering::Acquire))
    }

    /// `now`, or the latest time that was seen if the clock went back. Writes once per epoch.
    #[inline]
    fn not_before_the_latest(&self, scale: Scale, now: u64) -> u64 {
        let latest = self.latest.load(Ordering::Relaxed);
        if scale.epochs(now) > scale.epochs(latest) {
            self.latest.fetch_max(now, Ordering::Relaxed);
        }
        now.max(latest)
    }

    fn bucket(&self, epoch: u32) -> &Bucket {
        &self.buckets[(epoch % BUCKETS) as usize]
    }

    fn sum(&self, epoch: u32) -> Totals {
        let mut totals = Totals::default();
        for bucket in &self.buckets {
            let read = |counter: &AtomicU64| {
                let bits = counter.load(Ordering::Relaxed);
                if age((bits >> 32) as u32, epoch) < BUCKETS { u64::from(bits as u32) } else { 0 }
            };
            totals.calls += read(&bucket.calls);
            totals.failed += read(&bucket.failed);
            totals.slow += read(&bucket.slow);
        }
        // Counters of one bucket are read one after the other, and calls come in meanwhile.
        Totals { failed: totals.failed.min(totals.calls), slow: totals.slow.min(totals.calls), ..totals }
    }
}

/// How many epochs `past` lies before `epoch`; huge if it lies after it.
fn age(past: u32, epoch: u32) -> u32 {
    epoch.wrapping_sub(past)
}

/// Adds one to what a counter counts for `epoch`; whether it still counts for it, and not for a later one.
#[inline]
fn count(counter: &AtomicU64, epoch: u32) -> bool {
    /// A counter that is no more than so far ahead was moved on by others while this result was on its way; one that
    /// is further ahead has lain idle until the numbers went round.
    const AHEAD: u32 = 1 << 16;

    let mut bits = counter.load(Ordering::Relaxed);
    loop {
        let (counted_epoch, counted) = ((bits >> 32) as u32, bits as u32);
        let counted = match counted_epoch.wrapping_sub(epoch) {
            0 => counted.saturating_add(1),
            1..=AHEAD => return false,
            _ => 1,
        };
        let new = u64::from(epoch) << 32 | u64::from(counted);
        match counter.compare_exchange_weak(bits, new, Ordering::Relaxed, Ordering::Relaxed) {
            Ok(_) => return true,
            Err(actual) => bits = actual,
        }
    }
}

#[cfg(all(test, not(otlp_loom)))]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECOND: u64 = 1_000_000_000;
    const FAILED: Sample = Sample { failed: true, slow: false };
    const FINE: Sample = Sample { failed: false, slow: false };

    /// A window of ten seconds: ten buckets of one.
    fn window() -> TimeWindow {
        let window = TimeWindow::new();
        window.restart(10 * SECOND, 0);
        window
    }

    #[test]
    fn results_leave_a_tenth_of_the_window_at_a_time() {
        let window = window();
        for second in 0..10 {
            window.push(0, FAILED, second * SECOND);
        }
        for (second, left) in [(9, 10), (10, 9), (14, 5), (18, 1), (19, 0), (1_000_000_000, 0)] {
            assert_eq!(window.totals(0, second * SECOND).failed, left, "after {second} s");
        }
    }

    #[test]
    fn pitfall_04_a_million_calls_touch_the_ten_buckets_of_one_call() {
        let window = window();
        let size = size_of_val(&window);
        assert!(size <= 128 * (BUCKETS as usize + 1), "{size} bytes, and no pointer to more");
        for call in 0..1_000_000 {
            window.push(0, FINE, call * 10_000);
        }
        let written = |window: &TimeWindow| {
            window.buckets.iter().filter(|bucket| bucket.calls.load(Ordering::Relaxed) != 0).count()
        };
        assert_eq!(written(&window), BUCKETS as usize);
        let before: Vec<u64> = window.buckets.iter().map(|bucket| bucket.calls.load(Ordering::Relaxed)).collect();
        window.push(0, FINE, 1_000_000 * 10_000);
        let changed = window
            .buckets
            .iter()
            .zip(&before)
            .filter(|(bucket, before)| bucket.calls.load(Ordering::Relaxed) != **before)
            .count();
        assert_eq!(changed, 1, "one call writes one bucket, however many are in the window");
    }

    #[test]
    fn a_success_calls_for_no_decision_while_the_window_has_no_trouble() {
        let window = window();
        assert_eq!(window.push(0, FINE, 0), None);
        assert!(window.push(0, FAILED, 0).is_some());
        assert_eq!(window.push(0, FINE, 9 * SECOND), Some(Totals { calls: 3, failed: 1, slow: 0 }));
        assert_eq!(window.push(0, FINE, 10 * SECOND), None, "the failure has left");
    }

    #[test]
    fn pitfall_16_a_clock_that_goes_back_lets_no_time_pass() {
        let window = window();
        window.push(0, FAILED, 100 * SECOND);
        for _ in 0..3 {
            window.push(0, FAILED, 0);
        }
        assert_eq!(window.totals(0, 0).failed, 4, "counted where the clock had been");
        assert_eq!(window.totals(0, 109 * SECOND).failed, 4);
        assert_eq!(window.totals(0, 110 * SECOND).failed, 0);
    }

    #[test]
    fn another_generation_starts_empty_and_stragglers_of_the_old_one_stay_out() {
        let window = window();
        window.push(0, FAILED, SECOND);
        assert_eq!(window.totals(1, SECOND), Totals::default());
        window.push(1, FINE, SECOND);
        assert_eq!(window.push(0, FAILED, SECOND), None);
        window.push(0, FAILED, 2 * SECOND);
        assert_eq!(window.totals(1, 2 * SECOND), Totals { calls: 1, failed: 0, slow: 0 });
    }

    #[test]
    fn another_length_never_sends_epochs_back() {
        let window = window();
        let mut now = 3600 * SECOND;
        for length in [SECOND / 100, 36_000 * SECOND, SECOND, 10 * SECOND] {
            window.push(0, FAILED, now);
            window.restart(length, now);
            assert_eq!(window.length(), length);
            assert_eq!(window.totals(0, now), Totals::default());
            assert_eq!(window.push(0, FAILED, now), Some(Totals { calls: 1, failed: 1, slow: 0 }));
            now += SECOND;
        }
    }

    #[test]
    fn a_counter_that_is_full_stays_full() {
        let counter = AtomicU64::new(7 << 32 | u64::from(u32::MAX));
        assert!(count(&counter, 7));
        assert_eq!(counter.load(Ordering::Relaxed), 7 << 32 | u64::from(u32::MAX));
        assert!(!count(&counter, 6));
        assert!(count(&counter, 8));
        assert_eq!(counter.load(Ordering::Relaxed), 8 << 32 | 1);
    }

    proptest! {
        #[test]
        fn agrees_with_a_list_of_all_results(
            results in proptest::collection::vec((0..4 * SECOND, any::<bool>(), any::<bool>(), 0..60u8), 0..400),
        ) {
            let window = window();
            let mut model: Vec<(u64, Sample)> = Vec::new();
            let (mut now, mut generation) = (0, 0);
            for (pause, failed, slow, chance) in results {
                now += pause / u64::from(chance + 1);
                if chance == 0 {
                    generation += 1;
                    model.clear();
                }
                let sample = Sample { failed, slow };
                window.push(generation, sample, now);
                model.push((now, sample));
                let first_second = (now / SECOND + 1).saturating_sub(u64::from(BUCKETS));
                let held: Vec<_> = model.iter().filter(|(at, _)| at / SECOND >= first_second).collect();
                let expected = Totals {
                    calls: held.len() as u64,
                    failed: held.iter().filter(|(_, sample)| sample.failed).count() as u64,
                    slow: held.iter().filter(|(_, sample)| sample.slow).count() as u64,
                };
                prop_assert_eq!(window.totals(generation, now), expected);
            }
        }
    }
}
