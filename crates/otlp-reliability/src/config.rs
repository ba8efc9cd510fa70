//! The error of settings that cannot work, told when a policy is built and never later.

use std::fmt;

/// A setting that was refused: which one, what it was, and what is accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    field: &'static str,
    value: String,
    accepted: &'static str,
}

impl ConfigError {
    pub(crate) fn new(field: &'static str, value: impl fmt::Debug, accepted: &'static str) -> Self {
        ConfigError { field, value: format!("{value:?}"), accepted }
    }

    /// The name of the setting.
    pub fn field(&self) -> &'static str {
        self.field
    }

    /// The value that was given.
    pub fn value(&self) -> &str {
        &self.value
    }

    /// What would have been accepted.
    pub fn accepted(&self) -> &'static str {
        self.accepted
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} = {} is not accepted: it takes {}", self.field, self.value, self.accepted)
    }
}

impl std::error::Error for ConfigError {}
