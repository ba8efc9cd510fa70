//! A buffer of the pool, which counts against the budget wherever its bytes go.

use std::sync::Arc;

use bytes::Bytes;

use super::BufferPool;

/// A buffer that counts against the budget until it is dropped.
#[derive(Debug)]
pub(crate) struct PooledBuffer {
    bytes: Vec<u8>,
    granted: usize,
    pool: Arc<BufferPool>,
}

impl PooledBuffer {
    pub(super) fn new(bytes: Vec<u8>, granted: usize, pool: Arc<BufferPool>) -> Self {
        PooledBuffer { bytes, granted, pool }
    }

    /// The bytes so far.
    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// How many bytes it was made for, which is what it takes of the budget.
    pub(crate) fn size(&self) -> usize {
        self.granted
    }

    /// The vector to write to.
    pub(crate) fn bytes_mut(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }

    /// Freezes the content; the buffer goes back when the last slice of it is dropped.
    pub(crate) fn freeze(self) -> Bytes {
        Bytes::from_owner(self)
    }
}

impl AsRef<[u8]> for PooledBuffer {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for PooledBuffer {
    fn drop(&mut self) {
        self.pool.give_back(std::mem::take(&mut self.bytes), self.granted);
    }
}
