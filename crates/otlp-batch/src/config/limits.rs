//! What a batch and a record may weigh, how much is in flight, and what happens when there is no room.

use super::{ConfigError, check};
use crate::CatchUp;

/// What a batch and a record may weigh, how many batches are in flight, and what happens when there is no room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchLimits {
    /// A batch closes before its records exceed this many bytes, uncompressed; a larger record travels alone. 1 KiB to
    /// 64 MiB; default 1 MiB.
    pub max_batch_bytes: usize,
    /// How many batches of one signal are in flight to one destination at a time. 1 to 1,024; default 4.
    pub max_in_flight: usize,
    /// The largest record that is taken, in encoded bytes: larger ones could never be delivered in one request. The whole
    /// memory budget, if that is less.
    /// 1 KiB to 64 MiB; default 3.5 MiB, which with its envelope stays below the 4 MiB that gRPC servers accept.
    pub max_record_bytes: usize,
    /// How fast a destination gets what gathered while it was down, in percent of what is produced: with 180, all that
    /// is new and 0.8 times as much of what is old, so that many clients that return together do not overwhelm their
    /// receivers. It halves when attempts fail and recovers within minutes, and it grows by a tenth per minute once all went
    /// well for ten minutes. A flush and a shutdown hold nothing back. An outage is a time in which the destination takes
    /// nothing ([`BatchExporter::unready`](crate::BatchExporter::unready)), as with an open circuit breaker. 110 to
    /// 100,000; `None`: as fast as it is acknowledged. Default 180.
    ///
    /// 210 at least where a disk queue has an age limit, so that nothing expires because of it. Not used with
    /// [`OnFull::Block`]: threads that wait for room are worse than receivers that refuse.
    pub catch_up_percent: Option<u32>,
    /// What happens to a record for which there is no room. Default [`OnFull::DropNewest`].
    pub on_full: OnFull,
}

/// The least [`BatchLimits::catch_up_percent`] of a queue in which batches expire.
const WITH_EXPIRY: u32 = 210;

/// What happens to a record for which the queue or the memory budget has no room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnFull {
    /// The record is dropped and counted; the application goes on at once. A signal or a destination that lags behind
    /// others goes without the batches for which it has no room, and leaves the last part of the memory to them.
    #[default]
    DropNewest,
    /// The oldest waiting batch of the same signal makes room: that of the destination where most wait. If none waits, and
    /// it is memory that is full, that of another signal does.
    DropOldest,
    /// The recording thread waits until there is room at every destination or the pipeline shuts down. The only way in
    /// which telemetry ever holds up the application.
    Block,
}

impl Default for BatchLimits {
    fn default() -> Self {
        BatchLimits {
            max_batch_bytes: 1 << 20,
            max_in_flight: 4,
            max_record_bytes: (4 << 20) - (512 << 10),
            catch_up_percent: Some(180),
            on_full: OnFull::DropNewest,
        }
    }
}

impl BatchLimits {
    /// Names the first field that is out of range.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let (bytes, accepted) = (1 << 10..=64 << 20, "1024 to 67108864 bytes");
        check(bytes.contains(&self.max_batch_bytes), "max_batch_bytes", self.max_batch_bytes, accepted)?;
        check((1..=1024).contains(&self.max_in_flight), "max_in_flight", self.max_in_flight, "1 to 1024 batches")?;
        check(bytes.contains(&self.max_record_bytes), "max_record_bytes", self.max_record_bytes, accepted)?;
        let percent = self.catch_up_percent.unwrap_or(110);
        check((110..=100_000).contains(&percent), "catch_up_percent", percent, "110 to 100000 percent, or nothing")
    }

    /// What holds a backlog back. Where it `expires`, it goes faster than it grows too old, so that waiting loses nothing.
    pub(crate) fn catch_up(&self, expires: bool) -> CatchUp {
        let percent = self.catch_up_percent.filter(|_| self.on_full != OnFull::Block);
        CatchUp::new(percent.map(|percent| if expires { percent.max(WITH_EXPIRY) } else { percent }))
    }
}
