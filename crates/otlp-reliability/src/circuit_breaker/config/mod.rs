//! The settings of a circuit breaker, checked as a whole when it is built or reloaded.

mod validation;

use std::time::Duration;

use super::{BreakDuration, CircuitBreaker, OnCancel};
use crate::ConfigError;

/// Which results the rates of a [`CircuitBreaker`] are taken over.
///
/// Both windows slide: they forget the oldest results as new ones come, and never all at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "snake_case"))]
pub enum Window {
    /// The last so many results. Reads no clock.
    Count(u32),
    /// The results of the last so long, in steps of a tenth of it. A result leaves the window when it is between nine
    /// and ten tenths of the length old.
    Time {
        /// How far the window reaches back.
        #[cfg_attr(feature = "serde", serde(with = "humantime_serde"))]
        length: Duration,
    },
}

/// The settings of a [`CircuitBreaker`].
///
/// | setting | default | accepted |
/// |---|---|---|
/// | `window` | the last 100 results | `Count`: 1 to 10,000; `Time`: 10 ms to 10 h |
/// | `failure_rate` | 0.5 | 0.000001 to 1.0; `None`: failures open nothing by their rate |
/// | `slow_call_duration` | none | above zero; set where `slow_call_rate` is; otherwise only with `FailureIfSlow` |
/// | `slow_call_rate` | none | 0.000001 to 1.0; `None`: slow calls open nothing |
/// | `consecutive_failures` | none | 1 or more; `None`: failures open nothing by their number |
/// | `minimum_calls` | 20, or the whole count window if that is smaller | 1 to 10,000,000; not above a count window; only with a rate |
/// | `half_open_probes` | 3 | 1 to 1,023 |
/// | `half_open_successes` | all probes | 1 to `half_open_probes` |
/// | `half_open_timeout` | 60 s | above zero; `None`: waits for its probes for ever |
/// | `break_duration` | 30 s each time | see [`BreakDuration`] |
/// | `on_cancel` | [`OnCancel::FailureIfSlow`] | any |
///
/// At least one of `failure_rate`, `slow_call_rate` and `consecutive_failures` must be set; each that is set opens the
/// breaker on its own.
///
/// ```
/// use std::time::Duration;
/// use otlp_reliability::{CircuitBreakerConfig, Window};
///
/// let breaker = CircuitBreakerConfig::new()
///     .with_window(Window::Time { length: Duration::from_secs(30) })
///     .with_failure_rate(0.5)
///     .with_slow_call_duration(Duration::from_secs(2))
///     .with_slow_call_rate(0.8)
///     .with_minimum_calls(50)
///     .build()?;
/// # let _ = breaker;
///
/// let error = CircuitBreakerConfig::new().with_failure_rate(1.5).build().unwrap_err();
/// assert_eq!(error.to_string(), "failure_rate = 1.5 is not accepted: it takes 0.000001 to 1.0, or None");
/// # Ok::<(), otlp_reliability::ConfigError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(default, deny_unknown_fields))]
#[must_use]
pub struct CircuitBreakerConfig {
    window: Window,
    failure_rate: Option<f64>,
    #[cfg_attr(feature = "serde", serde(with = "humantime_serde"))]
    slow_call_duration: Option<Duration>,
    slow_call_rate: Option<f64>,
    consecutive_failures: Option<u32>,
    minimum_calls: Option<u32>,
    half_open_probes: u32,
    half_open_successes: Option<u32>,
    #[cfg_attr(feature = "serde", serde(with = "humantime_serde"))]
    half_open_timeout: Option<Duration>,
    break_duration: BreakDuration,
    on_cancel: OnCancel,
}

impl Default for CircuitBreakerConfig {
    fn default() -> Self {
        CircuitBreakerConfig {
            window: Window::Count(100),
            failure_rate: Some(0.5),
            slow_call_duration: None,
            slow_call_rate: None,
            consecutive_failures: None,
            minimum_calls: None,
            half_open_probes: 3,
            half_open_successes: None,
            half_open_timeout: Some(Duration::from_secs(60)),
            break_duration: BreakDuration::default(),
            on_cancel: OnCancel::default(),
        }
    }
}

impl CircuitBreakerConfig {
    /// The defaults: opens for 30 s when half of the last 100 calls failed, once there were 20.
    pub fn new() -> Self {
        CircuitBreakerConfig::default()
    }

    /// The settings of [`CircuitBreaker::new`].
    pub(super) fn consecutive(failures: u32, break_duration: Duration) -> Self {
        CircuitBreakerConfig {
            failure_rate: None,
            consecutive_failures: Some(failures.max(1)),
            half_open_probes: 1,
            break_duration: break_duration.into(),
            ..CircuitBreakerConfig::default()
        }
    }

    /// Which results the rates are taken over.
    pub fn with_window(mut self, window: Window) -> Self {
        self.window = window;
        self
    }

    /// The share of failures in the window at which the breaker opens. `None`: it opens for other reasons only.
    pub fn with_failure_rate(mut self, failure_rate: impl Into<Option<f64>>) -> Self {
        self.failure_rate = failure_rate.into();
        self
    }

    /// A call that takes so long or longer is slow. Used by `slow_call_rate` and by [`OnCancel::FailureIfSlow`].
    pub fn with_slow_call_duration(mut self, slow_call_duration: impl Into<Option<Duration>>) -> Self {
        self.slow_call_duration = slow_call_duration.into();
        self
    }

    /// The share of slow calls in the window at which the breaker opens, whatever their results. With it set a slow
    /// probe counts as failed. `None`: the breaker opens for other reasons only, and calls are not timed.
    pub fn with_slow_call_rate(mut self, slow_call_rate: impl Into<Option<f64>>) -> Self {
        self.slow_call_rate = slow_call_rate.into();
        self
    }

    /// How many failures in a row open the breaker. `None`: it opens for other reasons only.
    pub fn with_consecutive_failures(mut self, consecutive_failures: impl Into<Option<u32>>) -> Self {
        self.consecutive_failures = consecutive_failures.into();
        self
    }

    /// How many results the window must hold before its rates count: the failure of the first call of the morning is a
    /// rate of 100 %.
    pub fn with_minimum_calls(mut self, minimum_calls: u32) -> Self {
        self.minimum_calls = Some(minimum_calls);
        self
    }

    /// How many calls may run while the breaker is half open. The others are rejected until the results are there.
    pub fn with_half_open_probes(mut self, half_open_probes: u32) -> Self {
        self.half_open_probes = half_open_probes;
        self
    }

    /// How many probes must succeed to close the breaker. It closes as soon as they have, and opens again as soon as
    /// too many have failed for it. `None`: all of them.
    pub fn with_half_open_successes(mut self, half_open_successes: impl Into<Option<u32>>) -> Self {
        self.half_open_successes = half_open_successes.into();
        self
    }

    /// How long the breaker waits for probes that are all out before it takes them for lost and opens again. `None`:
    /// for ever; for operations that are known to end.
    pub fn with_half_open_timeout(mut self, half_open_timeout: impl Into<Option<Duration>>) -> Self {
        self.half_open_timeout = half_open_timeout.into();
        self
    }

    /// How long the breaker stays open: a `Duration`, or a [`BreakDuration`] that grows.
    pub fn with_break_duration(mut self, break_duration: impl Into<BreakDuration>) -> Self {
        self.break_duration = break_duration.into();
        self
    }

    /// What a call counts as that is dropped before it has a result.
    pub fn with_on_cancel(mut self, on_cancel: OnCancel) -> Self {
        self.on_cancel = on_cancel;
        self
    }

    /// Which results the rates are taken over.
    pub fn window(&self) -> Window {
        self.window
    }

    /// The share of failures at which the breaker opens.
    pub fn failure_rate(&self) -> Option<f64> {
        self.failure_rate
    }

    /// From when on a call is slow.
    pub fn slow_call_duration(&self) -> Option<Duration> {
        self.slow_call_duration
    }

    /// The share of slow calls at which the breaker opens.
    pub fn slow_call_rate(&self) -> Option<f64> {
        self.slow_call_rate
    }

    /// How many failures in a row open the breaker.
    pub fn consecutive_failures(&self) -> Option<u32> {
        self.consecutive_failures
    }

    /// How many results the window must hold before its rates count.
    pub fn minimum_calls(&self) -> u32 {
        self.minimum_calls.unwrap_or(match self.window {
            Window::Count(size) => size.min(20),
            Window::Time { .. } => 20,
        })
    }

    /// How many calls may run while the breaker is half open.
    pub fn half_open_probes(&self) -> u32 {
        self.half_open_probes
    }

    /// How many probes must succeed to close the breaker.
    pub fn half_open_successes(&self) -> u32 {
        self.half_open_successes.unwrap_or(self.half_open_probes)
    }

    /// How long the breaker waits for probes that are all out.
    pub fn half_open_timeout(&self) -> Option<Duration> {
        self.half_open_timeout
    }

    /// How long the breaker stays open.
    pub fn break_duration(&self) -> BreakDuration {
        self.break_duration
    }

    /// What a call counts as that is dropped before it has a result.
    pub fn on_cancel(&self) -> OnCancel {
        self.on_cancel
    }

    /// The window, if there is a rate to take over it.
    pub(super) fn rated_window(&self) -> Option<Window> {
        (self.failure_rate.is_some() || self.slow_call_rate.is_some()).then_some(self.window)
    }

    /// A closed breaker with these settings, on tokio's time, for which every `Err` is a failure.
    ///
    /// # Errors
    ///
    /// The first setting that the table above does not accept.
    pub fn build(self) -> Result<CircuitBreaker, ConfigError> {
        self.validate()?;
        Ok(CircuitBreaker::from_checked(self))
    }
}

#[cfg(all(test, not(otlp_loom), feature = "serde"))]
mod tests {
    use super::*;

    #[test]
    fn settings_come_from_and_go_to_files() {
        let text = r#"{
            "window": { "time": { "length": "30s" } },
            "failure_rate": 0.25,
            "slow_call_duration": "1s 500ms",
            "slow_call_rate": 0.9,
            "minimum_calls": 5,
            "half_open_timeout": null,
            "break_duration": { "initial": "5s", "multiplier": 2.0, "max": "1m", "jitter": 0.1 },
            "on_cancel": "ignore"
        }"#;
        let config: CircuitBreakerConfig = serde_json::from_str(text).unwrap();
        let breaks = BreakDuration::growing(Duration::from_secs(5), Duration::from_secs(60)).with_jitter(0.1);
        let expected = CircuitBreakerConfig::new()
            .with_window(Window::Time { length: Duration::from_secs(30) })
            .with_failure_rate(0.25)
            .with_slow_call_duration(Duration::from_millis(1500))
            .with_slow_call_rate(0.9)
            .with_minimum_calls(5)
            .with_half_open_timeout(None)
            .with_break_duration(breaks)
            .with_on_cancel(OnCancel::Ignore);
        assert_eq!(config, expected);
        let written = serde_json::to_string(&config).unwrap();
        assert_eq!(serde_json::from_str::<CircuitBreakerConfig>(&written).unwrap(), config);
        assert!(serde_json::from_str::<CircuitBreakerConfig>(r#"{ "failure_rat": 0.5 }"#).is_err());
    }
}
