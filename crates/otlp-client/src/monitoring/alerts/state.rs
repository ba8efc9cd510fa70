//! The state of one rule: inactive, pending, firing, resolved. Time is handed in.
//!
//! ```text
//! inactive ──holds──► pending ──holds for long enough──► firing ──holds not, for long enough──► resolved
//!    ▲                   │ holds not                        ▲ holds again before that: still firing  │ holds
//!    └───────────────────┘                                                                pending ◄──┘
//! ```

use std::{fmt, time::Duration};

use tokio::time::Instant;

use super::AlertRule;

/// How a rule stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AlertState {
    /// The condition does not hold.
    Inactive,
    /// It holds, but not for long enough yet.
    Pending,
    /// It has held for long enough, and is not over.
    Firing,
    /// It fired, and is over.
    Resolved,
}

impl fmt::Display for AlertState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            AlertState::Inactive => "inactive",
            AlertState::Pending => "pending",
            AlertState::Firing => "firing",
            AlertState::Resolved => "resolved",
        })
    }
}

/// What somebody should hear of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Transition {
    Fired,
    /// After firing for so long.
    Resolved(Duration),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Inactive,
    Resolved,
    Pending { since: Instant },
    Firing { since: Instant, calm_since: Option<Instant> },
}

/// The state of one rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct RuleState {
    phase: Phase,
    has_fired: bool,
}

impl Default for RuleState {
    fn default() -> Self {
        RuleState { phase: Phase::Inactive, has_fired: false }
    }
}

impl RuleState {
    /// The figure of `rule` is `value` at `now`, which is no earlier than at the last step.
    pub(super) fn step(&mut self, rule: &AlertRule, value: Option<f64>, now: Instant) -> Option<Transition> {
        if let Phase::Firing { since, calm_since } = &mut self.phase {
            if rule.holds(value, true) {
                *calm_since = None;
                return None;
            }
            let calm_since = *calm_since.get_or_insert(now);
            if now.duration_since(calm_since) < rule.keep_firing_for() {
                return None;
            }
            let fired_for = now.duration_since(*since);
            self.phase = Phase::Resolved;
            return Some(Transition::Resolved(fired_for));
        }
        if !rule.holds(value, false) {
            self.phase = if self.has_fired { Phase::Resolved } else { Phase::Inactive };
            return None;
        }
        let since = match self.phase {
            Phase::Pending { since } => since,
            _ => now,
        };
        if now.duration_since(since) < rule.pending_for() {
            self.phase = Phase::Pending { since };
            return None;
        }
        self.phase = Phase::Firing { since: now, calm_since: None };
        self.has_fired = true;
        Some(Transition::Fired)
    }

    /// For how long it has been firing, if it does.
    pub(super) fn firing_for(&self, now: Instant) -> Option<Duration> {
        match self.phase {
            Phase::Firing { since, .. } => Some(now.duration_since(since)),
            _ => None,
        }
    }

    pub(super) fn state(&self) -> AlertState {
        match self.phase {
            Phase::Inactive => AlertState::Inactive,
            Phase::Pending { .. } => AlertState::Pending,
            Phase::Firing { .. } => AlertState::Firing,
            Phase::Resolved => AlertState::Resolved,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::{AlertMetric, Comparison},
        AlertState::{Firing, Inactive, Pending, Resolved},
        *,
    };

    fn rule(pending: u64, keep: u64) -> AlertRule {
        AlertRule::new("rule", AlertMetric::QueueUtilization, Comparison::Above, 0.8)
            .with_for(Duration::from_secs(pending))
            .with_keep_firing_for(Duration::from_secs(keep))
    }

    /// The states after each of the values, a second apart, and how often it fired and was resolved.
    fn run(rule: &AlertRule, values: &[f64]) -> (Vec<AlertState>, usize, usize) {
        let (mut state, start) = (RuleState::default(), Instant::now());
        let (mut fired, mut resolved) = (0, 0);
        let step = |(second, value): (usize, &f64)| {
            let now = start + Duration::from_secs(second as u64);
            match state.step(rule, Some(*value).filter(|value| !value.is_nan()), now) {
                Some(Transition::Fired) => fired += 1,
                Some(Transition::Resolved(_)) => resolved += 1,
                None => {}
            }
            state.state()
        };
        let states = values.iter().enumerate().map(step).collect();
        (states, fired, resolved)
    }

    #[test]
    fn without_waits_it_fires_and_is_resolved_at_once() {
        let (states, fired, resolved) = run(&rule(0, 0), &[0.5, 0.9, 0.9, 0.8, 0.5, 0.9]);
        assert_eq!(states, [Inactive, Firing, Firing, Resolved, Resolved, Firing]);
        assert_eq!((fired, resolved), (2, 1));
    }

    #[test]
    fn a_condition_that_does_not_hold_for_long_enough_never_fires() {
        let (states, fired, _) = run(&rule(2, 0), &[0.9, 0.9, 0.5, 0.9, 0.9, 0.9, 0.9]);
        assert_eq!(states, [Pending, Pending, Inactive, Pending, Pending, Firing, Firing]);
        assert_eq!(fired, 1);
    }

    #[test]
    fn it_keeps_firing_until_it_was_calm_for_long_enough() {
        let (states, fired, resolved) = run(&rule(0, 2), &[0.9, 0.5, 0.5, 0.9, 0.5, 0.5, 0.5, 0.5]);
        assert_eq!(states, [Firing, Firing, Firing, Firing, Firing, Firing, Resolved, Resolved]);
        assert_eq!((fired, resolved), (1, 1));
    }

    #[test]
    fn a_figure_that_wavers_between_the_thresholds_changes_nothing() {
        let rule = rule(0, 0).with_clear_threshold(0.6);
        let (states, fired, resolved) = run(&rule, &[0.7, 0.9, 0.7, 0.81, 0.61, 0.79, 0.6, 0.7]);
        assert_eq!(states, [Inactive, Firing, Firing, Firing, Firing, Firing, Resolved, Resolved]);
        assert_eq!((fired, resolved), (1, 1));
    }

    #[test]
    fn what_is_not_known_does_not_hold() {
        let (states, ..) = run(&rule(2, 1), &[0.9, f64::NAN, 0.9, 0.9, 0.9, f64::NAN, f64::NAN]);
        assert_eq!(states, [Pending, Inactive, Pending, Pending, Firing, Firing, Resolved]);
    }

    #[test]
    fn after_a_resolution_it_may_be_pending_again() {
        let (states, ..) = run(&rule(1, 0), &[0.9, 0.9, 0.1, 0.9, 0.1]);
        assert_eq!(states, [Pending, Firing, Resolved, Pending, Resolved]);
    }

    #[test]
    fn how_long_it_fired_is_told() {
        let (mut state, rule, start) = (RuleState::default(), rule(0, 5), Instant::now());
        let at = |seconds| start + Duration::from_secs(seconds);
        assert_eq!(state.step(&rule, Some(1.0), at(0)), Some(Transition::Fired));
        assert_eq!(state.firing_for(at(7)), Some(Duration::from_secs(7)));
        assert_eq!(state.step(&rule, Some(0.0), at(10)), None);
        assert_eq!(state.step(&rule, Some(0.0), at(15)), Some(Transition::Resolved(Duration::from_secs(15))));
        assert_eq!(state.firing_for(at(20)), None);
    }
}
