//! The settings of a retry budget: a share of the requests of the last seconds, or a bucket of tokens.
//!
//! Shares become integers here, once: a share is never rounded to a larger one by more than a millionth.

use std::time::Duration;

use super::RetryBudget;
use crate::{ConfigError, timeline::nanos};

const PERIODS: std::ops::RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_secs(60);

/// The settings of a [`RetryBudget`]: one of two ways to measure what retries are allowed.
///
/// In a configuration file `algorithm` is `percentage` or `token_bucket`, and the settings stand beside it.
///
/// ```
/// use otlp_reliability::{PercentageBudget, RetryBudgetConfig, TokenBudget};
///
/// let as_finagle: RetryBudgetConfig = PercentageBudget::new(20.0).with_min_per_second(10).into();
/// let as_grpc: RetryBudgetConfig = TokenBudget::new(10, 0.1).into();
/// assert!(as_finagle.validate().is_ok() && as_grpc.validate().is_ok());
///
/// let error = PercentageBudget::new(f64::NAN).build().unwrap_err();
/// assert_eq!(error.to_string(), "percent = NaN is not accepted: it takes 0, or 0.0001 to 1000");
/// ```
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(tag = "algorithm", rename_all = "snake_case")
)]
#[non_exhaustive]
pub enum RetryBudgetConfig {
    /// A share of the requests of the last seconds.
    Percentage(PercentageBudget),
    /// A bucket of tokens.
    TokenBucket(TokenBudget),
}

impl Default for RetryBudgetConfig {
    fn default() -> Self {
        RetryBudgetConfig::Percentage(PercentageBudget::default())
    }
}

impl RetryBudgetConfig {
    /// The default: 20 % of the requests of the last 10 s, and 10 retries per second in any case.
    pub fn new() -> Self {
        RetryBudgetConfig::default()
    }

    /// Whether the settings can work.
    ///
    /// # Errors
    ///
    /// The first setting that its type's table does not accept.
    pub fn validate(&self) -> Result<(), ConfigError> {
        match self {
            RetryBudgetConfig::Percentage(settings) => settings.validate(),
            RetryBudgetConfig::TokenBucket(settings) => settings.validate(),
        }
    }

    /// A budget with these settings, on tokio's time.
    ///
    /// # Errors
    ///
    /// The first setting that its type's table does not accept.
    pub fn build(self) -> Result<RetryBudget, ConfigError> {
        self.validate()?;
        Ok(RetryBudget::from_checked(self))
    }
}

impl From<PercentageBudget> for RetryBudgetConfig {
    fn from(settings: PercentageBudget) -> Self {
        RetryBudgetConfig::Percentage(settings)
    }
}

impl From<TokenBudget> for RetryBudgetConfig {
    fn from(settings: TokenBudget) -> Self {
        RetryBudgetConfig::TokenBucket(settings)
    }
}

/// Retries as a share of the requests, as in Finagle, Linkerd and Envoy.
///
/// In no `period` there are more retries than `percent` of its requests (rounded down) and `min_per_second` for each of
/// its seconds. Both at zero mean that nothing is ever retried.
///
/// | setting | default | accepted |
/// |---|---|---|
/// | `percent` | 20.0 | 0, or 0.0001 to 1000; to the millionth |
/// | `period` | 10 s | 1 s to 60 s; cut to quarters of a second |
/// | `min_per_second` | 10 | any |
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(default, deny_unknown_fields))]
#[must_use]
pub struct PercentageBudget {
    percent: f64,
    #[cfg_attr(feature = "serde", serde(with = "humantime_serde"))]
    period: Duration,
    min_per_second: u32,
}

impl Default for PercentageBudget {
    fn default() -> Self {
        PercentageBudget { percent: 20.0, period: Duration::from_secs(10), min_per_second: 10 }
    }
}

impl PercentageBudget {
    /// The defaults, but for this share.
    pub fn new(percent: f64) -> Self {
        PercentageBudget { percent, ..PercentageBudget::default() }
    }

    /// How far back requests and retries count.
    pub fn with_period(mut self, period: Duration) -> Self {
        self.period = period;
        self
    }

    /// The retries per second that are allowed beside the share, so that a service with few requests can retry at all.
    pub fn with_min_per_second(mut self, min_per_second: u32) -> Self {
        self.min_per_second = min_per_second;
        self
    }

    /// The share of the requests that may be retried, in percent.
    pub fn percent(&self) -> f64 {
        self.percent
    }

    /// How far back requests and retries count.
    pub fn period(&self) -> Duration {
        self.period
    }

    /// The retries per second that are allowed beside the share.
    pub fn min_per_second(&self) -> u32 {
        self.min_per_second
    }

    /// Whether the settings can work.
    ///
    /// # Errors
    ///
    /// The first setting that the table above does not accept.
    pub fn validate(&self) -> Result<(), ConfigError> {
        if self.percent != 0.0 && !(0.0001..=1000.0).contains(&self.percent) {
            return Err(ConfigError::new("percent", self.percent, "0, or 0.0001 to 1000"));
        }
        if !PERIODS.contains(&self.period) {
            return Err(ConfigError::new("period", self.period, "1s to 60s"));
        }
        Ok(())
    }

    /// A budget with these settings, on tokio's time.
    ///
    /// # Errors
    ///
    /// The first setting that the table above does not accept.
    pub fn build(self) -> Result<RetryBudget, ConfigError> {
        RetryBudgetConfig::from(self).build()
    }

    /// The share in millionths.
    pub(super) fn millionths(&self) -> u64 {
        (self.percent * 10_000.0).round() as u64
    }

    /// The retries of one period that need no requests.
    pub(super) fn reserve(&self) -> u64 {
        let retries = u128::from(self.min_per_second) * u128::from(nanos(self.period)) / 1_000_000_000;
        u64::try_from(retries).unwrap_or(u64::MAX)
    }
}

/// Retries as tokens, with the settings of gRPC's retry throttling: each call puts `token_ratio` into the bucket, each
/// retry takes one out.
///
/// Unlike gRPC's, the bucket can be used up to the last token. It starts full (empty, where a reload puts it in the place
/// of a share), knows no time, and its deposit costs next to nothing while it is full.
///
/// | setting | default | accepted |
/// |---|---|---|
/// | `max_tokens` | 10 | 1 to 1,000,000 |
/// | `token_ratio` | 0.1 | 0.001 to 1000; to the thousandth |
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(default, deny_unknown_fields))]
#[must_use]
pub struct TokenBudget {
    max_tokens: u32,
    token_ratio: f64,
}

impl Default for TokenBudget {
    fn default() -> Self {
        TokenBudget { max_tokens: 10, token_ratio: 0.1 }
    }
}

impl TokenBudget {
    /// A bucket of `max_tokens`, into which each call puts `token_ratio`.
    pub fn new(max_tokens: u32, token_ratio: f64) -> Self {
        TokenBudget { max_tokens, token_ratio }
    }

    /// The most tokens that the bucket holds: the longest row of retries without a call in between.
    pub fn max_tokens(&self) -> u32 {
        self.max_tokens
    }

    /// What each call puts in.
    pub fn token_ratio(&self) -> f64 {
        self.token_ratio
    }

    /// Whether the settings can work.
    ///
    /// # Errors
    ///
    /// The first setting that the table above does not accept.
    pub fn validate(&self) -> Result<(), ConfigError> {
        if !(1..=1_000_000).contains(&self.max_tokens) {
            return Err(ConfigError::new("max_tokens", self.max_tokens, "1 to 1000000"));
        }
        if !(0.001..=1000.0).contains(&self.token_ratio) {
            return Err(ConfigError::new("token_ratio", self.token_ratio, "0.001 to 1000"));
        }
        Ok(())
    }

    /// A budget with these settings.
    ///
    /// # Errors
    ///
    /// The first setting that the table above does not accept.
    pub fn build(self) -> Result<RetryBudget, ConfigError> {
        RetryBudgetConfig::from(self).build()
    }

    /// The ratio in thousandths.
    pub(super) fn thousandths(&self) -> u64 {
        (self.token_ratio * 1000.0).round() as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(settings: impl Into<RetryBudgetConfig>) -> &'static str {
        settings.into().validate().unwrap_err().field()
    }

    #[test]
    fn absurd_values_are_refused_by_name() {
        for percent in [f64::NAN, f64::INFINITY, -1.0, 1e-9, 1000.1] {
            assert_eq!(refused(PercentageBudget::new(percent)), "percent", "{percent}");
        }
        for period in [Duration::ZERO, Duration::from_millis(999), Duration::MAX] {
            assert_eq!(refused(PercentageBudget::default().with_period(period)), "period", "{period:?}");
        }
        assert_eq!(refused(TokenBudget::new(0, 0.1)), "max_tokens");
        assert_eq!(refused(TokenBudget::new(1_000_001, 0.1)), "max_tokens");
        for ratio in [f64::NAN, f64::INFINITY, 0.0, -0.1, 0.0009, 1001.0] {
            assert_eq!(refused(TokenBudget::new(10, ratio)), "token_ratio", "{ratio}");
        }
    }

    #[test]
    fn shares_become_the_integers_that_they_are() {
        assert_eq!(PercentageBudget::new(0.0001).millionths(), 1);
        assert_eq!(PercentageBudget::new(0.29).millionths(), 2_900);
        assert_eq!(PercentageBudget::new(1000.0).millionths(), 10_000_000);
        assert_eq!(TokenBudget::new(1, 0.001).thousandths(), 1);
        let minimum = PercentageBudget::new(0.0).with_min_per_second(u32::MAX).with_period(Duration::from_secs(60));
        assert_eq!(minimum.reserve(), u64::from(u32::MAX) * 60);
        let short = PercentageBudget::new(0.0).with_min_per_second(1).with_period(Duration::from_millis(1999));
        assert_eq!(short.reserve(), 1, "rounded down");
    }

    #[cfg(feature = "serde")]
    #[test]
    fn settings_survive_a_configuration_file() {
        let share: RetryBudgetConfig = PercentageBudget::new(5.0).with_period(Duration::from_millis(2500)).into();
        let json = r#"{"algorithm":"percentage","percent":5.0,"period":"2s 500ms","min_per_second":10}"#;
        assert_eq!(serde_json::to_string(&share).unwrap(), json);
        assert_eq!(serde_json::from_str::<RetryBudgetConfig>(json).unwrap(), share);
        let tokens: RetryBudgetConfig = serde_json::from_str(r#"{"algorithm":"token_bucket","max_tokens":7}"#).unwrap();
        assert_eq!(tokens, TokenBudget::new(7, 0.1).into());
        assert!(serde_json::from_str::<RetryBudgetConfig>(r#"{"algorithm":"percentage","max_tokens":7}"#).is_err());
    }
}
