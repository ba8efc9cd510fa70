//! The settings of a rate limiter, and how they become the ticks that it computes with.

use std::time::Duration;

use super::{RateLimiter, gcra::Terms};
use crate::{ConfigError, timeline::nanos};

const LONGEST_PERIOD: Duration = Duration::from_secs(366 * 24 * 3600);

/// The settings of a [`RateLimiter`].
///
/// | setting | default | accepted |
/// |---|---|---|
/// | `limit_per_period` | 100 | 1 or more, at most one per nanosecond |
/// | `period` | 1 s | above zero, at most 366 days |
/// | `burst` | `limit_per_period` | 1 or more; what takes at most nine years to come back |
/// | `max_wait` | none | above zero; `None` to reject at once |
///
/// Rates are kept exactly up to a sixteenth of a nanosecond between two calls, and where that does not suffice, rounded
/// to the slower side: a limiter never lets more through than it was told, and at a million per second at most one in
/// sixteen thousand less.
///
/// ```
/// use std::time::Duration;
/// use otlp_reliability::RateLimiterConfig;
///
/// // Ten at once, then one every 100 ms; who would have to wait for more than a second is turned away.
/// let limiter = RateLimiterConfig::new(10, Duration::from_secs(1)).with_max_wait(Duration::from_secs(1)).build()?;
/// # let _ = limiter;
///
/// let error = RateLimiterConfig::new(10, Duration::ZERO).build().unwrap_err();
/// assert_eq!(error.to_string(), "period = 0ns is not accepted: it takes more than zero, at most 366 days");
/// # Ok::<(), otlp_reliability::ConfigError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(default, deny_unknown_fields))]
#[must_use]
pub struct RateLimiterConfig {
    limit_per_period: u32,
    #[cfg_attr(feature = "serde", serde(with = "humantime_serde"))]
    period: Duration,
    burst: Option<u32>,
    #[cfg_attr(feature = "serde", serde(with = "humantime_serde"))]
    max_wait: Option<Duration>,
}

impl Default for RateLimiterConfig {
    fn default() -> Self {
        RateLimiterConfig::new(100, Duration::from_secs(1))
    }
}

impl RateLimiterConfig {
    /// So many calls per period, all of them at once if none came before, and no waiting.
    pub fn new(limit_per_period: u32, period: Duration) -> Self {
        RateLimiterConfig { limit_per_period, period, burst: None, max_wait: None }
    }

    /// How many calls may come at once after a rest. 1 spaces all calls evenly.
    pub fn with_burst(mut self, burst: u32) -> Self {
        self.burst = Some(burst);
        self
    }

    /// How long a call may wait for its turn. `None`: not at all.
    pub fn with_max_wait(mut self, max_wait: impl Into<Option<Duration>>) -> Self {
        self.max_wait = max_wait.into();
        self
    }

    /// How many calls there may be in a period, on average.
    pub fn limit_per_period(&self) -> u32 {
        self.limit_per_period
    }

    /// What the limit refers to.
    pub fn period(&self) -> Duration {
        self.period
    }

    /// How many calls may come at once after a rest.
    pub fn burst(&self) -> u32 {
        self.burst.unwrap_or(self.limit_per_period)
    }

    /// How long a call may wait for its turn.
    pub fn max_wait(&self) -> Option<Duration> {
        self.max_wait
    }

    /// Whether the settings can work.
    ///
    /// # Errors
    ///
    /// The first setting that the table above does not accept.
    pub fn validate(&self) -> Result<(), ConfigError> {
        if self.period.is_zero() || self.period > LONGEST_PERIOD {
            return Err(ConfigError::new("period", self.period, "more than zero, at most 366 days"));
        }
        if self.limit_per_period == 0 || u64::from(self.limit_per_period) > nanos(self.period) {
            let accepted = "1 or more, at most one per nanosecond of the period";
            return Err(ConfigError::new("limit_per_period", self.limit_per_period, accepted));
        }
        if self.burst == Some(0) || !self.terms().is_in_range() {
            return Err(ConfigError::new(
                "burst",
                self.burst(),
                "1 or more, what takes at most nine years to come back",
            ));
        }
        if self.max_wait == Some(Duration::ZERO) {
            return Err(ConfigError::new("max_wait", Duration::ZERO, "more than zero, or None to reject at once"));
        }
        Ok(())
    }

    /// A rate limiter with these settings, on tokio's time.
    ///
    /// # Errors
    ///
    /// The first setting that the table above does not accept.
    pub fn build(self) -> Result<RateLimiter, ConfigError> {
        self.validate()?;
        Ok(RateLimiter::from_checked(self))
    }

    /// The settings in ticks.
    pub(super) fn terms(&self) -> Terms {
        Terms::new(nanos(self.period), self.limit_per_period, self.burst())
    }
}

/// The figures of a [`RateLimiter`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct RateLimiterSnapshot {
    /// How many calls would be let through at once now.
    pub available: u64,
    /// How many calls are waiting for their turn.
    pub waiting: u64,
    /// How many calls have had to wait, those that left included.
    pub waited: u64,
    /// How many calls were turned away.
    pub rejected: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn absurd_values_are_refused_by_name() {
        let refused = |settings: RateLimiterConfig| settings.validate().unwrap_err().field();
        assert_eq!(refused(RateLimiterConfig::new(1, Duration::ZERO)), "period");
        assert_eq!(refused(RateLimiterConfig::new(1, Duration::MAX)), "period");
        assert_eq!(refused(RateLimiterConfig::new(0, SECOND)), "limit_per_period");
        assert_eq!(refused(RateLimiterConfig::new(1_000_000_001, SECOND)), "limit_per_period");
        assert_eq!(refused(RateLimiterConfig::new(1, SECOND).with_burst(0)), "burst");
        assert_eq!(refused(RateLimiterConfig::new(1, LONGEST_PERIOD).with_burst(10)), "burst");
        assert_eq!(refused(RateLimiterConfig::new(1, SECOND).with_max_wait(Duration::ZERO)), "max_wait");
    }

    #[test]
    fn the_largest_and_the_smallest_rates_are_accepted() {
        assert_eq!(RateLimiterConfig::new(1_000_000_000, SECOND).validate(), Ok(()));
        assert_eq!(RateLimiterConfig::new(1, 24 * 3600 * SECOND).validate(), Ok(()));
        assert_eq!(RateLimiterConfig::new(u32::MAX, LONGEST_PERIOD).with_max_wait(Duration::MAX).validate(), Ok(()));
    }

    #[cfg(feature = "serde")]
    #[test]
    fn settings_survive_a_configuration_file() {
        let settings = RateLimiterConfig::new(10, SECOND).with_max_wait(Duration::from_millis(250));
        let json = r#"{"limit_per_period":10,"period":"1s","burst":null,"max_wait":"250ms"}"#;
        assert_eq!(serde_json::to_string(&settings).unwrap(), json);
        assert_eq!(serde_json::from_str::<RateLimiterConfig>(json).unwrap(), settings);
        assert_eq!(serde_json::from_str::<RateLimiterConfig>("{}").unwrap(), RateLimiterConfig::default());
        assert!(serde_json::from_str::<RateLimiterConfig>(r#"{"rate":10}"#).is_err());
    }
}
