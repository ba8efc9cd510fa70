//! Which settings of a circuit breaker can work: each by itself, and beside the others.

use std::time::Duration;

use super::{CircuitBreakerConfig, Window};
use crate::{
    ConfigError, OnCancel,
    circuit_breaker::{window, word::MAX_PROBES},
};

impl CircuitBreakerConfig {
    /// Whether the settings can work.
    ///
    /// # Errors
    ///
    /// The first setting that the table of [`CircuitBreakerConfig`] does not accept.
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
    use crate::BreakDuration;

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
}
