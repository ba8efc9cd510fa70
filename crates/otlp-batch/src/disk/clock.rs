//! The two clocks of a disk queue: one that does not jump, by which everything is planned and batches age, and that of
//! the wall, which is written down for people and decides nothing.

use std::time::{Instant, SystemTime};

/// Where a disk queue takes its time from.
pub(crate) trait DiskClock: Send + Sync {
    /// The time that does not jump.
    fn now(&self) -> Instant;

    /// The time on the wall, in nanoseconds since 1970.
    fn wall(&self) -> u64;
}

/// The clocks of the machine.
#[derive(Debug)]
pub(crate) struct SystemClock;

impl DiskClock for SystemClock {
    fn now(&self) -> Instant {
        Instant::now()
    }

    fn wall(&self) -> u64 {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
    }
}
