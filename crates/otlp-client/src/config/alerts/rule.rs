//! One rule of the alerts.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{
    config::{Check, FieldError, formats},
    monitoring::{AlertMetric, AlertRule, AlertSeverity, Comparison},
};

/// A rule of the alerts: what [`AlertRule`] says in code.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AlertRuleConfig {
    /// Its name, which no other rule has. 1 to 200 characters on one line.
    pub name: String,
    /// The figure that it watches.
    #[serde(with = "Metric")]
    pub metric: AlertMetric,
    /// How the figure compares with the threshold while there is trouble: `above`, `at_least`, `below` or `at_most`.
    #[serde(with = "Compared")]
    pub comparison: Comparison,
    /// What the figure is compared with. Any finite number.
    pub threshold: f64,
    /// What the figure must compare with for the trouble to be over: further from it than the threshold. Default: the
    /// threshold.
    #[serde(default)]
    pub clear_threshold: Option<f64>,
    /// For how long there must be trouble before it fires; a file calls it `for`. 0 to 1 day; default 0 s.
    #[serde(default, rename = "for", with = "formats::duration")]
    pub pending_for: Duration,
    /// For how long there must be none before it is resolved. 0 to 1 day; default 0 s.
    #[serde(default, with = "formats::duration")]
    pub keep_firing_for: Duration,
    /// How bad it is: `info`, `warning` or `critical`. Default warning.
    #[serde(default = "severity", with = "Severity")]
    pub severity: AlertSeverity,
    /// What people are told. Default: the condition.
    #[serde(default)]
    pub summary: String,
}

fn severity() -> AlertSeverity {
    AlertSeverity::Warning
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "AlertMetric", rename_all = "snake_case")]
enum Metric {
    DroppedItems,
    RejectedItems,
    QueueUtilization,
    MemoryUtilization,
    PendingItems,
    EndpointsDown,
    DiskQueuesDegraded,
    AttemptFailureRatio,
    AttemptLatencyP50,
    AttemptLatencyP95,
    AttemptLatencyP99,
    AcceptedPerSecond,
    DeliveredPerSecond,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Comparison", rename_all = "snake_case")]
enum Compared {
    Above,
    AtLeast,
    Below,
    AtMost,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "AlertSeverity", rename_all = "snake_case")]
enum Severity {
    Info,
    Warning,
    Critical,
}

impl AlertRuleConfig {
    /// A rule that fires at once while `metric` compares so with `threshold`: a warning.
    pub fn new(name: impl Into<String>, metric: AlertMetric, comparison: Comparison, threshold: f64) -> Self {
        AlertRuleConfig {
            name: name.into(),
            metric,
            comparison,
            threshold,
            clear_threshold: None,
            pending_for: Duration::ZERO,
            keep_firing_for: Duration::ZERO,
            severity: severity(),
            summary: String::new(),
        }
    }

    /// The same, in code.
    pub(super) fn rule(&self) -> AlertRule {
        let rule = AlertRule::new(&self.name, self.metric, self.comparison, self.threshold)
            .with_for(self.pending_for)
            .with_keep_firing_for(self.keep_firing_for)
            .with_severity(self.severity)
            .with_summary(&self.summary);
        match self.clear_threshold {
            Some(threshold) => rule.with_clear_threshold(threshold),
            None => rule,
        }
    }
}

impl Check for AlertRuleConfig {
    fn check(&self, path: &str) -> Result<(), FieldError> {
        let checked = self.rule().validate();
        checked.map_err(|error| FieldError::value(format!("{path}.{}", error.field), error.value, error.accepted))
    }
}
