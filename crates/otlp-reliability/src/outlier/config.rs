//! The settings of an outlier detector, checked as a whole when it is built.

use std::time::Duration;

use super::{FailurePercentage, SuccessRate};
use crate::ConfigError;

/// The settings of an [`OutlierDetector`](crate::OutlierDetector).
///
/// | setting | default | accepted |
/// |---|---|---|
/// | `consecutive_failures` | 5 | 1 or more; `None` to look at no rows of failures |
/// | `success_rate` | [`SuccessRate::default`] | see there; `None` to compare no success rates |
/// | `failure_percentage` | `None` | see [`FailurePercentage`]; `None` for no such limit |
/// | `interval` | 10 s | above zero |
/// | `base_ejection_time` | 30 s | above zero |
/// | `max_ejection_time` | 300 s | `base_ejection_time` or more |
/// | `max_ejection_time_jitter` | 0 s | any |
/// | `max_ejection_percent` | 50 | 1 to 100 |
///
/// One of the first three must be there.
///
/// ```
/// use otlp_reliability::OutlierDetectorConfig;
///
/// let error = OutlierDetectorConfig::new().with_max_ejection_percent(0).build::<String>().unwrap_err();
/// assert_eq!(error.to_string(), "max_ejection_percent = 0 is not accepted: it takes 1 to 100");
/// ```
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(default, deny_unknown_fields))]
#[must_use]
pub struct OutlierDetectorConfig {
    consecutive_failures: Option<u32>,
    success_rate: Option<SuccessRate>,
    failure_percentage: Option<FailurePercentage>,
    #[cfg_attr(feature = "serde", serde(with = "humantime_serde"))]
    interval: Duration,
    #[cfg_attr(feature = "serde", serde(with = "humantime_serde"))]
    base_ejection_time: Duration,
    #[cfg_attr(feature = "serde", serde(with = "humantime_serde"))]
    max_ejection_time: Duration,
    #[cfg_attr(feature = "serde", serde(with = "humantime_serde"))]
    max_ejection_time_jitter: Duration,
    max_ejection_percent: u8,
}

impl Default for OutlierDetectorConfig {
    fn default() -> Self {
        OutlierDetectorConfig {
            consecutive_failures: Some(5),
            success_rate: Some(SuccessRate::default()),
            failure_percentage: None,
            interval: Duration::from_secs(10),
            base_ejection_time: Duration::from_secs(30),
            max_ejection_time: Duration::from_secs(300),
            max_ejection_time_jitter: Duration::ZERO,
            max_ejection_percent: 50,
        }
    }
}

impl OutlierDetectorConfig {
    /// The defaults: five failures in a row, or a success rate far below that of the others, eject for 30 s and longer
    /// each time; never more than half of the endpoints.
    pub fn new() -> Self {
        OutlierDetectorConfig::default()
    }

    /// After how many failures in a row an endpoint is ejected. `None`: it never is for that.
    pub fn with_consecutive_failures(mut self, consecutive_failures: impl Into<Option<u32>>) -> Self {
        self.consecutive_failures = consecutive_failures.into();
        self
    }

    /// How far below the others a success rate must be for an ejection. `None`: rates are not compared.
    pub fn with_success_rate(mut self, success_rate: impl Into<Option<SuccessRate>>) -> Self {
        self.success_rate = success_rate.into();
        self
    }

    /// At which share of failures an endpoint is ejected, whatever the others do. `None`: at none.
    pub fn with_failure_percentage(mut self, failure_percentage: impl Into<Option<FailurePercentage>>) -> Self {
        self.failure_percentage = failure_percentage.into();
        self
    }

    /// How often success rates and shares of failures are looked at. Each time they count from zero.
    pub fn with_interval(mut self, interval: Duration) -> Self {
        self.interval = interval;
        self
    }

    /// How long the first ejection of an endpoint lasts. The second lasts twice as long, and so on; each interval in
    /// which the endpoint is not ejected takes back one step.
    pub fn with_base_ejection_time(mut self, base_ejection_time: Duration) -> Self {
        self.base_ejection_time = base_ejection_time;
        self
    }

    /// How long an ejection lasts at most, before jitter.
    pub fn with_max_ejection_time(mut self, max_ejection_time: Duration) -> Self {
        self.max_ejection_time = max_ejection_time;
        self
    }

    /// How much longer an ejection lasts at most, at random, so that endpoints do not come back all at once.
    pub fn with_max_ejection_time_jitter(mut self, max_ejection_time_jitter: Duration) -> Self {
        self.max_ejection_time_jitter = max_ejection_time_jitter;
        self
    }

    /// Which part of the known endpoints may be ejected at once, rounded down. All of them never are: one is always
    /// left.
    pub fn with_max_ejection_percent(mut self, max_ejection_percent: u8) -> Self {
        self.max_ejection_percent = max_ejection_percent;
        self
    }

    /// After how many failures in a row an endpoint is ejected.
    pub fn consecutive_failures(&self) -> Option<u32> {
        self.consecutive_failures
    }

    /// How far below the others a success rate must be for an ejection.
    pub fn success_rate(&self) -> Option<SuccessRate> {
        self.success_rate
    }

    /// At which share of failures an endpoint is ejected.
    pub fn failure_percentage(&self) -> Option<FailurePercentage> {
        self.failure_percentage
    }

    /// How often success rates and shares of failures are looked at.
    pub fn interval(&self) -> Duration {
        self.interval
    }

    /// How long the first ejection of an endpoint lasts.
    pub fn base_ejection_time(&self) -> Duration {
        self.base_ejection_time
    }

    /// How long an ejection lasts at most, before jitter.
    pub fn max_ejection_time(&self) -> Duration {
        self.max_ejection_time
    }

    /// How much longer an ejection lasts at most, at random.
    pub fn max_ejection_time_jitter(&self) -> Duration {
        self.max_ejection_time_jitter
    }

    /// Which part of the known endpoints may be ejected at once.
    pub fn max_ejection_percent(&self) -> u8 {
        self.max_ejection_percent
    }

    /// Whether the settings can work.
    ///
    /// # Errors
    ///
    /// The first setting that the table above does not accept.
    pub fn validate(&self) -> Result<(), ConfigError> {
        if let Some(0) = self.consecutive_failures {
            return Err(ConfigError::new("consecutive_failures", 0, "1 or more, or None to look at no rows"));
        }
        if let Some(success_rate) = self.success_rate {
            success_rate.validate()?;
        }
        if let Some(failure_percentage) = self.failure_percentage {
            failure_percentage.validate()?;
        }
        if self.consecutive_failures.is_none() && self.success_rate.is_none() && self.failure_percentage.is_none() {
            let accepted = "a number while neither success_rate nor failure_percentage is there";
            return Err(ConfigError::new("consecutive_failures", self.consecutive_failures, accepted));
        }
        if self.interval.is_zero() {
            return Err(ConfigError::new("interval", self.interval, "more than zero"));
        }
        if self.base_ejection_time.is_zero() {
            return Err(ConfigError::new("base_ejection_time", self.base_ejection_time, "more than zero"));
        }
        if self.max_ejection_time < self.base_ejection_time {
            return Err(ConfigError::new("max_ejection_time", self.max_ejection_time, "base_ejection_time or more"));
        }
        if !(1..=100).contains(&self.max_ejection_percent) {
            return Err(ConfigError::new("max_ejection_percent", self.max_ejection_percent, "1 to 100"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_that_cannot_work_are_refused_by_name() {
        let refused = |config: OutlierDetectorConfig| config.validate().unwrap_err().field();
        let good = OutlierDetectorConfig::new;
        let rate = |rate: SuccessRate| good().with_success_rate(rate);
        let percentage = |percentage: FailurePercentage| good().with_failure_percentage(percentage);
        assert!(good().validate().is_ok());
        assert!(good().with_consecutive_failures(None).validate().is_ok());
        assert_eq!(refused(good().with_consecutive_failures(0)), "consecutive_failures");
        assert_eq!(refused(good().with_consecutive_failures(None).with_success_rate(None)), "consecutive_failures");
        assert_eq!(refused(good().with_interval(Duration::ZERO)), "interval");
        assert_eq!(refused(good().with_base_ejection_time(Duration::ZERO)), "base_ejection_time");
        assert_eq!(refused(good().with_base_ejection_time(Duration::MAX)), "max_ejection_time");
        assert_eq!(refused(good().with_max_ejection_percent(0)), "max_ejection_percent");
        assert_eq!(refused(good().with_max_ejection_percent(101)), "max_ejection_percent");
        assert_eq!(refused(rate(SuccessRate::default().with_minimum_calls(0))), "success_rate.minimum_calls");
        assert_eq!(refused(rate(SuccessRate::default().with_minimum_endpoints(1))), "success_rate.minimum_endpoints");
        for factor in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert_eq!(refused(rate(SuccessRate::default().with_stdev_factor(factor))), "success_rate.stdev_factor");
        }
        let default = FailurePercentage::default;
        for threshold in [0, 101] {
            assert_eq!(refused(percentage(default().with_threshold(threshold))), "failure_percentage.threshold");
        }
        assert_eq!(refused(percentage(default().with_minimum_calls(0))), "failure_percentage.minimum_calls");
        assert_eq!(refused(percentage(default().with_minimum_endpoints(0))), "failure_percentage.minimum_endpoints");
    }

    #[cfg(feature = "serde")]
    #[test]
    fn settings_come_from_a_file_and_go_back() {
        let text = r#"{"interval":"2s","success_rate":null,"failure_percentage":{"threshold":50}}"#;
        let config: OutlierDetectorConfig = serde_json::from_str(text).unwrap();
        let expected = OutlierDetectorConfig::new()
            .with_interval(Duration::from_secs(2))
            .with_success_rate(None)
            .with_failure_percentage(FailurePercentage::default().with_threshold(50));
        assert_eq!(config, expected);
        let back = serde_json::to_string(&config).unwrap();
        assert_eq!(serde_json::from_str::<OutlierDetectorConfig>(&back).unwrap(), config);
        assert!(serde_json::from_str::<OutlierDetectorConfig>(r#"{"intervall":"2s"}"#).is_err());
    }
}
