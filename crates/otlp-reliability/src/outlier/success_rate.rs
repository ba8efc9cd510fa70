//! The settings of ejection by success rate.

use crate::ConfigError;

/// Ejects endpoints whose success rate of the last interval is below the mean of all endpoints with enough calls, less
/// `stdev_factor` standard deviations.
///
/// | setting | default | accepted |
/// |---|---|---|
/// | `minimum_endpoints` | 5 | 2 or more |
/// | `minimum_calls` | 100 | 1 or more |
/// | `stdev_factor` | 1.9 | finite, above zero |
///
/// Among n endpoints none is further from the mean than √(n − 1) standard deviations: a factor of 1.9 needs five.
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(default, deny_unknown_fields))]
#[must_use]
pub struct SuccessRate {
    minimum_endpoints: u32,
    minimum_calls: u64,
    stdev_factor: f64,
}

impl Default for SuccessRate {
    fn default() -> Self {
        SuccessRate { minimum_endpoints: 5, minimum_calls: 100, stdev_factor: 1.9 }
    }
}

impl SuccessRate {
    /// How many endpoints must have had enough calls for a comparison.
    pub fn with_minimum_endpoints(mut self, minimum_endpoints: u32) -> Self {
        self.minimum_endpoints = minimum_endpoints;
        self
    }

    /// How many calls of an interval are enough.
    pub fn with_minimum_calls(mut self, minimum_calls: u64) -> Self {
        self.minimum_calls = minimum_calls;
        self
    }

    /// By how many standard deviations a rate may be below the mean.
    pub fn with_stdev_factor(mut self, stdev_factor: f64) -> Self {
        self.stdev_factor = stdev_factor;
        self
    }

    /// How many endpoints must have had enough calls for a comparison.
    pub fn minimum_endpoints(&self) -> u32 {
        self.minimum_endpoints
    }

    /// How many calls of an interval are enough.
    pub fn minimum_calls(&self) -> u64 {
        self.minimum_calls
    }

    /// By how many standard deviations a rate may be below the mean.
    pub fn stdev_factor(&self) -> f64 {
        self.stdev_factor
    }

    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        if self.minimum_endpoints < 2 {
            return Err(ConfigError::new("success_rate.minimum_endpoints", self.minimum_endpoints, "2 or more"));
        }
        if self.minimum_calls == 0 {
            return Err(ConfigError::new("success_rate.minimum_calls", self.minimum_calls, "1 or more"));
        }
        if !self.stdev_factor.is_finite() || self.stdev_factor <= 0.0 {
            let accepted = "a finite number above zero";
            return Err(ConfigError::new("success_rate.stdev_factor", self.stdev_factor, accepted));
        }
        Ok(())
    }
}
