//! What one look at a dependency found.

use std::fmt;

/// The result of one check.
///
/// Any `Result<(), E>` whose error can be displayed converts into it, so most checks never name it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "snake_case"))]
pub enum CheckOutcome {
    /// It works.
    Pass,
    /// It works, with something missing: what.
    Warn(String),
    /// It does not work: why.
    Fail(String),
}

impl CheckOutcome {
    /// Whether the dependency does not work.
    pub fn is_failure(&self) -> bool {
        matches!(self, CheckOutcome::Fail(_))
    }

    /// What is missing or why it does not work.
    pub fn message(&self) -> Option<&str> {
        match self {
            CheckOutcome::Pass => None,
            CheckOutcome::Warn(message) | CheckOutcome::Fail(message) => Some(message),
        }
    }
}

impl<E: fmt::Display> From<Result<(), E>> for CheckOutcome {
    fn from(result: Result<(), E>) -> Self {
        match result {
            Ok(()) => CheckOutcome::Pass,
            Err(error) => CheckOutcome::Fail(error.to_string()),
        }
    }
}
