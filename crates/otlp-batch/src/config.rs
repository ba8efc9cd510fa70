//! What the pipeline may hold and when it hands on. Checked once, when the pipeline is built.

use std::time::Duration;

use thiserror::Error;

/// Limits of batches and of the queue behind them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchConfig {
    /// A batch closes at this many items. 1 to 1,000,000; default 8,192.
    pub max_batch_size: usize,
    /// A batch closes before its records exceed this many bytes, uncompressed; a larger record travels alone. 1 KiB to 64 MiB; default 1 MiB.
    pub max_batch_bytes: usize,
    /// No item waits longer than this for its batch to close. 1 ms to 1 h; default 1 s.
    pub batch_timeout: Duration,
    /// How many items of one signal may wait in the queue of a destination. Beside them, each producing thread holds at
    /// most one open chunk, and the dispatcher what is in flight. 1 to 1 billion; default 262,144.
    pub max_queue_size: usize,
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

/// The memory that telemetry may occupy between call site and acknowledgement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MemoryConfig {
    /// The hard limit in bytes over all signals and threads. 256 KiB to 64 GiB; default 32 MiB.
    pub max_bytes: usize,
    /// The size of a busy thread's chunk buffer in bytes; quiet threads get smaller ones. 4 KiB to 16 MiB; default 64 KiB.
    pub chunk_bytes: usize,
}

impl Default for BatchConfig {
    fn default() -> Self {
        BatchConfig {
            max_batch_size: 8_192,
            max_batch_bytes: 1 << 20,
            batch_timeout: Duration::from_secs(1),
            max_queue_size: 262_144,
            max_in_flight: 4,
            max_record_bytes: (4 << 20) - (512 << 10),
            on_full: OnFull::DropNewest,
        }
    }
}

impl Default for MemoryConfig {
    fn default() -> Self {
        MemoryConfig { max_bytes: 32 << 20, chunk_bytes: 64 << 10 }
    }
}

/// A setting outside of what is accepted.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{field} is {value}, but takes {accepted}")]
pub struct ConfigError {
    /// The field's name.
    pub field: &'static str,
    /// What it was set to.
    pub value: String,
    /// What it may be set to.
    pub accepted: &'static str,
}

fn check(ok: bool, field: &'static str, value: impl ToString, accepted: &'static str) -> Result<(), ConfigError> {
    if ok { Ok(()) } else { Err(ConfigError { field, value: value.to_string(), accepted }) }
}

impl BatchConfig {
    /// Names the first field that is out of range.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let bytes = 1 << 10..=64 << 20;
        check(
            (1..=1_000_000).contains(&self.max_batch_size),
            "max_batch_size",
            self.max_batch_size,
            "1 to 1000000 items",
        )?;
        check(
            bytes.contains(&self.max_batch_bytes),
            "max_batch_bytes",
            self.max_batch_bytes,
            "1024 to 67108864 bytes",
        )?;
        check(
            (Duration::from_millis(1)..=Duration::from_secs(3600)).contains(&self.batch_timeout),
            "batch_timeout",
            format_args!("{:?}", self.batch_timeout),
            "1 ms to 1 h",
        )?;
        check(
            (1..=1_000_000_000).contains(&self.max_queue_size),
            "max_queue_size",
            self.max_queue_size,
            "1 to 1000000000 items",
        )?;
        check((1..=1024).contains(&self.max_in_flight), "max_in_flight", self.max_in_flight, "1 to 1024 batches")?;
        check(
            bytes.contains(&self.max_record_bytes),
            "max_record_bytes",
            self.max_record_bytes,
            "1024 to 67108864 bytes",
        )
    }
}

impl MemoryConfig {
    /// Names the first field that is out of range.
    pub fn validate(&self) -> Result<(), ConfigError> {
        check(
            (256 << 10..=64 << 30).contains(&self.max_bytes),
            "max_bytes",
            self.max_bytes,
            "262144 to 68719476736 bytes",
        )?;
        check(
            (4 << 10..=16 << 20).contains(&self.chunk_bytes),
            "chunk_bytes",
            self.chunk_bytes,
            "4096 to 16777216 bytes",
        )?;
        check(
            self.chunk_bytes <= self.max_bytes / 4,
            "chunk_bytes",
            self.chunk_bytes,
            "at most a quarter of max_bytes, or a few threads would take all of it",
        )
    }
}
