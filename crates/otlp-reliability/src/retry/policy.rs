//! The settings of a retry, checked as a whole when it is built.

use std::time::Duration;

use super::{Jitter, Retry};
use crate::ConfigError;

/// The settings of a [`Retry`].
///
/// | setting | default | accepted |
/// |---|---|---|
/// | `max_attempts` | 3 | 1 or more; `None` for no limit |
/// | `initial_delay` | 100 ms | any; above zero if `max_attempts` is `None` |
/// | `max_delay` | 30 s | `initial_delay` or more |
/// | `backoff_multiplier` | 2.0 | finite, 1.0 or more |
/// | `jitter` | [`Jitter::Full`] | any; [`Jitter::Decorrelated`] needs a multiplier above 1.0, [`Jitter::Around`] at most 1,000 thousandths |
/// | `max_elapsed` | none | above zero; `None` for no limit |
///
/// ```
/// use std::time::Duration;
/// use otlp_reliability::{Jitter, RetryPolicy};
///
/// // Waits 1 s, 2 s, 4 s, 5 s, 5 s, …, each cut at random, and starts no attempt later than a minute after the first.
/// let retry = RetryPolicy::new()
///     .with_max_attempts(None)
///     .with_initial_delay(Duration::from_secs(1))
///     .with_max_delay(Duration::from_secs(5))
///     .with_backoff_multiplier(2.0)
///     .with_jitter(Jitter::Full)
///     .with_max_elapsed(Duration::from_secs(60))
///     .build()?;
/// # let _ = retry;
///
/// let error = RetryPolicy::new().with_max_attempts(0).build().unwrap_err();
/// assert_eq!(error.to_string(), "max_attempts = 0 is not accepted: it takes 1 or more, or None for no limit");
/// # Ok::<(), otlp_reliability::ConfigError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(default, deny_unknown_fields))]
#[must_use]
pub struct RetryPolicy {
    max_attempts: Option<u32>,
    #[cfg_attr(feature = "serde", serde(with = "humantime_serde"))]
    initial_delay: Duration,
    #[cfg_attr(feature = "serde", serde(with = "humantime_serde"))]
    max_delay: Duration,
    backoff_multiplier: f64,
    jitter: Jitter,
    #[cfg_attr(feature = "serde", serde(with = "humantime_serde"))]
    max_elapsed: Option<Duration>,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        RetryPolicy {
            max_attempts: Some(3),
            initial_delay: Duration::from_millis(100),
            max_delay: Duration::from_secs(30),
            backoff_multiplier: 2.0,
            jitter: Jitter::Full,
            max_elapsed: None,
        }
    }
}

impl RetryPolicy {
    /// The defaults: three attempts, waits that double from 100 ms up to 30 s, full jitter.
    pub fn new() -> Self {
        RetryPolicy::default()
    }

    /// Three attempts with the same wait between them, without jitter.
    pub fn constant(delay: Duration) -> Self {
        RetryPolicy {
            initial_delay: delay,
            max_delay: delay,
            backoff_multiplier: 1.0,
            jitter: Jitter::None,
            ..RetryPolicy::default()
        }
    }

    /// How many attempts there may be, the first one included. `None`: no limit.
    pub fn with_max_attempts(mut self, max_attempts: impl Into<Option<u32>>) -> Self {
        self.max_attempts = max_attempts.into();
        self
    }

    /// The wait before the second attempt, before jitter.
    pub fn with_initial_delay(mut self, initial_delay: Duration) -> Self {
        self.initial_delay = initial_delay;
        self
    }

    /// The largest wait. Jitter never exceeds it; a delay that a server asks for may.
    pub fn with_max_delay(mut self, max_delay: Duration) -> Self {
        self.max_delay = max_delay;
        self
    }

    /// By what each wait is larger than the one before. 1.0 keeps it constant.
    pub fn with_backoff_multiplier(mut self, backoff_multiplier: f64) -> Self {
        self.backoff_multiplier = backoff_multiplier;
        self
    }

    /// How waits are spread.
    pub fn with_jitter(mut self, jitter: Jitter) -> Self {
        self.jitter = jitter;
        self
    }

    /// How long after the start of the first attempt another may start, the time in attempts and waits included.
    /// `None`: no limit.
    ///
    /// An attempt whose wait would pass the limit is not waited for. A running attempt is not cancelled by it; put a
    /// [`Timeout`](crate::Timeout) around the retry for that.
    pub fn with_max_elapsed(mut self, max_elapsed: impl Into<Option<Duration>>) -> Self {
        self.max_elapsed = max_elapsed.into();
        self
    }

    /// How many attempts there may be.
    pub fn max_attempts(&self) -> Option<u32> {
        self.max_attempts
    }

    /// The wait before the second attempt, before jitter.
    pub fn initial_delay(&self) -> Duration {
        self.initial_delay
    }

    /// The largest wait.
    pub fn max_delay(&self) -> Duration {
        self.max_delay
    }

    /// By what each wait is larger than the one before.
    pub fn backoff_multiplier(&self) -> f64 {
        self.backoff_multiplier
    }

    /// How waits are spread.
    pub fn jitter(&self) -> Jitter {
        self.jitter
    }

    /// How long after the start of the first attempt another may start.
    pub fn max_elapsed(&self) -> Option<Duration> {
        self.max_elapsed
    }

    /// A retry with these settings, on tokio's time, that retries every `Err`.
    ///
    /// # Errors
    ///
    /// The first setting that the table above does not accept.
    pub fn build(self) -> Result<Retry, ConfigError> {
        self.validate()?;
        Ok(Retry::from_checked(self))
    }

    /// Whether the settings can work.
    ///
    /// # Errors
    ///
    /// The first setting that the table above does not accept.
    pub fn validate(&self) -> Result<(), ConfigError> {
        if let Some(0) = self.max_attempts {
            return Err(ConfigError::new("max_attempts", 0, "1 or more, or None for no limit"));
        }
        if self.max_attempts.is_none() && self.initial_delay.is_zero() {
            let accepted = "more than zero while max_attempts has no limit";
            return Err(ConfigError::new("initial_delay", self.initial_delay, accepted));
        }
        if self.max_delay < self.initial_delay {
            return Err(ConfigError::new("max_delay", self.max_delay, "initial_delay or more"));
        }
        if !self.backoff_multiplier.is_finite() || self.backoff_multiplier < 1.0 {
            return Err(ConfigError::new(
                "backoff_multiplier",
                self.backoff_multiplier,
                "a finite number, 1.0 or more",
            ));
        }
        if self.jitter == Jitter::Decorrelated && self.backoff_multiplier == 1.0 {
            let accepted = "None, Full or Equal while backoff_multiplier is 1.0";
            return Err(ConfigError::new("jitter", self.jitter, accepted));
        }
        if matches!(self.jitter, Jitter::Around { permille: 1001.. }) {
            return Err(ConfigError::new("jitter", self.jitter, "Around with 0 to 1000 thousandths"));
        }
        if self.max_elapsed == Some(Duration::ZERO) {
            return Err(ConfigError::new("max_elapsed", Duration::ZERO, "more than zero, or None for no limit"));
        }
        Ok(())
    }
}

#[cfg(all(test, not(otlp_loom)))]
mod tests {
    use super::*;

    fn refused(policy: RetryPolicy) -> String {
        policy.build().expect_err("refused").to_string()
    }

    #[test]
    fn the_defaults_build() {
        assert_eq!(RetryPolicy::new().build().unwrap().policy(), RetryPolicy::default());
        assert!(RetryPolicy::constant(Duration::ZERO).build().is_ok());
    }

    #[test]
    fn a_refusal_names_the_setting_the_value_and_what_is_accepted() {
        let second = Duration::from_secs(1);
        for multiplier in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -2.0, 0.0, 0.99] {
            let error = RetryPolicy::new().with_backoff_multiplier(multiplier).build().unwrap_err();
            assert_eq!(error.field(), "backoff_multiplier");
            assert_eq!(error.value(), format!("{multiplier:?}"));
            assert_eq!(error.accepted(), "a finite number, 1.0 or more");
        }
        assert_eq!(
            refused(RetryPolicy::new().with_initial_delay(2 * second).with_max_delay(second)),
            "max_delay = 1s is not accepted: it takes initial_delay or more"
        );
        assert_eq!(
            refused(RetryPolicy::new().with_max_attempts(None).with_initial_delay(Duration::ZERO)),
            "initial_delay = 0ns is not accepted: it takes more than zero while max_attempts has no limit"
        );
        assert_eq!(
            refused(RetryPolicy::constant(second).with_jitter(Jitter::Decorrelated)),
            "jitter = Decorrelated is not accepted: it takes None, Full or Equal while backoff_multiplier is 1.0"
        );
        assert_eq!(
            refused(RetryPolicy::new().with_jitter(Jitter::Around { permille: 1001 })),
            "jitter = Around { permille: 1001 } is not accepted: it takes Around with 0 to 1000 thousandths"
        );
        assert_eq!(
            refused(RetryPolicy::new().with_max_elapsed(Duration::ZERO)),
            "max_elapsed = 0ns is not accepted: it takes more than zero, or None for no limit"
        );
    }

    #[cfg(feature = "serde")]
    #[test]
    fn settings_survive_a_configuration_file() {
        let policy = RetryPolicy::new()
            .with_initial_delay(Duration::from_millis(250))
            .with_jitter(Jitter::Decorrelated)
            .with_max_elapsed(Duration::from_secs(60));
        let json = serde_json::to_string(&policy).unwrap();
        assert!(json.contains(r#""initial_delay":"250ms""#) && json.contains(r#""jitter":"decorrelated""#), "{json}");
        assert_eq!(serde_json::from_str::<RetryPolicy>(&json).unwrap(), policy);
        assert_eq!(serde_json::from_str::<RetryPolicy>("{}").unwrap(), RetryPolicy::default());
        assert!(serde_json::from_str::<RetryPolicy>(r#"{"delay":"1s"}"#).is_err());
    }
}
