//! The settings of an adaptive limit, checked as a whole when it is built.

use std::time::Duration;

use super::{AdaptiveLimit, Algorithm};
use crate::{
    ConfigError,
    bulkhead::{MAX_LIMIT, validate_line},
};

/// The settings of an [`AdaptiveLimit`].
///
/// | setting | default | accepted |
/// |---|---|---|
/// | `algorithm` | [`Gradient2`](crate::Gradient2) | see [`Algorithm`] |
/// | `initial_limit` | 20 | `min_limit` to `max_limit` |
/// | `min_limit` | 1 | 1 or more |
/// | `max_limit` | 1,000 | `min_limit` to 2,147,483,647 |
/// | `timeout` | 5 s | above zero |
/// | `max_waiting` | 0: nobody waits | any |
/// | `max_wait` | none | above zero; `None` for no limit, and while `max_waiting` is 0 |
///
/// ```
/// use std::time::Duration;
/// use otlp_reliability::{AdaptiveLimitConfig, Vegas};
///
/// let limit = AdaptiveLimitConfig::new(Vegas::new().with_beta(8.0))
///     .with_max_limit(200)
///     .with_timeout(Duration::from_secs(2))
///     .build()?;
/// # let _ = limit;
///
/// let error = AdaptiveLimitConfig::default().with_initial_limit(2000).build().unwrap_err();
/// assert_eq!(error.to_string(), "initial_limit = 2000 is not accepted: it takes min_limit to max_limit");
/// # Ok::<(), otlp_reliability::ConfigError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(default, deny_unknown_fields))]
#[must_use]
pub struct AdaptiveLimitConfig {
    algorithm: Algorithm,
    initial_limit: u32,
    min_limit: u32,
    max_limit: u32,
    #[cfg_attr(feature = "serde", serde(with = "humantime_serde"))]
    timeout: Duration,
    max_waiting: u32,
    #[cfg_attr(feature = "serde", serde(with = "humantime_serde"))]
    max_wait: Option<Duration>,
}

impl Default for AdaptiveLimitConfig {
    fn default() -> Self {
        AdaptiveLimitConfig {
            algorithm: Algorithm::default(),
            initial_limit: 20,
            min_limit: 1,
            max_limit: 1000,
            timeout: Duration::from_secs(5),
            max_waiting: 0,
            max_wait: None,
        }
    }
}

impl AdaptiveLimitConfig {
    /// The defaults, with this algorithm.
    pub fn new(algorithm: impl Into<Algorithm>) -> Self {
        AdaptiveLimitConfig { algorithm: algorithm.into(), ..AdaptiveLimitConfig::default() }
    }

    /// How the limit is found.
    pub fn with_algorithm(mut self, algorithm: impl Into<Algorithm>) -> Self {
        self.algorithm = algorithm.into();
        self
    }

    /// The limit to begin with. A reload does not go back to it.
    pub fn with_initial_limit(mut self, initial_limit: u32) -> Self {
        self.initial_limit = initial_limit;
        self
    }

    /// The lowest limit: what is tried even if nothing works.
    pub fn with_min_limit(mut self, min_limit: u32) -> Self {
        self.min_limit = min_limit;
        self
    }

    /// The highest limit.
    pub fn with_max_limit(mut self, max_limit: u32) -> Self {
        self.max_limit = max_limit;
        self
    }

    /// From what latency on a call counts as dropped, whether it succeeds or is cancelled by its caller.
    ///
    /// Calls that are cancelled sooner count as nothing: that a caller lost interest says nothing about the callee. But
    /// those that a [`Timeout`](crate::Timeout) outside cancels are the slowest of all, and a limit that never hears of
    /// them would grow while the callee drowns; so this should be no longer than that timeout.
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// How many calls may wait for one that runs to end. The next one is rejected.
    pub fn with_max_waiting(mut self, max_waiting: u32) -> Self {
        self.max_waiting = max_waiting;
        self
    }

    /// How long a call may wait before it is rejected. `None`: no limit.
    pub fn with_max_wait(mut self, max_wait: impl Into<Option<Duration>>) -> Self {
        self.max_wait = max_wait.into();
        self
    }

    /// How the limit is found.
    pub fn algorithm(&self) -> &Algorithm {
        &self.algorithm
    }

    /// The limit to begin with.
    pub fn initial_limit(&self) -> u32 {
        self.initial_limit
    }

    /// The lowest limit.
    pub fn min_limit(&self) -> u32 {
        self.min_limit
    }

    /// The highest limit.
    pub fn max_limit(&self) -> u32 {
        self.max_limit
    }

    /// From what latency on a call counts as dropped.
    pub fn timeout(&self) -> Duration {
        self.timeout
    }

    /// How many calls may wait.
    pub fn max_waiting(&self) -> u32 {
        self.max_waiting
    }

    /// How long a call may wait.
    pub fn max_wait(&self) -> Option<Duration> {
        self.max_wait
    }

    /// An adaptive limit with these settings, on tokio's time, that takes every `Err` as a dropped call.
    ///
    /// # Errors
    ///
    /// The first setting that the table above does not accept.
    pub fn build(self) -> Result<AdaptiveLimit, ConfigError> {
        self.validate()?;
        Ok(AdaptiveLimit::from_checked(self))
    }

    /// Whether the settings can work.
    ///
    /// # Errors
    ///
    /// The first setting that the table above does not accept.
    pub fn validate(&self) -> Result<(), ConfigError> {
        self.algorithm.validate()?;
        if self.min_limit == 0 {
            return Err(ConfigError::new("min_limit", self.min_limit, "1 or more"));
        }
        if self.max_limit < self.min_limit || self.max_limit > MAX_LIMIT {
            return Err(ConfigError::new("max_limit", self.max_limit, "min_limit to 2147483647"));
        }
        if self.initial_limit < self.min_limit || self.initial_limit > self.max_limit {
            return Err(ConfigError::new("initial_limit", self.initial_limit, "min_limit to max_limit"));
        }
        if self.timeout.is_zero() {
            return Err(ConfigError::new("timeout", self.timeout, "more than zero"));
        }
        validate_line(self.max_waiting, self.max_wait)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Aimd, Gradient2, Vegas};

    fn refused(settings: AdaptiveLimitConfig) -> &'static str {
        settings.build().unwrap_err().field()
    }

    #[test]
    fn settings_that_cannot_work_are_refused_by_name() {
        let settings = AdaptiveLimitConfig::default;
        assert!(settings().validate().is_ok());
        assert_eq!(refused(settings().with_min_limit(0)), "min_limit");
        assert_eq!(refused(settings().with_min_limit(30).with_max_limit(29)), "max_limit");
        assert_eq!(refused(settings().with_max_limit(u32::MAX)), "max_limit");
        assert_eq!(refused(settings().with_min_limit(30)), "initial_limit");
        assert_eq!(refused(settings().with_timeout(Duration::ZERO)), "timeout");
        assert_eq!(refused(settings().with_max_wait(Duration::from_secs(1))), "max_wait");
        for number in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -1.0, 0.0, 1e300] {
            let algorithms: [(Algorithm, &str); 6] = [
                (Aimd::new().with_backoff_ratio(number).into(), "backoff_ratio"),
                (Vegas::new().with_alpha(number).into(), if number > 0.0 { "beta" } else { "alpha" }),
                (Vegas::new().with_beta(number).into(), "beta"),
                (Vegas::new().with_smoothing(number).into(), "smoothing"),
                (Gradient2::new().with_rtt_tolerance(number).into(), "rtt_tolerance"),
                (Gradient2::new().with_smoothing(number).into(), "smoothing"),
            ];
            for (algorithm, field) in algorithms {
                assert_eq!(refused(AdaptiveLimitConfig::new(algorithm)), field, "{number}");
            }
        }
        assert_eq!(refused(AdaptiveLimitConfig::new(Aimd::new().with_backoff_ratio(1.0))), "backoff_ratio");
        assert_eq!(refused(AdaptiveLimitConfig::new(Vegas::new().with_alpha(6.0))), "beta");
        assert_eq!(refused(AdaptiveLimitConfig::new(Vegas::new().with_probe_multiplier(0))), "probe_multiplier");
        assert_eq!(refused(AdaptiveLimitConfig::new(Gradient2::new().with_queue_size(0))), "queue_size");
        assert_eq!(refused(AdaptiveLimitConfig::new(Gradient2::new().with_long_window(0))), "long_window");
        assert_eq!(refused(AdaptiveLimitConfig::new(Gradient2::new().with_probe_multiplier(0))), "probe_multiplier");
    }

    #[cfg(feature = "serde")]
    #[test]
    fn settings_read_as_people_write_them() {
        let text = r#"{"algorithm": {"kind": "vegas", "beta": 8.0}, "timeout": "2s", "max_limit": 50}"#;
        let settings: AdaptiveLimitConfig = serde_json::from_str(text).unwrap();
        let expected = AdaptiveLimitConfig::new(Vegas::new().with_beta(8.0))
            .with_timeout(Duration::from_secs(2))
            .with_max_limit(50);
        assert_eq!(settings, expected);
        let written = serde_json::to_string(&settings).unwrap();
        assert_eq!(serde_json::from_str::<AdaptiveLimitConfig>(&written).unwrap(), settings);
        let unknown = r#"{"algorithm": {"kind": "vegas", "gamma": 8.0}}"#;
        assert!(serde_json::from_str::<AdaptiveLimitConfig>(unknown).is_err());
    }
}
