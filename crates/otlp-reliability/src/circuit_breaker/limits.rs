//! The settings that calls look at, as words that a reload stores and a call loads.
//!
//! What belongs together stands in one word, so that no decision mixes old settings with new ones.

use std::time::Duration;

use super::{CircuitBreakerConfig, OnCancel, window::Totals};
use crate::{
    sync::atomic::{AtomicU32, AtomicU64, Ordering},
    timeline::nanos,
};

/// Rates are compared in millionths, with whole numbers: 7 failures of 100 are 7 %, and not a little less.
const MILLION: u64 = 1_000_000;
const RATE_BITS: u32 = 20;
const RATE_MASK: u64 = (1 << RATE_BITS) - 1;
/// A rate that no share reaches.
const NEVER: u64 = RATE_MASK;
/// No call takes so long.
const UNTIMED: u64 = u64::MAX;

#[derive(Debug)]
pub(super) struct Limits {
    /// Minimum of calls, failure rate, slow-call rate.
    rates: AtomicU64,
    /// Failures in a row; 0: not watched.
    streak: AtomicU32,
    /// Probes, and how many of them must succeed.
    probes: AtomicU32,
    /// From when on a call is slow, in nanoseconds.
    slow_after: AtomicU64,
    on_cancel: AtomicU32,
}

/// How many probes there are, and how many of them must succeed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Probes {
    pub(super) permitted: u32,
    pub(super) needed: u32,
}

impl Limits {
    pub(super) fn new(config: &CircuitBreakerConfig) -> Self {
        let limits = Limits {
            rates: AtomicU64::new(0),
            streak: AtomicU32::new(0),
            probes: AtomicU32::new(0),
            slow_after: AtomicU64::new(0),
            on_cancel: AtomicU32::new(0),
        };
        limits.store(config);
        limits
    }

    pub(super) fn store(&self, config: &CircuitBreakerConfig) {
        let rates = u64::from(config.minimum_calls()) << (2 * RATE_BITS)
            | millionths(config.failure_rate()) << RATE_BITS
            | millionths(config.slow_call_rate());
        self.rates.store(rates, Ordering::Relaxed);
        self.streak.store(config.consecutive_failures().unwrap_or(0), Ordering::Relaxed);
        self.probes.store(config.half_open_probes() << 16 | config.half_open_successes(), Ordering::Relaxed);
        self.slow_after.store(config.slow_call_duration().map_or(UNTIMED, slow_nanos), Ordering::Relaxed);
        let on_cancel = match config.on_cancel() {
            OnCancel::Ignore => 0,
            OnCancel::Failure => 1,
            OnCancel::FailureIfSlow => 2,
        };
        self.on_cancel.store(on_cancel, Ordering::Relaxed);
    }

    /// Whether the results in the window open the breaker.
    pub(super) fn are_exceeded_by(&self, totals: Totals) -> bool {
        let rates = self.rates.load(Ordering::Relaxed);
        let (minimum, failure, slow) = (rates >> (2 * RATE_BITS), rates >> RATE_BITS & RATE_MASK, rates & RATE_MASK);
        totals.calls >= minimum.max(1)
            && (totals.failed.saturating_mul(MILLION) >= failure.saturating_mul(totals.calls)
                || totals.slow.saturating_mul(MILLION) >= slow.saturating_mul(totals.calls))
    }

    /// How many failures in a row open the breaker; 0: any number is let pass.
    #[inline]
    pub(super) fn streak(&self) -> u32 {
        self.streak.load(Ordering::Relaxed)
    }

    /// Whether slow calls are counted, for which every call must be timed.
    #[inline]
    pub(super) fn count_slow_calls(&self) -> bool {
        self.rates.load(Ordering::Relaxed) & RATE_MASK != NEVER
    }

    pub(super) fn is_slow(&self, elapsed: u64) -> bool {
        elapsed >= self.slow_after.load(Ordering::Relaxed)
    }

    pub(super) fn probes(&self) -> Probes {
        let bits = self.probes.load(Ordering::Relaxed);
        Probes { permitted: bits >> 16, needed: bits & 0xffff }
    }

    pub(super) fn on_cancel(&self) -> OnCancel {
        match self.on_cancel.load(Ordering::Relaxed) {
            0 => OnCancel::Ignore,
            1 => OnCancel::Failure,
            _ => OnCancel::FailureIfSlow,
        }
    }

    /// Whether it matters for how long a cancelled call had been waiting.
    #[inline]
    pub(super) fn time_cancelled_calls(&self) -> bool {
        self.on_cancel() == OnCancel::FailureIfSlow && self.slow_after.load(Ordering::Relaxed) != UNTIMED
    }
}

/// The longest durations are no `UNTIMED`: they are set, though no call will reach them.
fn slow_nanos(duration: Duration) -> u64 {
    nanos(duration).min(UNTIMED - 1)
}

fn millionths(rate: Option<f64>) -> u64 {
    // A little above the product, which may lie a little below the whole number that is meant (0.29 of a million).
    rate.map_or(NEVER, |rate| (rate * MILLION as f64 + 1e-6) as u64)
}

#[cfg(all(test, not(otlp_loom)))]
mod tests {
    use super::*;

    fn totals(calls: u64, failed: u64, slow: u64) -> Totals {
        Totals { calls, failed, slow }
    }

    #[test]
    fn a_rate_is_reached_exactly_where_it_says() {
        for percent in 1..=100u32 {
            let config = CircuitBreakerConfig::new().with_failure_rate(f64::from(percent) / 100.0);
            let limits = Limits::new(&config.with_minimum_calls(100));
            assert!(limits.are_exceeded_by(totals(100, u64::from(percent), 0)), "{percent} %");
            assert!(!limits.are_exceeded_by(totals(100, u64::from(percent) - 1, 0)), "{percent} %");
        }
        let thirds = Limits::new(&CircuitBreakerConfig::new().with_failure_rate(2.0 / 3.0).with_minimum_calls(3));
        assert!(thirds.are_exceeded_by(totals(3, 2, 0)));
        assert!(!thirds.are_exceeded_by(totals(3, 1, 0)));
    }

    #[test]
    fn rates_wait_for_the_minimum_and_each_acts_alone() {
        let second = Duration::from_secs(1);
        let config = CircuitBreakerConfig::new().with_slow_call_duration(second).with_slow_call_rate(0.8);
        let limits = Limits::new(&config.clone().with_minimum_calls(10));
        assert!(!limits.are_exceeded_by(totals(9, 9, 9)));
        assert!(limits.are_exceeded_by(totals(10, 5, 0)));
        assert!(limits.are_exceeded_by(totals(10, 0, 8)));
        assert!(!limits.are_exceeded_by(totals(10, 4, 7)));
        limits.store(&config.with_failure_rate(None));
        assert!(!limits.are_exceeded_by(totals(100, 100, 0)), "a rate that is off is never reached");
        assert!(!Limits::new(&CircuitBreakerConfig::new()).are_exceeded_by(totals(100, 0, 100)));
    }

    #[test]
    fn calls_are_timed_only_where_it_matters() {
        let second = Duration::from_secs(1);
        let plain = Limits::new(&CircuitBreakerConfig::new());
        assert!(!plain.count_slow_calls() && !plain.time_cancelled_calls());
        let duration = CircuitBreakerConfig::new().with_slow_call_duration(second);
        let limits = Limits::new(&duration);
        assert!(!limits.count_slow_calls() && limits.time_cancelled_calls());
        assert!(limits.is_slow(nanos(second)) && !limits.is_slow(nanos(second) - 1));
        let limits = Limits::new(&duration.with_on_cancel(OnCancel::Failure).with_slow_call_rate(1.0));
        assert!(limits.count_slow_calls() && !limits.time_cancelled_calls());
        assert!(!plain.is_slow(UNTIMED - 1), "without a duration no call is slow");
    }
}
