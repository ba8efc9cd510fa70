//! What can go wrong with a health checker itself, apart from what its checks find.

use std::{fmt, sync::Arc};

use crate::ConfigError;

/// Why a [`HealthChecker`](crate::HealthChecker) refused.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum HealthError {
    /// A check has settings that cannot work.
    Settings {
        /// The check.
        check: Arc<str>,
        /// The setting.
        error: ConfigError,
    },
    /// There is a check of this name already.
    DuplicateCheck(Arc<str>),
    /// Started outside of a tokio runtime, so nothing could run the checks.
    NoRuntime,
    /// The checks do not run: they were never started, they were stopped, or their runtime is gone.
    NotRunning,
}

impl fmt::Display for HealthError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            HealthError::Settings { check, error } => write!(f, "health check {check:?}: {error}"),
            HealthError::DuplicateCheck(check) => write!(f, "there is a health check {check:?} already"),
            HealthError::NoRuntime => f.write_str("health checks must be started from within a tokio runtime"),
            HealthError::NotRunning => f.write_str("the health checks do not run: start them first"),
        }
    }
}

impl std::error::Error for HealthError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            HealthError::Settings { error, .. } => Some(error),
            _ => None,
        }
    }
}
