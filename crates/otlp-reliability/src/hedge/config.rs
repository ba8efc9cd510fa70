//! The settings of a hedge, and what it counts.

use std::time::Duration;

use super::Hedge;
use crate::ConfigError;

/// When a further attempt starts beside those under way.
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "snake_case", deny_unknown_fields)
)]
pub enum HedgeDelay {
    /// After this time. Costs no clock read.
    Fixed(#[cfg_attr(feature = "serde", serde(with = "humantime_serde"))] Duration),
    /// After the time in which so many percent of the recent calls had succeeded: 95 means that about one call in
    /// twenty is hedged, however fast or slow the callee is.
    ///
    /// It looks at some thousand calls, the recent ones counting more. Calls that fail or are dropped are not measured. It
    /// costs two clock reads per call that waits.
    Percentile {
        /// The share of the calls, in percent.
        percentile: f64,
        /// The delay until 128 calls have been measured.
        #[cfg_attr(feature = "serde", serde(with = "humantime_serde"))]
        initial: Duration,
    },
}

impl From<Duration> for HedgeDelay {
    fn from(delay: Duration) -> Self {
        HedgeDelay::Fixed(delay)
    }
}

/// The settings of a [`Hedge`].
///
/// | setting | default | accepted |
/// |---|---|---|
/// | `delay` | 95th percentile, at first 1 s | above zero; a percentile from 50 to 99.9 |
/// | `max_hedges` | 1 | 1 to 16 |
///
/// ```
/// use std::time::Duration;
/// use otlp_reliability::{HedgeConfig, HedgeDelay};
///
/// let fixed = HedgeConfig::new(Duration::from_millis(50)).with_max_hedges(2).build()?;
/// let adaptive = HedgeDelay::Percentile { percentile: 99.0, initial: Duration::from_millis(200) };
/// let adaptive = HedgeConfig::new(adaptive).build()?;
/// # let _ = (fixed, adaptive);
///
/// let error = HedgeConfig::new(Duration::ZERO).build().unwrap_err();
/// assert_eq!(error.to_string(), "delay = Fixed(0ns) is not accepted: it takes more than zero");
/// # Ok::<(), otlp_reliability::ConfigError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(default, deny_unknown_fields))]
#[must_use]
pub struct HedgeConfig {
    delay: HedgeDelay,
    max_hedges: u32,
}

impl Default for HedgeConfig {
    fn default() -> Self {
        HedgeConfig::new(HedgeDelay::Percentile { percentile: 95.0, initial: Duration::from_secs(1) })
    }
}

impl HedgeConfig {
    /// One further attempt after `delay`: a duration, or a [`HedgeDelay`].
    pub fn new(delay: impl Into<HedgeDelay>) -> Self {
        HedgeConfig { delay: delay.into(), max_hedges: 1 }
    }

    /// How many further attempts a call may start, the delay before each.
    pub fn with_max_hedges(mut self, max_hedges: u32) -> Self {
        self.max_hedges = max_hedges;
        self
    }

    /// When a further attempt starts.
    pub fn delay(&self) -> HedgeDelay {
        self.delay
    }

    /// How many further attempts a call may start.
    pub fn max_hedges(&self) -> u32 {
        self.max_hedges
    }

    /// Whether the settings can work.
    ///
    /// # Errors
    ///
    /// The first setting that the table above does not accept.
    pub fn validate(&self) -> Result<(), ConfigError> {
        if self.first_delay().is_zero() {
            return Err(ConfigError::new("delay", self.delay, "more than zero"));
        }
        if let HedgeDelay::Percentile { percentile, .. } = self.delay
            && !(50.0..=99.9).contains(&percentile)
        {
            return Err(ConfigError::new("percentile", percentile, "50 to 99.9"));
        }
        if !(1..=16).contains(&self.max_hedges) {
            return Err(ConfigError::new("max_hedges", self.max_hedges, "1 to 16"));
        }
        Ok(())
    }

    /// A hedge with these settings, on tokio's time.
    ///
    /// # Errors
    ///
    /// The first setting that the table above does not accept.
    pub fn build(self) -> Result<Hedge, ConfigError> {
        self.validate()?;
        Ok(Hedge::from_checked(self))
    }

    /// The delay as long as nothing is measured.
    pub(super) fn first_delay(&self) -> Duration {
        match self.delay {
            HedgeDelay::Fixed(delay) | HedgeDelay::Percentile { initial: delay, .. } => delay,
        }
    }

    /// The percentile, if the delay comes from one.
    pub(super) fn percentile(&self) -> Option<f64> {
        match self.delay {
            HedgeDelay::Fixed(_) => None,
            HedgeDelay::Percentile { percentile, .. } => Some(percentile),
        }
    }
}

/// The figures of a [`Hedge`]. Calls that were answered before the delay are in none of them.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct HedgeSnapshot {
    /// The delay before a further attempt, as it is now.
    #[cfg_attr(feature = "serde", serde(with = "humantime_serde"))]
    pub delay: Duration,
    /// How many calls started a further attempt.
    pub hedged: u64,
    /// How many further attempts were started.
    pub hedges: u64,
    /// How many calls were answered by a further attempt.
    pub won: u64,
    /// How many calls started no more attempts because the budget had nothing left.
    pub refused: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn absurd_values_are_refused_by_name() {
        let refused = |settings: HedgeConfig| settings.validate().unwrap_err().field();
        let second = Duration::from_secs(1);
        let percentile = |percentile| HedgeConfig::new(HedgeDelay::Percentile { percentile, initial: second });
        for absurd in [f64::NAN, f64::INFINITY, 0.0, 49.9, 100.0, -1.0] {
            assert_eq!(refused(percentile(absurd)), "percentile", "{absurd}");
        }
        let never = HedgeDelay::Percentile { percentile: 95.0, initial: Duration::ZERO };
        assert_eq!(refused(HedgeConfig::new(never)), "delay");
        assert_eq!(refused(HedgeConfig::new(second).with_max_hedges(0)), "max_hedges");
        assert_eq!(refused(HedgeConfig::new(second).with_max_hedges(17)), "max_hedges");
        assert_eq!(HedgeConfig::new(Duration::MAX).validate(), Ok(()));
    }

    #[cfg(feature = "serde")]
    #[test]
    fn settings_survive_a_configuration_file() {
        let fixed = HedgeConfig::new(Duration::from_millis(250)).with_max_hedges(2);
        let json = r#"{"delay":{"fixed":"250ms"},"max_hedges":2}"#;
        assert_eq!(serde_json::to_string(&fixed).unwrap(), json);
        assert_eq!(serde_json::from_str::<HedgeConfig>(json).unwrap(), fixed);
        let percentile = HedgeConfig::default();
        let json = r#"{"delay":{"percentile":{"percentile":95.0,"initial":"1s"}},"max_hedges":1}"#;
        assert_eq!(serde_json::to_string(&percentile).unwrap(), json);
        assert_eq!(serde_json::from_str::<HedgeConfig>(json).unwrap(), percentile);
        assert_eq!(serde_json::from_str::<HedgeConfig>("{}").unwrap(), percentile);
        assert!(serde_json::from_str::<HedgeConfig>(r#"{"after":"1s"}"#).is_err());
        let unknown = r#"{"delay":{"percentile":{"percentile":95.0,"initial":"1s","first":"1s"}}}"#;
        assert!(serde_json::from_str::<HedgeConfig>(unknown).is_err());
    }
}
