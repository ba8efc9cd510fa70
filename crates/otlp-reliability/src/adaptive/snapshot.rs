//! The figures of an adaptive limit.

/// How an [`AdaptiveLimit`](crate::AdaptiveLimit) stands, and what it has done since it was made.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct AdaptiveLimitSnapshot {
    /// How many calls it lets run at once now; fewer than it deems right while it probes.
    pub limit: u32,
    /// How many are running. More than `limit` for a while after that shrank.
    pub in_flight: u32,
    /// How many are in the waiting line.
    pub waiting: u32,
    /// How many calls have ever had to wait.
    pub waited: u64,
    /// How many calls were turned away, those that waited too long included.
    pub rejected: u64,
    /// How many calls were turned away because they waited too long.
    pub timed_out: u64,
    /// How many calls the limit has learnt from, dropped ones included.
    pub samples: u64,
    /// How many calls counted as dropped: failures, and calls longer than the timeout.
    pub dropped: u64,
}
