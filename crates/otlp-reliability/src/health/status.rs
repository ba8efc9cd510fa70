//! The health of a service at one moment: each check, and what they come to together.

use std::time::Duration;

use super::{CheckOutcome, Health, Importance, Probe};

/// The health of a service at one moment.
///
/// Together, checks are as bad as the worst of them that counts: a critical check counts as it is, an optional one that
/// is unhealthy counts as degraded, and an optional one that nobody has looked at does not count while others do.
/// Unhealthy is worse than unknown, unknown worse than degraded. No checks at all are healthy.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct HealthStatus {
    /// All checks together.
    pub overall: Health,
    /// How long `overall` has been what it is.
    #[cfg_attr(feature = "serde", serde(with = "humantime_serde"))]
    pub unchanged_for: Duration,
    /// Each check, in the order in which they were added.
    pub checks: Vec<CheckStatus>,
}

impl HealthStatus {
    /// The checks that belong to `probe`, together.
    pub fn health(&self, probe: Probe) -> Health {
        aggregate(self.of(probe).map(|check| (check.health, check.importance)))
    }

    /// The check of this name.
    pub fn check(&self, name: &str) -> Option<&CheckStatus> {
        self.checks.iter().find(|check| check.name == name)
    }

    /// The checks that belong to `probe`.
    pub(super) fn of(&self, probe: Probe) -> impl Iterator<Item = &CheckStatus> {
        self.checks.iter().filter(move |check| check.probe.answers(probe))
    }
}

/// One check at one moment.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct CheckStatus {
    /// Its name.
    pub name: String,
    /// The probe that it is part of.
    pub probe: Probe,
    /// What its failure means for the service.
    pub importance: Importance,
    /// Its state, after the thresholds.
    pub health: Health,
    /// How long its state has been what it is.
    #[cfg_attr(feature = "serde", serde(with = "humantime_serde"))]
    pub unchanged_for: Duration,
    /// The last round.
    pub latest: Option<CheckRound>,
    /// Why the last failed round failed; it stays after the check has recovered.
    pub last_error: Option<String>,
    /// Rounds without a failure in a row, up to now.
    pub consecutive_successes: u64,
    /// Failed rounds in a row, up to now.
    pub consecutive_failures: u64,
    /// All rounds so far.
    pub rounds: u64,
    /// All failed rounds so far.
    pub failed_rounds: u64,
    /// The last rounds, oldest first.
    pub history: Vec<CheckRound>,
}

/// One round of one check.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct CheckRound {
    /// What it found.
    pub outcome: CheckOutcome,
    /// How long its last try took.
    #[cfg_attr(feature = "serde", serde(with = "humantime_serde"))]
    pub latency: Duration,
    /// How long ago it ended.
    #[cfg_attr(feature = "serde", serde(with = "humantime_serde"))]
    pub age: Duration,
}

/// What checks come to together.
pub(super) fn aggregate(checks: impl Iterator<Item = (Health, Importance)>) -> Health {
    let mut any = false;
    let worst = checks
        .inspect(|_| any = true)
        .filter_map(|check| match check {
            (Health::Unhealthy, Importance::Optional) => Some(Health::Degraded),
            (Health::Unknown, Importance::Optional) => None,
            (health, _) => Some(health),
        })
        .max_by_key(|health| health.severity());
    match worst {
        Some(health) => health,
        None if any => Health::Unknown,
        None => Health::Healthy,
    }
}

#[cfg(test)]
mod tests {
    use super::{
        Health::{Degraded, Healthy, Unhealthy, Unknown},
        Importance::{Critical, Optional},
        *,
    };

    #[test]
    fn together_they_are_as_bad_as_the_worst_that_counts() {
        let together = |checks: &[(Health, Importance)]| aggregate(checks.iter().copied());
        assert_eq!(together(&[]), Healthy);
        assert_eq!(together(&[(Healthy, Critical), (Healthy, Optional)]), Healthy);
        assert_eq!(together(&[(Healthy, Critical), (Unhealthy, Optional)]), Degraded);
        assert_eq!(together(&[(Unhealthy, Optional)]), Degraded);
        assert_eq!(together(&[(Healthy, Critical), (Degraded, Critical)]), Degraded);
        assert_eq!(together(&[(Unhealthy, Critical), (Unknown, Critical)]), Unhealthy);
        assert_eq!(together(&[(Unknown, Critical), (Unhealthy, Optional)]), Unknown);
        assert_eq!(together(&[(Healthy, Critical), (Unknown, Optional)]), Healthy);
        assert_eq!(together(&[(Unknown, Optional)]), Unknown);
    }
}
