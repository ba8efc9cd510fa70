//! The settings of a check, checked as a whole when it is added.

use std::time::Duration;

use crate::ConfigError;

const MOST_RETRIES: u32 = 100;
const LONGEST_HISTORY: usize = 1_000;
const LARGEST_JITTER: f64 = 0.5;

/// Which question of an orchestrator a check helps to answer, or which one is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "snake_case"))]
pub enum Probe {
    /// Would a restart help? Only checks of the process itself belong here: restarting does not mend a database.
    Liveness,
    /// Can calls be served now?
    #[default]
    Readiness,
    /// Both.
    All,
}

impl Probe {
    /// Whether a check that belongs to `self` is part of the answer to `asked`.
    pub(super) fn answers(self, asked: Probe) -> bool {
        self == asked || self == Probe::All || asked == Probe::All
    }
}

/// What the failure of a dependency means for the service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "snake_case"))]
pub enum Importance {
    /// Without it the service does not work.
    #[default]
    Critical,
    /// Without it the service works, degraded.
    Optional,
}

/// The settings of a [`Check`](crate::Check), and the defaults of a [`HealthChecker`](crate::HealthChecker).
///
/// | setting | default | accepted |
/// |---|---|---|
/// | `probe` | [`Probe::Readiness`] | any |
/// | `importance` | [`Importance::Critical`] | any |
/// | `interval` | 30 s | above zero |
/// | `jitter` | 0.1 | 0.0 to 0.5 |
/// | `timeout` | 5 s | above zero |
/// | `retry_count` | 0 | 0 to 100 |
/// | `rise` | 1 | 1 or more |
/// | `fall` | 1 | 1 or more |
/// | `history` | 10 | 0 to 1,000 |
///
/// A round of a check takes at most `timeout` × (1 + `retry_count`).
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(default, deny_unknown_fields))]
#[must_use]
pub struct CheckConfig {
    probe: Probe,
    importance: Importance,
    #[cfg_attr(feature = "serde", serde(with = "humantime_serde"))]
    interval: Duration,
    jitter: f64,
    #[cfg_attr(feature = "serde", serde(with = "humantime_serde"))]
    timeout: Duration,
    retry_count: u32,
    rise: u32,
    fall: u32,
    history: usize,
}

impl Default for CheckConfig {
    fn default() -> Self {
        CheckConfig {
            probe: Probe::default(),
            importance: Importance::default(),
            interval: Duration::from_secs(30),
            jitter: 0.1,
            timeout: Duration::from_secs(5),
            retry_count: 0,
            rise: 1,
            fall: 1,
            history: 10,
        }
    }
}

impl CheckConfig {
    /// The defaults: a critical check of readiness, every 30 s, with 5 s to answer.
    pub fn new() -> Self {
        CheckConfig::default()
    }

    /// Which probe the check is part of.
    pub fn with_probe(mut self, probe: Probe) -> Self {
        self.probe = probe;
        self
    }

    /// What the check's failure means for the service.
    pub fn with_importance(mut self, importance: Importance) -> Self {
        self.importance = importance;
        self
    }

    /// The wait from the end of one round to the start of the next. The first round starts at once.
    pub fn with_interval(mut self, interval: Duration) -> Self {
        self.interval = interval;
        self
    }

    /// By which part of the interval a wait is cut at most, at random, so that the checks of many services do not run
    /// in step. Waits never get longer.
    pub fn with_jitter(mut self, jitter: f64) -> Self {
        self.jitter = jitter;
        self
    }

    /// How long one try may take; then it is cancelled and has failed.
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// How often a failed check is tried again, at once, before its round counts as failed.
    pub fn with_retry_count(mut self, retry_count: u32) -> Self {
        self.retry_count = retry_count;
        self
    }

    /// After how many good rounds in a row an unhealthy check is healthy. The very first result decides alone.
    pub fn with_rise(mut self, rise: u32) -> Self {
        self.rise = rise;
        self
    }

    /// After how many failed rounds in a row a healthy check is unhealthy. The very first result decides alone.
    pub fn with_fall(mut self, fall: u32) -> Self {
        self.fall = fall;
        self
    }

    /// How many of the last rounds are remembered.
    pub fn with_history(mut self, history: usize) -> Self {
        self.history = history;
        self
    }

    /// Which probe the check is part of.
    pub fn probe(&self) -> Probe {
        self.probe
    }

    /// What the check's failure means for the service.
    pub fn importance(&self) -> Importance {
        self.importance
    }

    /// The wait from the end of one round to the start of the next.
    pub fn interval(&self) -> Duration {
        self.interval
    }

    /// By which part of the interval a wait is cut at most.
    pub fn jitter(&self) -> f64 {
        self.jitter
    }

    /// How long one try may take.
    pub fn timeout(&self) -> Duration {
        self.timeout
    }

    /// How often a failed check is tried again before its round counts as failed.
    pub fn retry_count(&self) -> u32 {
        self.retry_count
    }

    /// After how many good rounds in a row an unhealthy check is healthy.
    pub fn rise(&self) -> u32 {
        self.rise
    }

    /// After how many failed rounds in a row a healthy check is unhealthy.
    pub fn fall(&self) -> u32 {
        self.fall
    }

    /// How many of the last rounds are remembered.
    pub fn history(&self) -> usize {
        self.history
    }

    /// Whether the settings can work.
    ///
    /// # Errors
    ///
    /// The first setting that the table above does not accept.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let CheckConfig { probe: _, importance: _, interval, jitter, timeout, retry_count, rise, fall, history } = self;
        if interval.is_zero() {
            return Err(ConfigError::new("interval", interval, "more than zero"));
        }
        if !(0.0..=LARGEST_JITTER).contains(jitter) {
            return Err(ConfigError::new("jitter", jitter, "0.0 to 0.5"));
        }
        if timeout.is_zero() {
            return Err(ConfigError::new("timeout", timeout, "more than zero"));
        }
        if *retry_count > MOST_RETRIES {
            return Err(ConfigError::new("retry_count", retry_count, "0 to 100"));
        }
        if *rise == 0 {
            return Err(ConfigError::new("rise", rise, "1 or more"));
        }
        if *fall == 0 {
            return Err(ConfigError::new("fall", fall, "1 or more"));
        }
        if *history > LONGEST_HISTORY {
            return Err(ConfigError::new("history", history, "0 to 1000"));
        }
        Ok(())
    }

    /// The wait before the next round, cut by `random`, from 0.0 to 1.0.
    pub(super) fn wait(&self, random: f64) -> Duration {
        let cut = self.interval.as_secs_f64() * self.jitter * random;
        self.interval.saturating_sub(Duration::try_from_secs_f64(cut).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jitter_cuts_a_wait_and_never_lengthens_it() {
        let config = CheckConfig::new().with_interval(Duration::from_secs(10)).with_jitter(0.5);
        assert_eq!(config.wait(0.0), Duration::from_secs(10));
        assert_eq!(config.wait(0.5), Duration::from_millis(7_500));
        assert_eq!(config.wait(1.0), Duration::from_secs(5));
        assert_eq!(config.with_jitter(0.0).wait(1.0), Duration::from_secs(10));
        let forever = CheckConfig::new().with_interval(Duration::MAX).with_jitter(0.5);
        assert!(forever.validate().is_ok());
        assert!(forever.wait(1.0) > Duration::from_secs(1 << 62));
    }

    #[test]
    fn settings_that_cannot_work_are_refused_by_name() {
        let refused = |config: CheckConfig| config.validate().unwrap_err().field().to_string();
        let good = CheckConfig::new;
        assert!(good().validate().is_ok());
        assert_eq!(refused(good().with_interval(Duration::ZERO)), "interval");
        assert_eq!(refused(good().with_timeout(Duration::ZERO)), "timeout");
        assert_eq!(refused(good().with_rise(0)), "rise");
        assert_eq!(refused(good().with_fall(0)), "fall");
        assert_eq!(refused(good().with_retry_count(101)), "retry_count");
        assert_eq!(refused(good().with_history(1_001)), "history");
        for jitter in [-0.1, 0.51, f64::NAN, f64::INFINITY] {
            assert_eq!(refused(good().with_jitter(jitter)), "jitter");
        }
    }

    #[cfg(feature = "serde")]
    #[test]
    fn settings_come_from_a_file_and_go_back() {
        let text = r#"{"importance":"optional","probe":"all","interval":"2s","fall":3}"#;
        let config: CheckConfig = serde_json::from_str(text).unwrap();
        let expected = CheckConfig::new()
            .with_importance(Importance::Optional)
            .with_probe(Probe::All)
            .with_interval(Duration::from_secs(2))
            .with_fall(3);
        assert_eq!(config, expected);
        let back = serde_json::to_string(&config).unwrap();
        assert_eq!(serde_json::from_str::<CheckConfig>(&back).unwrap(), config);
        assert!(serde_json::from_str::<CheckConfig>(r#"{"intervall":"2s"}"#).is_err());
    }
}
