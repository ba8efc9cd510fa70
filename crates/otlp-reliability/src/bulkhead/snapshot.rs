//! The figures of a bulkhead.

/// How a [`Bulkhead`](crate::Bulkhead) stands, and what it has done since it was made.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct BulkheadSnapshot {
    /// How many calls it lets run at once.
    pub max_concurrent: u32,
    /// How many are running. More than `max_concurrent` for a while after that was lowered.
    pub in_flight: u32,
    /// How many are in the waiting line.
    pub waiting: u32,
    /// How many calls have ever had to wait.
    pub waited: u64,
    /// How many calls were turned away, those that waited too long included.
    pub rejected: u64,
    /// How many calls were turned away because they waited too long.
    pub timed_out: u64,
}
