//! When an endpoint counts as down.

use std::time::Duration;

use otlp_reliability::{BreakDuration, CircuitBreakerConfig};
use serde::{Deserialize, Serialize};

use super::{Check, FieldError, check, formats, in_range};

/// When an endpoint counts as down, so that batches wait in the queue, and how often it is tried then: what
/// [`ClientBuilder::with_circuit_breaker`](crate::ClientBuilder::with_circuit_breaker) says in code, as far as an
/// operator sets it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BreakerConfig {
    /// Whether there are circuit breakers. Default true; without them each batch is tried as often as `retry` says.
    pub enabled: bool,
    /// How many failures in a row are an endpoint that is down. 1 or more; default 5; `null`: any number.
    pub consecutive_failures: Option<u32>,
    /// The share of failures among the last 100 attempts that is an endpoint that is down. 0.000001 to 1.0; default: none.
    pub failure_rate: Option<f64>,
    /// How many attempts there must have been for `failure_rate` to count. 1 to 100; default 20.
    pub minimum_calls: Option<u32>,
    /// How many attempts are made at a time to find out whether it is back. 1 to 1,023; default 1.
    pub half_open_probes: u32,
    /// How long it is left alone at first. 1 ms to 1 day; default 1 s. Each break is twice as long as the one before.
    #[serde(with = "formats::duration")]
    pub initial_break: Duration,
    /// How long it is left alone at most. `initial_break` to 1 day; default 30 s.
    #[serde(with = "formats::duration")]
    pub max_break: Duration,
    /// The share of each break that chance may take off, so that clients do not return together. 0.0 to 1.0; default 0.2.
    pub break_jitter: f64,
}

impl Default for BreakerConfig {
    fn default() -> Self {
        BreakerConfig {
            enabled: true,
            consecutive_failures: Some(5),
            failure_rate: None,
            minimum_calls: None,
            half_open_probes: 1,
            initial_break: Duration::from_secs(1),
            max_break: Duration::from_secs(30),
            break_jitter: 0.2,
        }
    }
}

impl BreakerConfig {
    /// The same, in code; `None` for none.
    pub(crate) fn settings(&self) -> Option<CircuitBreakerConfig> {
        let breaks = BreakDuration::growing(self.initial_break, self.max_break).with_jitter(self.break_jitter);
        let mut settings = CircuitBreakerConfig::new()
            .with_consecutive_failures(self.consecutive_failures)
            .with_failure_rate(self.failure_rate)
            .with_half_open_probes(self.half_open_probes)
            .with_break_duration(breaks);
        if let Some(calls) = self.minimum_calls {
            settings = settings.with_minimum_calls(calls);
        }
        self.enabled.then_some(settings)
    }
}

impl Check for BreakerConfig {
    fn check(&self, path: &str) -> Result<(), FieldError> {
        let (least, day) = (Duration::from_millis(1), Duration::from_secs(86_400));
        if let Some(failures) = self.consecutive_failures {
            in_range(path, "consecutive_failures", failures, 1..=u32::MAX, "1 or more failures, or null")?;
        }
        if let Some(rate) = self.failure_rate {
            in_range(path, "failure_rate", rate, 0.000_001..=1.0, "0.000001 to 1.0")?;
        }
        if let Some(calls) = self.minimum_calls {
            in_range(path, "minimum_calls", calls, 1..=100, "1 to 100 attempts")?;
            check(self.failure_rate.is_some(), || {
                let reason = "it does nothing without failure_rate: set that as well, or leave it out";
                FieldError::contradiction(format!("{path}.minimum_calls"), reason)
            })?;
        }
        in_range(path, "half_open_probes", self.half_open_probes, 1..=1023, "1 to 1023 attempts")?;
        in_range(path, "initial_break", self.initial_break, least..=day, "1 ms to 1 day")?;
        in_range(path, "max_break", self.max_break, self.initial_break..=day, "initial_break to 1 day")?;
        in_range(path, "break_jitter", self.break_jitter, 0.0..=1.0, "0.0 to 1.0")?;
        let none = BreakerConfig { enabled: false, ..BreakerConfig::default() };
        check(self.enabled || *self == none, || {
            let reason =
                "it is false, and the fields beside it are set, which would do nothing: set it, or leave them out";
            FieldError::contradiction(format!("{path}.enabled"), reason)
        })?;
        check(self.consecutive_failures.is_some() || self.failure_rate.is_some(), || {
            let reason = "it is null and there is no failure_rate, so nothing would ever open the circuit breaker: set one \
                          of them, or enabled: false";
            FieldError::contradiction(format!("{path}.consecutive_failures"), reason)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::default_circuit_breaker;

    #[test]
    fn the_default_is_that_of_code() {
        assert_eq!(BreakerConfig::default().settings(), Some(default_circuit_breaker()));
    }
}
