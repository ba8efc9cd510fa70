//! A part of the budget without a buffer: for memory that is taken elsewhere and belongs to telemetry all the same.

use std::{fmt, sync::Arc};

use super::BufferPool;

/// The memory budget of a pipeline, for whoever keeps something of a batch beside its bytes. Clones are the same budget.
#[derive(Clone)]
pub struct MemoryBudget {
    pool: Arc<BufferPool>,
}

/// So many bytes of the budget, until it is dropped.
pub struct MemoryGrant {
    bytes: usize,
    pool: Arc<BufferPool>,
}

impl MemoryBudget {
    pub(crate) fn new(pool: Arc<BufferPool>) -> Self {
        MemoryBudget { pool }
    }

    /// Sets `bytes` aside, if the budget has room for them beside all that is in memory. Waits for nothing and takes
    /// nothing away, but what is set aside is not there for records until the grant is dropped.
    pub fn set_aside(&self, bytes: usize) -> Option<MemoryGrant> {
        self.pool.set_aside(bytes).then(|| MemoryGrant { bytes, pool: Arc::clone(&self.pool) })
    }
}

impl MemoryGrant {
    /// How many bytes it stands for.
    pub fn bytes(&self) -> usize {
        self.bytes
    }
}

impl Drop for MemoryGrant {
    fn drop(&mut self) {
        self.pool.give_back_aside(self.bytes);
    }
}

impl fmt::Debug for MemoryBudget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryBudget").field("max_bytes", &self.pool.max_bytes()).finish_non_exhaustive()
    }
}

impl fmt::Debug for MemoryGrant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryGrant").field("bytes", &self.bytes).finish_non_exhaustive()
    }
}
