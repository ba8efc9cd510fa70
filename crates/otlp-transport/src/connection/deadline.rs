//! The end of an attempt, fixed when it begins.

use std::time::Duration;

use tokio::time::{Instant, timeout_at};

/// When an attempt must be over; `None` within is never.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Deadline {
    at: Option<Instant>,
}

/// The deadline passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Elapsed;

impl Deadline {
    /// The deadline `timeout` from now.
    pub(crate) fn after(timeout: Option<Duration>) -> Self {
        Deadline { at: timeout.and_then(|timeout| Instant::now().checked_add(timeout)) }
    }

    /// How long is left; `None` is for ever.
    pub(crate) fn left(&self) -> Option<Duration> {
        self.at.map(|at| at.saturating_duration_since(Instant::now()))
    }

    /// Drives `future` until the deadline.
    pub(crate) async fn bound<F: Future>(&self, future: F) -> Result<F::Output, Elapsed> {
        match self.at {
            Some(at) => timeout_at(at, future).await.map_err(|_| Elapsed),
            None => Ok(future.await),
        }
    }
}
