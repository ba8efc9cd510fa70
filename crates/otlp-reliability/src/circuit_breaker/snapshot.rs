//! The figures of a circuit breaker.

use std::time::Duration;

use super::CircuitState;

/// How a [`CircuitBreaker`](crate::CircuitBreaker) stands, and what it has done since it was made.
///
/// The figures are read one after the other while calls go on; each is right for its own moment.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct CircuitBreakerSnapshot {
    /// The state. An open breaker whose break is over says so until a call comes: that call makes it half open.
    pub state: CircuitState,
    /// How long the breaker is still open, if it is.
    #[cfg_attr(feature = "serde", serde(with = "humantime_serde"))]
    pub open_for: Option<Duration>,
    /// Results in the window. 0 while no rate is set, which needs no window.
    pub calls_in_window: u64,
    /// Failures among them.
    pub failures_in_window: u64,
    /// Slow calls among them, whatever their results.
    pub slow_calls_in_window: u64,
    /// Failures since the last success. 0 while no number of consecutive failures is set.
    pub failures_in_a_row: u32,
    /// Probes that were let through since the breaker is half open.
    pub probes: u32,
    /// Probes that succeeded.
    pub probes_succeeded: u32,
    /// Probes that failed, or succeeded too slowly.
    pub probes_failed: u32,
    /// How often the breaker opened.
    pub openings: u64,
    /// Calls that were turned away.
    pub rejected: u64,
    /// Calls that were counted as failures, probes included.
    pub failures: u64,
    /// Calls that were counted as slow, probes included.
    pub slow_calls: u64,
    /// Calls that were dropped before they had a result.
    pub cancelled: u64,
    /// Results that came after the state in which the call began, and decided nothing.
    pub outdated: u64,
}

impl CircuitBreakerSnapshot {
    /// The share of failures in the window; `None` while it is empty.
    pub fn failure_rate(&self) -> Option<f64> {
        self.share(self.failures_in_window)
    }

    /// The share of slow calls in the window; `None` while it is empty.
    pub fn slow_call_rate(&self) -> Option<f64> {
        self.share(self.slow_calls_in_window)
    }

    fn share(&self, part: u64) -> Option<f64> {
        (self.calls_in_window > 0).then(|| part as f64 / self.calls_in_window as f64)
    }
}
