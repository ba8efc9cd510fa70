//! The settings of ejection by the percentage of failures.

use crate::ConfigError;

/// Ejects endpoints of whose calls in the last interval at least `threshold` percent failed.
///
/// | setting | default | accepted |
/// |---|---|---|
/// | `threshold` | 85 | 1 to 100 |
/// | `minimum_endpoints` | 5 | 1 or more |
/// | `minimum_calls` | 50 | 1 or more |
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(default, deny_unknown_fields))]
#[must_use]
pub struct FailurePercentage {
    threshold: u8,
    minimum_endpoints: u32,
    minimum_calls: u64,
}

impl Default for FailurePercentage {
    fn default() -> Self {
        FailurePercentage { threshold: 85, minimum_endpoints: 5, minimum_calls: 50 }
    }
}

impl FailurePercentage {
    /// The percentage of failures from which on an endpoint is ejected.
    pub fn with_threshold(mut self, threshold: u8) -> Self {
        self.threshold = threshold;
        self
    }

    /// How many endpoints must have had enough calls for any to be ejected.
    pub fn with_minimum_endpoints(mut self, minimum_endpoints: u32) -> Self {
        self.minimum_endpoints = minimum_endpoints;
        self
    }

    /// How many calls of an interval are enough.
    pub fn with_minimum_calls(mut self, minimum_calls: u64) -> Self {
        self.minimum_calls = minimum_calls;
        self
    }

    /// The percentage of failures from which on an endpoint is ejected.
    pub fn threshold(&self) -> u8 {
        self.threshold
    }

    /// How many endpoints must have had enough calls for any to be ejected.
    pub fn minimum_endpoints(&self) -> u32 {
        self.minimum_endpoints
    }

    /// How many calls of an interval are enough.
    pub fn minimum_calls(&self) -> u64 {
        self.minimum_calls
    }

    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        if !(1..=100).contains(&self.threshold) {
            return Err(ConfigError::new("failure_percentage.threshold", self.threshold, "1 to 100"));
        }
        if self.minimum_endpoints == 0 {
            return Err(ConfigError::new("failure_percentage.minimum_endpoints", self.minimum_endpoints, "1 or more"));
        }
        if self.minimum_calls == 0 {
            return Err(ConfigError::new("failure_percentage.minimum_calls", self.minimum_calls, "1 or more"));
        }
        Ok(())
    }
}
