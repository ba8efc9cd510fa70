//! The setting of a timeout, and what a timeout counts.

use std::time::Duration;

use super::Timeout;
use crate::ConfigError;

/// The settings of a [`Timeout`].
///
/// | setting | default | accepted |
/// |---|---|---|
/// | `after` | 1 s | above zero |
///
/// ```
/// use std::time::Duration;
/// use otlp_reliability::TimeoutConfig;
///
/// let timeout = TimeoutConfig::new(Duration::from_millis(250)).build()?;
/// assert_eq!(timeout.after(), Duration::from_millis(250));
///
/// let error = TimeoutConfig::new(Duration::ZERO).build().unwrap_err();
/// assert_eq!(error.to_string(), "after = 0ns is not accepted: it takes more than zero");
/// # Ok::<(), otlp_reliability::ConfigError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(default, deny_unknown_fields))]
#[must_use]
pub struct TimeoutConfig {
    #[cfg_attr(feature = "serde", serde(with = "humantime_serde"))]
    after: Duration,
}

impl Default for TimeoutConfig {
    fn default() -> Self {
        TimeoutConfig { after: Duration::from_secs(1) }
    }
}

impl TimeoutConfig {
    /// The time an operation gets.
    pub fn new(after: Duration) -> Self {
        TimeoutConfig { after }
    }

    /// The time an operation gets.
    pub fn after(&self) -> Duration {
        self.after
    }

    /// Whether the settings can work. A time of zero, which [`Timeout::new`] takes, is refused here: in a configuration
    /// file it is more likely meant as "none" than as "only what needs no wait".
    ///
    /// # Errors
    ///
    /// The first setting that the table above does not accept.
    pub fn validate(&self) -> Result<(), ConfigError> {
        if self.after.is_zero() {
            return Err(ConfigError::new("after", self.after, "more than zero"));
        }
        Ok(())
    }

    /// A timeout with these settings, on tokio's time.
    ///
    /// # Errors
    ///
    /// The first setting that the table above does not accept.
    pub fn build(self) -> Result<Timeout, ConfigError> {
        self.validate()?;
        Ok(Timeout::new(self.after))
    }
}

/// The figures of a [`Timeout`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct TimeoutSnapshot {
    /// How many operations were cancelled because their time was up.
    pub timed_out: u64,
}

#[cfg(all(test, feature = "serde"))]
mod tests {
    use super::*;

    #[test]
    fn settings_survive_a_configuration_file() {
        let settings = TimeoutConfig::new(Duration::from_millis(250));
        let json = r#"{"after":"250ms"}"#;
        assert_eq!(serde_json::to_string(&settings).unwrap(), json);
        assert_eq!(serde_json::from_str::<TimeoutConfig>(json).unwrap(), settings);
        assert_eq!(serde_json::from_str::<TimeoutConfig>("{}").unwrap(), TimeoutConfig::default());
        assert!(serde_json::from_str::<TimeoutConfig>(r#"{"before":"1s"}"#).is_err());
    }
}
