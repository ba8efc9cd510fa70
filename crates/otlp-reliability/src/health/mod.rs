//! Health: checks of the dependencies of a service, run on a schedule, summed up for probes.
//!
//! The decisions are pure: `record` turns the results of one check into a state, `status` sums states up, `render`
//! writes them down. `round` runs one check, `tasks` keeps them running, `core` is what they share. What must hold:
//!
//! - No check can hurt another: one that hangs is cancelled, one that panics has failed.
//! - Rounds of one check never overlap, whoever asks for them.
//! - A result that comes after its check was removed changes nothing.
//! - Observers hear changes in the order in which they happened, and never under a lock.

mod breaker;
mod check;
mod checker;
mod config;
mod control;
mod core;
mod error;
mod observer;
mod outcome;
mod record;
mod render;
mod round;
mod status;
mod tasks;

use std::fmt;

pub use self::{
    check::Check,
    checker::HealthChecker,
    config::{CheckConfig, Importance, Probe},
    error::HealthError,
    observer::HealthObserver,
    outcome::CheckOutcome,
    render::Rendered,
    status::{CheckRound, CheckStatus, HealthStatus},
};

/// How a dependency, or a service as a whole, is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "snake_case"))]
pub enum Health {
    /// It works.
    Healthy,
    /// It works, with something missing.
    Degraded,
    /// It does not work.
    Unhealthy,
    /// Nobody has looked yet.
    Unknown,
}

impl Health {
    /// How much it matters among others: what is broken matters more than what is not known, and that more than what
    /// is missing.
    fn severity(self) -> u8 {
        match self {
            Health::Healthy => 0,
            Health::Degraded => 1,
            Health::Unknown => 2,
            Health::Unhealthy => 3,
        }
    }
}

impl fmt::Display for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Health::Healthy => "healthy",
            Health::Degraded => "degraded",
            Health::Unhealthy => "unhealthy",
            Health::Unknown => "unknown",
        })
    }
}
