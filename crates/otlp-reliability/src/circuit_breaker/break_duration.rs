//! How long a break is: the same each time, or longer with each opening that follows another without a recovery.
//!
//! Breaks are nanoseconds in a `u64`, grown by a conversion from `f64` that saturates: nothing overflows. Jitter only
//! shortens, so it never exceeds the largest break.

use std::time::Duration;

use crate::{ConfigError, timeline::nanos};

/// How long a [`CircuitBreaker`](crate::CircuitBreaker) stays open.
///
/// A `Duration` is a break that is always the same, as is a lone `"30s"` in a configuration file. One that grows spares a callee that is down for long: each break
/// after probes that failed is longer than the one before, until the breaker closes.
///
/// | setting | default | accepted |
/// |---|---|---|
/// | `initial` | 30 s | any |
/// | `multiplier` | 1.0 | finite, 1.0 or more |
/// | `max` | `initial` | `initial` or more |
/// | `jitter` | 0.0 | 0.0 to 1.0 |
///
/// ```
/// use std::time::Duration;
/// use otlp_reliability::{BreakDuration, CircuitBreakerConfig};
///
/// // 1 s, 2 s, 4 s, … 60 s, each shortened by up to a fifth so that the clients of a callee do not return together.
/// let breaks = BreakDuration::growing(Duration::from_secs(1), Duration::from_secs(60)).with_jitter(0.2);
/// let breaker = CircuitBreakerConfig::new().with_break_duration(breaks).build()?;
/// # let _ = breaker;
/// # Ok::<(), otlp_reliability::ConfigError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(from = "Setting"))]
#[must_use]
pub struct BreakDuration {
    #[cfg_attr(feature = "serde", serde(with = "humantime_serde"))]
    initial: Duration,
    multiplier: f64,
    #[cfg_attr(feature = "serde", serde(with = "humantime_serde"))]
    max: Option<Duration>,
    jitter: f64,
}

impl Default for BreakDuration {
    fn default() -> Self {
        BreakDuration::fixed(Duration::from_secs(30))
    }
}

impl From<Duration> for BreakDuration {
    fn from(duration: Duration) -> Self {
        BreakDuration::fixed(duration)
    }
}

/// How a configuration file may put it.
#[cfg(feature = "serde")]
#[derive(serde::Deserialize)]
#[serde(untagged, expecting = "a duration such as \"30s\", or a map of initial, multiplier, max and jitter")]
enum Setting {
    Fixed(#[serde(with = "humantime_serde")] Duration),
    Growing(Growing),
}

#[cfg(feature = "serde")]
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Growing {
    #[serde(with = "humantime_serde")]
    initial: Duration,
    multiplier: Option<f64>,
    #[serde(default, with = "humantime_serde")]
    max: Option<Duration>,
    #[serde(default)]
    jitter: f64,
}

#[cfg(feature = "serde")]
impl From<Setting> for BreakDuration {
    fn from(setting: Setting) -> Self {
        match setting {
            Setting::Fixed(duration) => BreakDuration::fixed(duration),
            Setting::Growing(Growing { initial, multiplier, max, jitter }) => {
                BreakDuration { initial, multiplier: multiplier.unwrap_or(1.0), max, jitter }
            }
        }
    }
}

impl BreakDuration {
    /// The same break each time. Zero lets probes through at once.
    pub fn fixed(duration: Duration) -> Self {
        BreakDuration { initial: duration, multiplier: 1.0, max: None, jitter: 0.0 }
    }

    /// A break of `initial`, and after each failed recovery one twice as long, up to `max`.
    pub fn growing(initial: Duration, max: Duration) -> Self {
        BreakDuration { initial, multiplier: 2.0, max: Some(max), jitter: 0.0 }
    }

    /// By what each break is longer than the one before.
    pub fn with_multiplier(mut self, multiplier: f64) -> Self {
        self.multiplier = multiplier;
        self
    }

    /// The longest break.
    pub fn with_max(mut self, max: Duration) -> Self {
        self.max = Some(max);
        self
    }

    /// The share of each break that chance may take off: 0.2 draws between 80 % and 100 % of it.
    pub fn with_jitter(mut self, jitter: f64) -> Self {
        self.jitter = jitter;
        self
    }

    /// The first break.
    pub fn initial(&self) -> Duration {
        self.initial
    }

    /// By what each break is longer than the one before.
    pub fn multiplier(&self) -> f64 {
        self.multiplier
    }

    /// The longest break.
    pub fn max(&self) -> Duration {
        self.max.unwrap_or(self.initial)
    }

    /// The share of each break that chance may take off.
    pub fn jitter(&self) -> f64 {
        self.jitter
    }

    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        if !self.multiplier.is_finite() || self.multiplier < 1.0 {
            return Err(ConfigError::new("break_duration.multiplier", self.multiplier, "a finite number, 1.0 or more"));
        }
        if self.max() < self.initial {
            return Err(ConfigError::new("break_duration.max", self.max(), "break_duration.initial or more"));
        }
        if self.multiplier > 1.0 && self.max.is_none() {
            let accepted = "break_duration.initial or more, and must be given while multiplier is above 1.0";
            return Err(ConfigError::new("break_duration.max", self.max, accepted));
        }
        if !(0.0..=1.0).contains(&self.jitter) {
            return Err(ConfigError::new("break_duration.jitter", self.jitter, "0.0 to 1.0"));
        }
        Ok(())
    }

    /// The nanoseconds of the break after `openings` openings in a row, counted from 1.
    pub(super) fn nanos_after(&self, openings: u32) -> u64 {
        let initial = nanos(self.initial);
        let grown = if self.multiplier > 1.0 {
            let growth = self.multiplier.powi(i32::try_from(openings.saturating_sub(1)).unwrap_or(i32::MAX));
            // `as` saturates and takes zero times infinity as zero.
            ((initial as f64 * growth) as u64).clamp(initial, nanos(self.max()))
        } else {
            initial
        };
        let spread = ((grown as f64 * self.jitter) as u64).min(grown);
        grown - if spread > 0 { fastrand::u64(0..=spread) } else { 0 }
    }
}

#[cfg(all(test, not(otlp_loom)))]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_fixed_break_never_changes_and_a_growing_one_doubles_up_to_its_largest() {
        let fixed = BreakDuration::fixed(SECOND);
        let growing = BreakDuration::growing(SECOND, 5 * SECOND);
        for (openings, seconds) in [(1, 1), (2, 2), (3, 4), (4, 5), (u32::MAX, 5)] {
            assert_eq!(fixed.nanos_after(openings), nanos(SECOND));
            assert_eq!(growing.nanos_after(openings), nanos(seconds * SECOND), "opening {openings}");
        }
        assert_eq!(growing.with_multiplier(3.0).nanos_after(2), nanos(3 * SECOND));
        assert_eq!(growing.with_max(3 * SECOND).nanos_after(3), nanos(3 * SECOND));
    }

    #[test]
    fn what_cannot_work_is_refused_by_name() {
        let growing = BreakDuration::growing(SECOND, 5 * SECOND);
        for multiplier in [f64::NAN, f64::INFINITY, 0.0, 0.99, -1.0] {
            let error = growing.with_multiplier(multiplier).validate().unwrap_err();
            assert_eq!(error.field(), "break_duration.multiplier");
        }
        for jitter in [f64::NAN, -0.1, 1.1, f64::INFINITY] {
            assert_eq!(growing.with_jitter(jitter).validate().unwrap_err().field(), "break_duration.jitter");
        }
        assert_eq!(growing.with_max(SECOND / 2).validate().unwrap_err().field(), "break_duration.max");
        let endless = BreakDuration::fixed(SECOND).with_multiplier(2.0);
        assert_eq!(endless.validate().unwrap_err().field(), "break_duration.max", "grows, but up to what?");
    }

    #[cfg(feature = "serde")]
    #[test]
    fn a_file_can_put_it_as_a_duration_or_in_full() {
        let read = |json: &str| serde_json::from_str::<BreakDuration>(json);
        assert_eq!(read(r#""1m 30s""#).unwrap(), BreakDuration::fixed(90 * SECOND));
        assert_eq!(read(r#"{ "initial": "1s" }"#).unwrap(), BreakDuration::fixed(SECOND));
        let growing = BreakDuration::growing(SECOND, 5 * SECOND).with_multiplier(3.0).with_jitter(0.5);
        let json = r#"{ "initial": "1s", "multiplier": 3.0, "max": "5s", "jitter": 0.5 }"#;
        assert_eq!(read(json).unwrap(), growing);
        assert_eq!(read(&serde_json::to_string(&growing).unwrap()).unwrap(), growing);
        let error = read(r#"{ "initial": "1s", "jiter": 0.5 }"#).unwrap_err().to_string();
        assert!(error.contains("a map of initial, multiplier, max and jitter"), "{error}");
    }

    proptest! {
        #[test]
        fn pitfall_13_jitter_only_shortens_and_only_by_its_share(
            initial in 0..=u64::MAX,
            more in 0..=u64::MAX,
            multiplier in 1.0..=f64::MAX,
            jitter in 0.0..=1.0f64,
            openings in 0..=u32::MAX,
        ) {
            let max = initial.saturating_add(more);
            let breaks = BreakDuration::growing(Duration::from_nanos(initial), Duration::from_nanos(max))
                .with_multiplier(multiplier);
            prop_assert!(breaks.validate().is_ok());
            let whole = breaks.nanos_after(openings);
            prop_assert!(whole >= initial && whole <= max);
            let drawn = breaks.with_jitter(jitter).nanos_after(openings);
            prop_assert!(drawn <= whole);
            prop_assert!(drawn as f64 >= whole as f64 * (1.0 - jitter) * 0.999_999 - 1.0);
        }
    }
}
