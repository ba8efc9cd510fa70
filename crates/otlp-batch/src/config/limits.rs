//! What a batch and a record may weigh, how much is in flight, and what happens when there is no room.

use super::{ConfigError, check};

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
    /// What happens to a record for which there is no room. Default [`OnFull::DropNewest`].
    pub on_full: OnFull,
}

/// What happens to a record for which the queue or the memory budget has no room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnFull {
    /// The record is dropped and counted; the application goes on at once.
    #[default]
    DropNewest,
    /// The oldest waiting batch of the same signal makes room.
    DropOldest,
    /// The recording thread waits until there is room or the pipeline shuts down. The only way in which telemetry ever
    /// holds up the application.
    Block,
}

impl Default for BatchLimits {
    fn default() -> Self {
        BatchLimits {
            max_batch_bytes: 1 << 20,
            max_in_flight: 4,
            max_record_bytes: (4 << 20) - (512 << 10),
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
        check(bytes.contains(&self.max_record_bytes), "max_record_bytes", self.max_record_bytes, accepted)
    }
}
