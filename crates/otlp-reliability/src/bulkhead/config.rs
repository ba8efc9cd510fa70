//! The settings of a bulkhead, checked as a whole when it is built.

use std::time::Duration;

use super::{Bulkhead, gate::MAX_LIMIT};
use crate::ConfigError;

/// The settings of a [`Bulkhead`].
///
/// | setting | default | accepted |
/// |---|---|---|
/// | `max_concurrent` | 25 | 1 to 2,147,483,647 |
/// | `max_waiting` | 0: nobody waits | any |
/// | `max_wait` | none | above zero; `None` for no limit, and while `max_waiting` is 0 |
///
/// ```
/// use std::time::Duration;
/// use otlp_reliability::BulkheadConfig;
///
/// // Ten at once, twenty more in line, and nobody stays there for more than a second.
/// let bulkhead = BulkheadConfig::new(10).with_max_waiting(20).with_max_wait(Duration::from_secs(1)).build()?;
/// # let _ = bulkhead;
///
/// let error = BulkheadConfig::new(10).with_max_wait(Duration::from_secs(1)).build().unwrap_err();
/// assert_eq!(error.to_string(), "max_wait = 1s is not accepted: it takes None while max_waiting is 0");
/// # Ok::<(), otlp_reliability::ConfigError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(default, deny_unknown_fields))]
#[must_use]
pub struct BulkheadConfig {
    max_concurrent: u32,
    max_waiting: u32,
    #[cfg_attr(feature = "serde", serde(with = "humantime_serde"))]
    max_wait: Option<Duration>,
}

impl Default for BulkheadConfig {
    fn default() -> Self {
        BulkheadConfig { max_concurrent: 25, max_waiting: 0, max_wait: None }
    }
}

impl BulkheadConfig {
    /// Settings for `max_concurrent` calls at once, and no waiting line.
    pub fn new(max_concurrent: u32) -> Self {
        BulkheadConfig { max_concurrent, ..BulkheadConfig::default() }
    }

    /// How many calls may run at once.
    pub fn with_max_concurrent(mut self, max_concurrent: u32) -> Self {
        self.max_concurrent = max_concurrent;
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

    /// How many calls may run at once.
    pub fn max_concurrent(&self) -> u32 {
        self.max_concurrent
    }

    /// How many calls may wait.
    pub fn max_waiting(&self) -> u32 {
        self.max_waiting
    }

    /// How long a call may wait.
    pub fn max_wait(&self) -> Option<Duration> {
        self.max_wait
    }

    /// A bulkhead with these settings, on tokio's time.
    ///
    /// # Errors
    ///
    /// The first setting that the table above does not accept.
    pub fn build(self) -> Result<Bulkhead, ConfigError> {
        self.validate()?;
        Ok(Bulkhead::from_checked(&self))
    }

    /// Whether the settings can work.
    ///
    /// # Errors
    ///
    /// The first setting that the table above does not accept.
    pub fn validate(&self) -> Result<(), ConfigError> {
        if self.max_concurrent == 0 || self.max_concurrent > MAX_LIMIT {
            return Err(ConfigError::new("max_concurrent", self.max_concurrent, "1 to 2147483647"));
        }
        validate_line(self.max_waiting, self.max_wait)
    }
}

/// Whether a waiting line can work as set.
pub(crate) fn validate_line(max_waiting: u32, max_wait: Option<Duration>) -> Result<(), ConfigError> {
    match max_wait {
        Some(Duration::ZERO) => {
            Err(ConfigError::new("max_wait", Duration::ZERO, "more than zero, or None for no limit"))
        }
        Some(max_wait) if max_waiting == 0 => {
            Err(ConfigError::new("max_wait", max_wait, "None while max_waiting is 0"))
        }
        Some(_) | None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_names_the_setting_and_what_is_accepted() {
        assert!(BulkheadConfig::default().validate().is_ok());
        assert!(BulkheadConfig::new(MAX_LIMIT).with_max_waiting(u32::MAX).validate().is_ok());
        for max_concurrent in [0, MAX_LIMIT + 1, u32::MAX] {
            let error = BulkheadConfig::new(max_concurrent).build().unwrap_err();
            assert_eq!((error.field(), error.accepted()), ("max_concurrent", "1 to 2147483647"));
        }
        let error = BulkheadConfig::new(1).with_max_waiting(1).with_max_wait(Duration::ZERO).build().unwrap_err();
        assert_eq!((error.field(), error.accepted()), ("max_wait", "more than zero, or None for no limit"));
    }

    #[cfg(feature = "serde")]
    #[test]
    fn settings_read_as_people_write_them() {
        let settings: BulkheadConfig = serde_json::from_str(r#"{"max_waiting": 5, "max_wait": "250ms"}"#).unwrap();
        let expected = BulkheadConfig::default().with_max_waiting(5).with_max_wait(Duration::from_millis(250));
        assert_eq!(settings, expected);
        let written = serde_json::to_string(&settings).unwrap();
        assert_eq!(serde_json::from_str::<BulkheadConfig>(&written).unwrap(), settings);
        assert!(serde_json::from_str::<BulkheadConfig>(r#"{"max_waits": "1s"}"#).is_err());
    }
}
