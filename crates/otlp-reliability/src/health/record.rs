//! What is known of one check: a pure state machine of outcomes and the time.
//!
//! The first outcome decides alone; after it `fall` failures in a row make a check unhealthy, and `rise` rounds without
//! a failure in a row bring it back. Between healthy and degraded it follows each outcome.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use super::{CheckConfig, CheckOutcome, CheckRound, CheckStatus, Health};

#[derive(Debug)]
pub(super) struct Record {
    health: Health,
    since: Instant,
    successes: u64,
    failures: u64,
    rounds: u64,
    failed_rounds: u64,
    latest: Option<Round>,
    last_error: Option<String>,
    history: VecDeque<Round>,
}

#[derive(Debug, Clone)]
struct Round {
    outcome: CheckOutcome,
    latency: Duration,
    ended: Instant,
}

impl Record {
    pub(super) fn new(now: Instant) -> Self {
        Record {
            health: Health::Unknown,
            since: now,
            successes: 0,
            failures: 0,
            rounds: 0,
            failed_rounds: 0,
            latest: None,
            last_error: None,
            history: VecDeque::new(),
        }
    }

    pub(super) fn health(&self) -> Health {
        self.health
    }

    /// Takes the outcome of a round. Returns the state before if it is another now.
    pub(super) fn apply(
        &mut self,
        config: &CheckConfig,
        outcome: CheckOutcome,
        latency: Duration,
        now: Instant,
    ) -> Option<Health> {
        self.rounds += 1;
        if let CheckOutcome::Fail(message) = &outcome {
            self.failed_rounds += 1;
            self.failures += 1;
            self.successes = 0;
            self.last_error = Some(message.clone());
        } else {
            self.successes += 1;
            self.failures = 0;
        }
        let before = self.health;
        self.health = self.after(config, &outcome);
        let round = Round { outcome, latency, ended: now };
        if config.history() > 0 {
            if self.history.len() >= config.history() {
                self.history.pop_front();
            }
            self.history.push_back(round.clone());
        }
        self.latest = Some(round);
        if self.health == before {
            return None;
        }
        self.since = now;
        Some(before)
    }

    fn after(&self, config: &CheckConfig, outcome: &CheckOutcome) -> Health {
        let up = match outcome {
            CheckOutcome::Pass => Health::Healthy,
            CheckOutcome::Warn(_) => Health::Degraded,
            CheckOutcome::Fail(_) => {
                let decided = self.health == Health::Unknown || self.failures >= u64::from(config.fall());
                return if decided { Health::Unhealthy } else { self.health };
            }
        };
        let held_down = self.health == Health::Unhealthy && self.successes < u64::from(config.rise());
        if held_down { Health::Unhealthy } else { up }
    }

    pub(super) fn status(&self, name: &str, config: &CheckConfig, now: Instant) -> CheckStatus {
        let shown = |round: &Round| CheckRound {
            outcome: round.outcome.clone(),
            latency: round.latency,
            age: now.saturating_duration_since(round.ended),
        };
        CheckStatus {
            name: name.to_string(),
            probe: config.probe(),
            importance: config.importance(),
            health: self.health,
            unchanged_for: now.saturating_duration_since(self.since),
            latest: self.latest.as_ref().map(shown),
            last_error: self.last_error.clone(),
            consecutive_successes: self.successes,
            consecutive_failures: self.failures,
            rounds: self.rounds,
            failed_rounds: self.failed_rounds,
            history: self.history.iter().map(shown).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn fail() -> CheckOutcome {
        CheckOutcome::Fail("down".to_string())
    }

    fn warn() -> CheckOutcome {
        CheckOutcome::Warn("slow".to_string())
    }

    /// The states after each of `outcomes`.
    fn states(config: &CheckConfig, outcomes: impl IntoIterator<Item = CheckOutcome>) -> Vec<Health> {
        let now = Instant::now();
        let mut record = Record::new(now);
        outcomes
            .into_iter()
            .map(|outcome| {
                record.apply(config, outcome, Duration::ZERO, now);
                record.health()
            })
            .collect()
    }

    #[test]
    fn rise_and_fall_count_rounds_in_a_row() {
        use CheckOutcome::Pass;
        use Health::{Healthy, Unhealthy};
        let config = CheckConfig::new().with_rise(2).with_fall(3);
        let outcomes = [Pass, fail(), fail(), Pass, fail(), fail(), fail(), Pass, fail(), Pass, Pass];
        let expected =
            [Healthy, Healthy, Healthy, Healthy, Healthy, Healthy, Unhealthy, Unhealthy, Unhealthy, Unhealthy, Healthy];
        assert_eq!(states(&config, outcomes), expected);
    }

    #[test]
    fn the_first_outcome_decides_alone() {
        let slow = CheckConfig::new().with_rise(5).with_fall(5);
        assert_eq!(states(&slow, [fail()]), [Health::Unhealthy]);
        assert_eq!(states(&slow, [warn()]), [Health::Degraded]);
        assert_eq!(states(&slow, [CheckOutcome::Pass]), [Health::Healthy]);
    }

    #[test]
    fn a_warning_is_up_but_degraded_at_once() {
        let config = CheckConfig::new().with_rise(2);
        let outcomes = [CheckOutcome::Pass, warn(), CheckOutcome::Pass, fail(), warn(), warn()];
        let expected = [
            Health::Healthy,
            Health::Degraded,
            Health::Healthy,
            Health::Unhealthy,
            Health::Unhealthy,
            Health::Degraded,
        ];
        assert_eq!(states(&config, outcomes), expected);
    }

    #[test]
    fn the_history_keeps_the_last_rounds_oldest_first() {
        let config = CheckConfig::new().with_history(2);
        let start = Instant::now();
        let mut record = Record::new(start);
        for second in 1..=3 {
            let now = start + Duration::from_secs(second);
            record.apply(&config, CheckOutcome::Pass, Duration::from_millis(second), now);
        }
        let status = record.status("db", &config, start + Duration::from_secs(4));
        let kept: Vec<_> =
            status.history.iter().map(|round| (round.latency.as_millis(), round.age.as_secs())).collect();
        assert_eq!(kept, [(2, 2), (3, 1)]);
        assert_eq!(status.unchanged_for, Duration::from_secs(3));
        assert_eq!((status.rounds, status.consecutive_successes), (3, 3));
        let none = CheckConfig::new().with_history(0);
        record = Record::new(start);
        record.apply(&none, fail(), Duration::ZERO, start);
        let status = record.status("db", &none, start);
        assert!(status.history.is_empty());
        assert_eq!(status.latest.unwrap().outcome, fail());
    }

    fn outcome() -> impl Strategy<Value = CheckOutcome> {
        prop_oneof![Just(CheckOutcome::Pass), Just(warn()), Just(fail())]
    }

    proptest! {
        /// Against the definition: look back over all outcomes each time.
        #[test]
        fn the_state_is_that_of_a_model_that_looks_back(
            outcomes in prop::collection::vec(outcome(), 1..40),
            rise in 1u32..4,
            fall in 1u32..4,
        ) {
            let config = CheckConfig::new().with_rise(rise).with_fall(fall);
            let mut expected = Vec::new();
            let mut down = outcomes[0].is_failure();
            for end in 1..=outcomes.len() {
                let seen = &outcomes[..end];
                let last = |count: u32, failed: bool| {
                    end >= count as usize && seen[end - count as usize..].iter().all(|o| o.is_failure() == failed)
                };
                down = if down { !last(rise, false) || end == 1 } else { last(fall, true) };
                expected.push(match (down, &seen[end - 1]) {
                    (true, _) => Health::Unhealthy,
                    (false, CheckOutcome::Fail(_)) => *expected.last().unwrap_or(&Health::Unhealthy),
                    (false, CheckOutcome::Warn(_)) => Health::Degraded,
                    (false, CheckOutcome::Pass) => Health::Healthy,
                });
            }
            prop_assert_eq!(states(&config, outcomes), expected);
        }
    }
}
