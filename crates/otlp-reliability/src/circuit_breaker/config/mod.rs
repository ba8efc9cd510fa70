//! The settings of a circuit breaker, checked as a whole when it is built or reloaded.

use std::time::Duration;

use super::{BreakDuration, CircuitBreaker, window, word::MAX_PROBES};
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

/// What a call counts as that is dropped before it has a result, as by a timeout around the breaker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "snake_case"))]
pub enum OnCancel {
    /// As nothing. A callee that hangs is then never noticed where the timeout is outside of the breaker.
    Ignore,
    /// As a failure.
    Failure,
    /// As a failure if it had been waiting for as long as `slow_call_duration`; otherwise as nothing: the caller lost
    /// interest before the callee was to blame.
    ///
    /// Where no `slow_call_duration` is set nothing tells the two apart, and every cancelled call counts as a failure.
    /// A call can be cancelled only while it waits for the callee, and taking an impatient caller for a hanging callee
    /// costs a break; the opposite mistake would cost the protection. Set `slow_call_duration` where callers often
    /// leave early (a hedge, a user who closes the page).
    #[default]
    FailureIfSlow,
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

    /// Whether the settings can work.
    ///
    /// # Errors
    ///
    /// The first setting that the table above does not accept.
    pub fn validate(&self) -> Result<(), ConfigError> {
        self.validate_window()?;
        self.validate_triggers()?;
        self.validate_probes()?;
        self.break_duration.validate()
    }

    fn validate_window(&self) -> Result<(), ConfigError> {
        match self.window {
            Window::Count(size) if size == 0 || size > window::MAX_COUNT => {
                return Err(ConfigError::new("window", self.window, "Count of 1 to 10,000"));
            }
            Window::Time { length } if !window::LENGTHS.contains(&length) => {
                return Err(ConfigError::new("window", self.window, "Time of 10 ms to 10 h"));
            }
            Window::Count(size) if self.minimum_calls() > size => {
                let accepted = "1 to the size of the count window, which never holds more";
                return Err(ConfigError::new("minimum_calls", self.minimum_calls(), accepted));
            }
            Window::Count(_) | Window::Time { .. } => {}
        }
        if !(1..=window::MAX_MINIMUM_CALLS).contains(&self.minimum_calls()) {
            return Err(ConfigError::new("minimum_calls", self.minimum_calls(), "1 to 10,000,000"));
        }
        Ok(())
    }

    fn validate_triggers(&self) -> Result<(), ConfigError> {
        for (field, rate) in [("failure_rate", self.failure_rate), ("slow_call_rate", self.slow_call_rate)] {
            if let Some(rate) = rate.filter(|rate| !(0.000_001..=1.0).contains(rate)) {
                return Err(ConfigError::new(field, rate, "0.000001 to 1.0, or None"));
            }
        }
        if self.slow_call_duration == Some(Duration::ZERO) {
            return Err(ConfigError::new("slow_call_duration", Duration::ZERO, "more than zero, or None"));
        }
        if self.slow_call_rate.is_some() && self.slow_call_duration.is_none() {
            let accepted = "more than zero, and must be given while slow_call_rate is";
            return Err(ConfigError::new("slow_call_duration", self.slow_call_duration, accepted));
        }
        let times_for_nothing = self.slow_call_rate.is_none() && self.on_cancel != OnCancel::FailureIfSlow;
        if let Some(duration) = self.slow_call_duration.filter(|_| times_for_nothing) {
            let accepted = "None while slow_call_rate is None and on_cancel is not FailureIfSlow: nobody asks for it";
            return Err(ConfigError::new("slow_call_duration", duration, accepted));
        }
        if let Some(calls) = self.minimum_calls.filter(|_| self.rated_window().is_none()) {
            let accepted = "nothing while failure_rate and slow_call_rate are None: nobody asks for it";
            return Err(ConfigError::new("minimum_calls", calls, accepted));
        }
        if self.consecutive_failures == Some(0) {
            return Err(ConfigError::new("consecutive_failures", 0, "1 or more, or None"));
        }
        if self.failure_rate.is_none() && self.slow_call_rate.is_none() && self.consecutive_failures.is_none() {
            let accepted = "a rate while slow_call_rate and consecutive_failures are None: something must open it";
            return Err(ConfigError::new("failure_rate", self.failure_rate, accepted));
        }
        Ok(())
    }

    fn validate_probes(&self) -> Result<(), ConfigError> {
        if !(1..=MAX_PROBES).contains(&self.half_open_probes) {
            return Err(ConfigError::new("half_open_probes", self.half_open_probes, "1 to 1,023"));
        }
        if !(1..=self.half_open_probes).contains(&self.half_open_successes()) {
            let accepted = "1 to half_open_probes, or None for all of them";
            return Err(ConfigError::new("half_open_successes", self.half_open_successes(), accepted));
        }
        if self.half_open_timeout == Some(Duration::ZERO) {
            return Err(ConfigError::new("half_open_timeout", Duration::ZERO, "more than zero, or None for no limit"));
        }
        Ok(())
    }
}

#[cfg(all(test, not(otlp_loom)))]
mod tests {
    use super::*;

    fn refused(config: CircuitBreakerConfig) -> (&'static str, String) {
        let error = config.build().expect_err("this cannot work");
        (error.field(), error.value().to_owned())
    }

    fn new() -> CircuitBreakerConfig {
        CircuitBreakerConfig::new()
    }

    #[test]
    fn the_defaults_and_the_short_form_are_accepted() {
        assert!(new().validate().is_ok());
        assert!(CircuitBreakerConfig::consecutive(0, Duration::MAX).validate().is_ok());
        assert!(CircuitBreakerConfig::consecutive(u32::MAX, Duration::ZERO).validate().is_ok());
    }

    #[test]
    fn the_minimum_of_calls_fits_into_a_small_count_window() {
        assert_eq!(new().minimum_calls(), 20);
        let small = new().with_window(Window::Count(5));
        assert_eq!(small.minimum_calls(), 5);
        assert!(small.validate().is_ok());
        assert_eq!(refused(small.with_minimum_calls(6)).0, "minimum_calls");
    }

    #[test]
    fn rates_are_shares() {
        for rate in [0.0, -0.5, 1.000_001, f64::NAN, f64::INFINITY, 1e-9] {
            assert_eq!(refused(new().with_failure_rate(rate)), ("failure_rate", format!("{rate:?}")));
            let slow = new().with_slow_call_duration(Duration::from_secs(1)).with_slow_call_rate(rate);
            assert_eq!(refused(slow), ("slow_call_rate", format!("{rate:?}")));
        }
        assert!(new().with_failure_rate(1.0).validate().is_ok());
        assert!(new().with_failure_rate(0.000_001).validate().is_ok());
    }

    #[test]
    fn what_never_acts_is_refused() {
        assert_eq!(refused(new().with_failure_rate(None)).0, "failure_rate");
        assert_eq!(refused(new().with_slow_call_rate(0.5)).0, "slow_call_duration");
        let timed = new().with_slow_call_duration(Duration::from_secs(1));
        assert!(timed.validate().is_ok());
        assert_eq!(refused(timed.with_on_cancel(OnCancel::Ignore)).0, "slow_call_duration", "nobody asks for it");
        let by_number = new().with_failure_rate(None).with_consecutive_failures(5);
        assert_eq!(refused(by_number.with_minimum_calls(5)).0, "minimum_calls", "nobody asks for it");
        assert_eq!(refused(new().with_slow_call_duration(Duration::ZERO)).0, "slow_call_duration");
        assert_eq!(refused(new().with_consecutive_failures(0)).0, "consecutive_failures");
        assert_eq!(refused(new().with_half_open_probes(0)).0, "half_open_probes");
        assert_eq!(refused(new().with_half_open_probes(1024)).0, "half_open_probes");
        assert_eq!(refused(new().with_half_open_successes(0)).0, "half_open_successes");
        assert_eq!(refused(new().with_half_open_successes(4)).0, "half_open_successes");
        assert_eq!(refused(new().with_half_open_timeout(Duration::ZERO)).0, "half_open_timeout");
        assert_eq!(refused(new().with_window(Window::Count(0))).0, "window");
        assert_eq!(refused(new().with_window(Window::Count(10_001))).0, "window");
        for length in [Duration::ZERO, Duration::from_millis(9), Duration::MAX] {
            assert_eq!(refused(new().with_window(Window::Time { length })).0, "window");
        }
        let hour = new().with_window(Window::Time { length: Duration::from_secs(3600) });
        assert!(hour.validate().is_ok());
        assert_eq!(refused(hour.clone().with_minimum_calls(0)).0, "minimum_calls");
        assert_eq!(refused(hour.with_minimum_calls(u32::MAX)).0, "minimum_calls");
        let breaks = BreakDuration::fixed(Duration::ZERO).with_jitter(2.0);
        assert_eq!(refused(new().with_break_duration(breaks)).0, "break_duration.jitter");
    }

    #[cfg(feature = "serde")]
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
        let expected = new()
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
