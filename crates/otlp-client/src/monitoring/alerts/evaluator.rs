//! The rules with their states: what is looked at each second, and what comes of it. Time and figures are handed in.

use std::time::{Duration, SystemTime};

use tokio::time::Instant;

use super::{
    AlertMetric, AlertNotice, AlertRule, AlertState, AlertStatus,
    state::{RuleState, Transition},
};

/// A rule as it is watched.
struct Watched {
    rule: AlertRule,
    state: RuleState,
    value: Option<f64>,
}

/// The rules with their states.
pub(super) struct Evaluator {
    watched: Vec<Watched>,
}

impl Evaluator {
    pub(super) fn new(rules: Vec<AlertRule>) -> Self {
        let watch = |rule| Watched { rule, state: RuleState::default(), value: None };
        Evaluator { watched: rules.into_iter().map(watch).collect() }
    }

    /// Looks at all figures; what somebody should hear of.
    pub(super) fn evaluate(&mut self, read: impl Fn(AlertMetric) -> Option<f64>, now: Instant) -> Vec<AlertNotice> {
        let mut notices = Vec::new();
        for watched in &mut self.watched {
            watched.value = read(watched.rule.metric());
            match watched.state.step(&watched.rule, watched.value, now) {
                Some(Transition::Fired) => notices.push(watched.notice(AlertState::Firing, Duration::ZERO)),
                Some(Transition::Resolved(fired_for)) => {
                    notices.push(watched.notice(AlertState::Resolved, fired_for));
                }
                None => {}
            }
        }
        notices
    }

    /// Watches `rules` from now on. One that is as it was keeps its state; one that was firing and is no more, or is
    /// another, is resolved.
    pub(super) fn replace(&mut self, rules: Vec<AlertRule>, now: Instant) -> Vec<AlertNotice> {
        let mut before = std::mem::take(&mut self.watched);
        for rule in rules {
            let known = before.iter().position(|watched| watched.rule == rule);
            let watched = known.map(|position| before.swap_remove(position));
            self.watched.push(watched.unwrap_or(Watched { rule, state: RuleState::default(), value: None }));
        }
        resolved(before, now)
    }

    pub(super) fn rules(&self) -> Vec<AlertRule> {
        self.watched.iter().map(|watched| watched.rule.clone()).collect()
    }

    pub(super) fn status(&self, now: Instant) -> Vec<AlertStatus> {
        let status = |watched: &Watched| AlertStatus {
            rule: watched.rule.clone(),
            state: watched.state.state(),
            value: watched.value,
            firing_for: watched.state.firing_for(now),
        };
        self.watched.iter().map(status).collect()
    }
}

impl Watched {
    fn notice(&self, state: AlertState, fired_for: Duration) -> AlertNotice {
        AlertNotice { rule: self.rule.clone(), state, value: self.value, fired_for, time: SystemTime::now() }
    }
}

/// The notices of rules that are watched no more.
fn resolved(watched: Vec<Watched>, now: Instant) -> Vec<AlertNotice> {
    let notice = |mut watched: Watched| {
        let fired_for = watched.state.firing_for(now)?;
        watched.value = None;
        Some(watched.notice(AlertState::Resolved, fired_for))
    };
    watched.into_iter().filter_map(notice).collect()
}

#[cfg(test)]
mod tests {
    use super::{super::Comparison, *};

    fn rule(name: &str, threshold: f64) -> AlertRule {
        AlertRule::new(name, AlertMetric::PendingItems, Comparison::Above, threshold)
    }

    #[test]
    fn rules_that_stay_keep_their_state_and_those_that_go_are_resolved() {
        let start = Instant::now();
        let mut evaluator = Evaluator::new(vec![rule("stays", 1.0), rule("changes", 1.0), rule("goes", 1.0)]);
        assert_eq!(evaluator.evaluate(|_| Some(5.0), start).len(), 3);
        let later = start + Duration::from_secs(3);
        let notices = evaluator.replace(vec![rule("changes", 2.0), rule("stays", 1.0)], later);
        let mut names: Vec<_> = notices.iter().map(|notice| (notice.name(), notice.state, notice.fired_for)).collect();
        names.sort_unstable_by_key(|(name, ..)| *name);
        let three = Duration::from_secs(3);
        assert_eq!(names, [("changes", AlertState::Resolved, three), ("goes", AlertState::Resolved, three)]);
        let again = evaluator.evaluate(|_| Some(5.0), later);
        assert_eq!(again.iter().map(AlertNotice::name).collect::<Vec<_>>(), ["changes"], "it is another rule");
        let firing = evaluator.status(later).into_iter().map(|status| status.firing_for).collect::<Vec<_>>();
        assert_eq!(firing, [Some(Duration::ZERO), Some(three)]);
    }

    #[test]
    fn a_notice_says_what_happened() {
        let mut evaluator = Evaluator::new(vec![rule("backlog", 10.0).with_summary("too much waits")]);
        let start = Instant::now();
        let fired = evaluator.evaluate(|_| Some(12.0), start);
        assert_eq!(fired[0].to_string(), "alert \"backlog\" (warning) is firing: too much waits; pending_items is 12");
        let over = evaluator.evaluate(|_| None, start + Duration::from_secs(61));
        let expected = "alert \"backlog\" (warning) is resolved: too much waits; pending_items is not known, after 61s";
        assert_eq!(over[0].to_string(), expected);
    }
}
