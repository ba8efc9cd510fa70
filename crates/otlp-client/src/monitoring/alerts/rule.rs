//! A rule: which figure, compared how with what, for how long.

use std::{collections::HashSet, fmt, time::Duration};

use otlp_batch::ConfigError;

use super::{
    super::{MonitoringError, error::refused},
    AlertMetric,
};

/// The longest name of a rule, in characters.
const LONGEST_NAME: usize = 200;

/// The longest wait of a rule.
const LONGEST_WAIT: Duration = Duration::from_secs(24 * 3600);

/// How a figure is compared with a threshold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Comparison {
    /// The figure is larger.
    Above,
    /// The figure is as large or larger.
    AtLeast,
    /// The figure is smaller.
    Below,
    /// The figure is as small or smaller.
    AtMost,
}

impl Comparison {
    pub(super) fn holds(self, value: f64, threshold: f64) -> bool {
        match self {
            Comparison::Above => value > threshold,
            Comparison::AtLeast => value >= threshold,
            Comparison::Below => value < threshold,
            Comparison::AtMost => value <= threshold,
        }
    }

    fn is_upwards(self) -> bool {
        matches!(self, Comparison::Above | Comparison::AtLeast)
    }
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Comparison::Above => ">",
            Comparison::AtLeast => ">=",
            Comparison::Below => "<",
            Comparison::AtMost => "<=",
        })
    }
}

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AlertSeverity {
    /// Worth knowing.
    Info,
    /// Should be looked at.
    Warning,
    /// Data is lost, or will be.
    Critical,
}

impl fmt::Display for AlertSeverity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            AlertSeverity::Info => "info",
            AlertSeverity::Warning => "warning",
            AlertSeverity::Critical => "critical",
        })
    }
}

/// A rule of the alerts: it fires when a figure of the client has held against a threshold for long enough, and is
/// resolved when it has not done so for long enough.
///
/// Settings that cannot work are refused where the rules are handed in.
///
/// ```
/// use std::time::Duration;
/// use otlp_client::monitoring::{AlertMetric, AlertRule, AlertSeverity, Comparison};
///
/// let rule = AlertRule::new("slow backend", AlertMetric::AttemptLatencyP99, Comparison::Above, 2.0)
///     .with_for(Duration::from_secs(120))
///     .with_clear_threshold(1.0)
///     .with_severity(AlertSeverity::Warning)
///     .with_summary("the OTLP endpoint answers slowly");
/// assert_eq!(rule.to_string(), "attempt_latency_p99 > 2 for 120s");
/// ```
#[derive(Debug, Clone, PartialEq)]
#[must_use]
pub struct AlertRule {
    name: String,
    metric: AlertMetric,
    comparison: Comparison,
    threshold: f64,
    clear_threshold: Option<f64>,
    pending_for: Duration,
    keep_firing_for: Duration,
    severity: AlertSeverity,
    summary: String,
}

impl AlertRule {
    /// How many rules there may be.
    pub(crate) const MOST: usize = 1_000;

    /// A rule called `name` that fires at once while `metric` compares so with `threshold`: a warning.
    pub fn new(name: impl Into<String>, metric: AlertMetric, comparison: Comparison, threshold: f64) -> Self {
        AlertRule {
            name: name.into(),
            metric,
            comparison,
            threshold,
            clear_threshold: None,
            pending_for: Duration::ZERO,
            keep_firing_for: Duration::ZERO,
            severity: AlertSeverity::Warning,
            summary: String::new(),
        }
    }

    /// Sets for how long the condition must hold without a break before it fires. Until then it is pending. At most a
    /// day; default zero.
    pub fn with_for(mut self, pending_for: Duration) -> Self {
        self.pending_for = pending_for;
        self
    }

    /// Sets for how long the condition must not hold, without a break, before the alert is resolved. At most a day;
    /// default zero.
    pub fn with_keep_firing_for(mut self, keep_firing_for: Duration) -> Self {
        self.keep_firing_for = keep_firing_for;
        self
    }

    /// Sets what the figure must compare with for the condition to be over, once it fires: further from the trouble than
    /// the threshold, so that a figure that wavers around one of them neither fires nor resolves again and again.
    /// Default: the threshold.
    pub fn with_clear_threshold(mut self, clear_threshold: f64) -> Self {
        self.clear_threshold = Some(clear_threshold);
        self
    }

    /// Sets how bad it is; default a warning.
    pub fn with_severity(mut self, severity: AlertSeverity) -> Self {
        self.severity = severity;
        self
    }

    /// Sets what people are told: what it means, and what can be done. Default: the condition.
    pub fn with_summary(mut self, summary: impl Into<String>) -> Self {
        self.summary = summary.into();
        self
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The figure that it watches.
    pub fn metric(&self) -> AlertMetric {
        self.metric
    }

    /// How bad it is.
    pub fn severity(&self) -> AlertSeverity {
        self.severity
    }

    /// The threshold.
    pub fn threshold(&self) -> f64 {
        self.threshold
    }

    /// What people are told.
    pub fn summary(&self) -> String {
        if self.summary.is_empty() { self.to_string() } else { self.summary.clone() }
    }

    pub(super) fn pending_for(&self) -> Duration {
        self.pending_for
    }

    pub(super) fn keep_firing_for(&self) -> Duration {
        self.keep_firing_for
    }

    /// Whether the condition holds: against the threshold while it does not fire, against the clear threshold while it
    /// does. What is not known does not hold.
    pub(super) fn holds(&self, value: Option<f64>, is_firing: bool) -> bool {
        let threshold = match self.clear_threshold {
            Some(clear) if is_firing => clear,
            _ => self.threshold,
        };
        value.is_some_and(|value| self.comparison.holds(value, threshold))
    }

    /// Names the first setting that cannot work.
    pub(crate) fn validate(&self) -> Result<(), ConfigError> {
        let length = self.name.chars().count();
        if length == 0 || length > LONGEST_NAME || self.name.chars().any(char::is_control) {
            let shown: String = self.name.chars().take(LONGEST_NAME).collect();
            return Err(refused("name", format_args!("{shown:?}"), "1 to 200 characters on one line"));
        }
        if !self.threshold.is_finite() {
            return Err(refused("threshold", self.threshold, "a finite number"));
        }
        if let Some(clear) = self.clear_threshold {
            let is_beyond =
                if self.comparison.is_upwards() { clear <= self.threshold } else { clear >= self.threshold };
            if !clear.is_finite() || !is_beyond {
                let accepted = if self.comparison.is_upwards() {
                    "a finite number that is not above the threshold"
                } else {
                    "a finite number that is not below the threshold"
                };
                return Err(refused("clear_threshold", clear, accepted));
            }
        }
        for (field, wait) in [("for", self.pending_for), ("keep_firing_for", self.keep_firing_for)] {
            if wait > LONGEST_WAIT {
                return Err(refused(field, format_args!("{wait:?}"), "0 to 1 day"));
            }
        }
        Ok(())
    }

    /// Names the first rule that cannot work, or that there are too many.
    pub(crate) fn validate_all(rules: &[AlertRule]) -> Result<(), MonitoringError> {
        if rules.len() > AlertRule::MOST {
            return Err(refused("alert_rules", format_args!("{} rules", rules.len()), "at most 1000 rules").into());
        }
        let mut names = HashSet::new();
        for rule in rules {
            let named = |error| MonitoringError::Rule { rule: rule.name.chars().take(LONGEST_NAME).collect(), error };
            rule.validate().map_err(named)?;
            if !names.insert(&rule.name) {
                return Err(named(refused("name", format_args!("{:?}", rule.name), "a name that no other rule has")));
            }
        }
        Ok(())
    }
}

/// The condition.
impl fmt::Display for AlertRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.metric, self.comparison, self.threshold)?;
        if self.pending_for.is_zero() { Ok(()) } else { write!(f, " for {:?}", self.pending_for) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule() -> AlertRule {
        AlertRule::new("rule", AlertMetric::QueueUtilization, Comparison::Above, 0.8)
    }

    #[test]
    fn each_setting_that_cannot_work_is_named_with_its_rule() {
        let day = Duration::from_secs(24 * 3600);
        let below = || AlertRule::new("below", AlertMetric::DeliveredPerSecond, Comparison::AtMost, 1.0);
        for (rule, message) in [
            (AlertRule::new("", AlertMetric::PendingItems, Comparison::Above, 1.0), "alert rule \"\": name is \"\""),
            (AlertRule::new("a\nb", AlertMetric::PendingItems, Comparison::Above, 1.0), "name is \"a\\nb\""),
            (AlertRule::new("x".repeat(201), AlertMetric::PendingItems, Comparison::Above, 1.0), "1 to 200 characters"),
            (AlertRule::new("nan", AlertMetric::PendingItems, Comparison::Above, f64::NAN), "threshold is NaN"),
            (rule().with_clear_threshold(0.9), "clear_threshold is 0.9, but takes a finite number that is not above"),
            (rule().with_clear_threshold(f64::NEG_INFINITY), "clear_threshold is -inf"),
            (below().with_clear_threshold(0.5), "not below the threshold"),
            (rule().with_for(day * 2), "for is 172800s, but takes 0 to 1 day"),
            (rule().with_keep_firing_for(day * 2), "keep_firing_for is 172800s"),
        ] {
            let error = AlertRule::validate_all(&[rule]).unwrap_err().to_string();
            assert!(error.starts_with("alert rule ") && error.contains(message), "{error}");
        }
        let error = AlertRule::validate_all(&[rule(), rule()]).unwrap_err().to_string();
        assert!(error.contains("a name that no other rule has"), "{error}");
        let many: Vec<_> = (0..1_001).map(|_| rule()).collect();
        assert!(AlertRule::validate_all(&many).unwrap_err().to_string().contains("at most 1000 rules"));
        AlertRule::validate_all(&[rule().with_clear_threshold(0.8).with_for(day), below()]).unwrap();
    }

    #[test]
    fn each_comparison_is_what_it_says() {
        let holds = |comparison: Comparison| [0.5, 1.0, 1.5].map(|value| comparison.holds(value, 1.0));
        assert_eq!(holds(Comparison::Above), [false, false, true]);
        assert_eq!(holds(Comparison::AtLeast), [false, true, true]);
        assert_eq!(holds(Comparison::Below), [true, false, false]);
        assert_eq!(holds(Comparison::AtMost), [true, true, false]);
        assert!(!Comparison::Below.holds(f64::NAN, 1.0));
    }
}
