//! What sinks are told of an alert, and what a program can ask of it.

use std::{
    fmt,
    time::{Duration, SystemTime},
};

use super::{AlertRule, AlertSeverity, AlertState};

/// An alert fired, or is over.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct AlertNotice {
    /// The rule.
    pub rule: AlertRule,
    /// [`AlertState::Firing`] or [`AlertState::Resolved`].
    pub state: AlertState,
    /// The figure at that moment; none if it is not known any more, or the rule was taken away.
    pub value: Option<f64>,
    /// For how long it was firing; zero when it fires.
    pub fired_for: Duration,
    /// When that was.
    pub time: SystemTime,
}

impl AlertNotice {
    /// The name of the rule.
    pub fn name(&self) -> &str {
        self.rule.name()
    }

    /// How bad it is.
    pub fn severity(&self) -> AlertSeverity {
        self.rule.severity()
    }

    /// Whether it is over.
    pub fn is_resolved(&self) -> bool {
        self.state == AlertState::Resolved
    }
}

impl fmt::Display for AlertNotice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "alert {:?} ({}) is {}: {}", self.name(), self.severity(), self.state, self.rule.summary())?;
        match self.value {
            Some(value) => write!(f, "; {} is {value}", self.rule.metric())?,
            None => write!(f, "; {} is not known", self.rule.metric())?,
        }
        if self.is_resolved() { write!(f, ", after {:.0?}", self.fired_for) } else { Ok(()) }
    }
}

/// How a rule stands.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct AlertStatus {
    /// The rule.
    pub rule: AlertRule,
    /// Its state.
    pub state: AlertState,
    /// The figure when it was last looked at; none if it was not known.
    pub value: Option<f64>,
    /// For how long it has been firing, if it does.
    pub firing_for: Option<Duration>,
}
