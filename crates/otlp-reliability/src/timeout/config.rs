//! Timeout settings.

use crate::ConfigError;

/// Settings.
#[derive(Debug, Clone, PartialEq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(default, deny_unknown_fields))]
pub struct TimeoutConfig {}

impl TimeoutConfig {
    /// Whether the settings can work.
    pub fn validate(&self) -> Result<(), ConfigError> {
        Ok(())
    }
}

/// Figures.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct TimeoutSnapshot {}
