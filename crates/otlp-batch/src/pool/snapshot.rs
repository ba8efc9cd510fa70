//! What a memory pool says of itself.

/// The memory pool of a pipeline at one moment.
///
/// `in_use <= held <= size`, and `size <= max_size` but for a stored batch that is larger than the whole budget. What is
/// held is allocated; pages of it that were never written to are not resident.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct PoolSnapshot {
    /// How many bytes the pool may hold at present: `initial_size` at first, then as it grew and shrank.
    pub size: usize,
    /// How many bytes of buffers are allocated, in use or idle.
    pub held: usize,
    /// How many bytes of buffers hold telemetry. Buffers count in full.
    pub in_use: usize,
    /// How many threads wait for memory, which only [`OnFull::Block`](crate::OnFull::Block) makes them do.
    pub waiting_threads: usize,
    /// How many times the pool has grown.
    pub growths: u64,
    /// How many times the pool has shrunk because too much of it was idle.
    pub collections: u64,
    /// How many bytes of idle buffers were freed when the pool shrank.
    pub trimmed_bytes: u64,
    /// How many buffers were ever allocated. It rests while the pool has what is needed.
    pub allocations: u64,
    /// How many requests for a buffer were turned down because of `max_size`.
    pub refusals: u64,
}
