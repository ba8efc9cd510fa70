//! Instants as nanoseconds since a fixed one, so that they fit into atomics.

use std::time::{Duration, Instant};

/// Where the nanoseconds count from. An instant before it counts as it: a clock that goes back makes nobody panic, it
/// only lets no time pass.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Timeline {
    origin: Instant,
}

impl Timeline {
    pub(crate) fn starting_at(origin: Instant) -> Self {
        Timeline { origin }
    }

    /// The nanoseconds from the origin to `instant`.
    pub(crate) fn nanos_at(&self, instant: Instant) -> u64 {
        nanos(instant.saturating_duration_since(self.origin))
    }
}

/// The nanoseconds of `duration`, or the largest number there is: 584 years.
pub(crate) fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
