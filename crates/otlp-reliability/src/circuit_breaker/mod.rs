//! Circuit breaker.

use crate::ConfigError;

/// Settings.
#[derive(Debug, Clone, PartialEq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(default, deny_unknown_fields))]
pub struct CircuitBreakerConfig {}

impl CircuitBreakerConfig {
    /// Whether the settings can work.
    pub fn validate(&self) -> Result<(), ConfigError> {
        Ok(())
    }
}

/// Figures.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct CircuitBreakerSnapshot {}

/// Whether a circuit breaker lets calls through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "snake_case"))]
pub enum CircuitState {
    /// All calls run, and their results are watched.
    Closed,
    /// No call runs, until the break is over.
    Open,
    /// A few calls run as probes; their results decide.
    HalfOpen,
    /// All calls run and nothing is watched, until somebody resets the breaker.
    ForcedClosed,
    /// No call runs, until somebody resets the breaker.
    Isolated,
}
