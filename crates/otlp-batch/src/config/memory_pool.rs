//! The memory budget, and how the pool of buffers under it grows and shrinks.

use super::{ConfigError, check};

/// The memory that telemetry may occupy between call site and acknowledgement, and how the pool of its buffers grows and
/// shrinks.
///
/// | moment | the pool's size |
/// |---|---|
/// | at the start | `initial_size`, allocated at once in buffers of `chunk_size` |
/// | more is in use than the pool has | `growth_factor` times as large, at least what is in use, at most `max_size` |
/// | more would be in use than `max_size` | as it is: the record finds no room ([`OnFull`](crate::OnFull)) |
/// | for three seconds, never more than `1 - gc_threshold` of it was in use | the highest use of that time is `1 - gc_threshold` of it again, at least `initial_size` |
///
/// Buffers that are given back wait for reuse while the pool is not larger than this size, and are freed otherwise.
/// With 0.8, for instance, a pool that grew to 64 MiB in an outage and then needs 2 MiB gives back 54 MiB; one that needs
/// 16 MiB gives back nothing.
///
/// ```
/// use otlp_batch::MemoryPoolConfig;
///
/// let config = MemoryPoolConfig {
///     initial_size: 1024 * 1024,
///     max_size: 100 * 1024 * 1024,
///     chunk_size: 64 * 1024,
///     growth_factor: 2.0,
///     gc_threshold: 0.8,
/// };
/// assert!(config.validate().is_ok());
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MemoryPoolConfig {
    /// How many bytes are allocated at the start, and kept however little is in use. `chunk_size` to `max_size`; default
    /// 1 MiB.
    pub initial_size: usize,
    /// The hard limit in bytes over all signals and threads, idle buffers included. 256 KiB to 64 GiB; default 32 MiB.
    pub max_size: usize,
    /// The size of a busy thread's chunk buffer in bytes; quiet threads get smaller ones. 4 KiB to 16 MiB, at most a
    /// quarter of `max_size`; default 64 KiB.
    pub chunk_size: usize,
    /// How many times as large the pool gets when all of it is in use. More than 1, at most 16; default 2.
    pub growth_factor: f64,
    /// The idle share above which the pool shrinks. More than 0, at most 1, which means never; default 0.8.
    pub gc_threshold: f64,
}

impl Default for MemoryPoolConfig {
    fn default() -> Self {
        MemoryPoolConfig {
            initial_size: 1 << 20,
            max_size: 32 << 20,
            chunk_size: 64 << 10,
            growth_factor: 2.0,
            gc_threshold: 0.8,
        }
    }
}

impl MemoryPoolConfig {
    /// Names the first field that is out of range.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let MemoryPoolConfig { initial_size, max_size, chunk_size, growth_factor, gc_threshold } = *self;
        check((256 << 10..=64 << 30).contains(&max_size), "max_size", max_size, "262144 to 68719476736 bytes")?;
        check((4 << 10..=16 << 20).contains(&chunk_size), "chunk_size", chunk_size, "4096 to 16777216 bytes")?;
        check(
            chunk_size <= max_size / 4,
            "chunk_size",
            chunk_size,
            "at most a quarter of max_size, or a few threads would take all of it",
        )?;
        check((chunk_size..=max_size).contains(&initial_size), "initial_size", initial_size, "chunk_size to max_size")?;
        check(growth_factor > 1.0 && growth_factor <= 16.0, "growth_factor", growth_factor, "more than 1, at most 16")?;
        check(
            gc_threshold > 0.0 && gc_threshold <= 1.0,
            "gc_threshold",
            gc_threshold,
            "the idle share above which the pool shrinks: more than 0, at most 1",
        )
    }
}
