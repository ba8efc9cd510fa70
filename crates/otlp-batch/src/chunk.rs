//! Open chunks: where records are written on the thread that made them.
//!
//! Each thread owns one [`Slot`] per pipeline, behind a lock that is contended only while the background thread sweeps.
//! A slot holds one open [`Chunk`] per signal and scope. What happens under the lock is a copy of bytes; nothing that a
//! user wrote runs there.

use std::sync::Arc;

use otlp_core::Signal;
use parking_lot::Mutex;

use crate::{DropReason, Dropped, Fragment, envelope::ScopeEnvelope, pool::PooledBuffer};

/// One thread's part of a pipeline.
#[derive(Debug, Default)]
pub(crate) struct Slot {
    state: Mutex<SlotState>,
}

#[derive(Debug, Default)]
pub(crate) struct SlotState {
    /// By [`Signal::index`].
    pub(crate) lanes: [Lane; 3],
    /// The owning thread has ended: nothing will be written any more.
    pub(crate) orphaned: bool,
    /// The pipeline has ended: the owning thread may forget the slot.
    pub(crate) closed: bool,
}

/// What one thread recorded of one signal.
#[derive(Debug, Default)]
pub(crate) struct Lane {
    pub(crate) open: Vec<Chunk>,
    /// The size of the next chunk's buffer in bytes; zero until the first one.
    pub(crate) next_size: usize,
    pub(crate) accepted: u64,
    pub(crate) dropped: Dropped,
}

/// A buffer that records of one scope are being appended to.
#[derive(Debug)]
pub(crate) struct Chunk {
    scope: Arc<ScopeEnvelope>,
    buffer: PooledBuffer,
    /// How many bytes it may hold: no more than the buffer, and than a batch.
    limit: usize,
    items: u64,
}

/// How large the chunk after a closed one should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sizing {
    Larger,
    Same,
    Smaller,
}

impl Slot {
    pub(crate) fn lock(&self) -> parking_lot::MutexGuard<'_, SlotState> {
        self.state.lock()
    }
}

impl SlotState {
    pub(crate) fn lane(&mut self, signal: Signal) -> &mut Lane {
        &mut self.lanes[signal.index()]
    }
}

impl Lane {
    /// The open chunk of `scope`.
    #[inline]
    pub(crate) fn chunk(&mut self, scope: &ScopeEnvelope) -> Option<usize> {
        self.open.iter().position(|chunk| chunk.scope.index == scope.index)
    }

    /// Adds the counts of another thread's lane.
    pub(crate) fn absorb(&mut self, other: &Lane) {
        self.accepted += other.accepted;
        self.dropped += other.dropped;
    }

    pub(crate) fn drop_item(&mut self, reason: DropReason, items: u64) {
        self.accepted += items;
        self.dropped.add(reason, items);
    }
}

impl Chunk {
    pub(crate) fn new(scope: Arc<ScopeEnvelope>, buffer: PooledBuffer, max_bytes: usize) -> Self {
        let limit = buffer.size().min(max_bytes);
        Chunk { scope, buffer, limit, items: 0 }
    }

    #[inline]
    pub(crate) fn room(&self) -> usize {
        self.limit.saturating_sub(self.buffer.len())
    }

    pub(crate) fn items(&self) -> u64 {
        self.items
    }

    /// Lets `write` append exactly `len` bytes.
    #[inline]
    pub(crate) fn append(&mut self, items: u64, len: usize, write: impl FnOnce(&mut Vec<u8>)) {
        let before = self.buffer.len();
        write(self.buffer.bytes_mut());
        debug_assert_eq!(self.buffer.len() - before, len, "a record must have the length that was announced");
        self.items += items;
    }

    /// Closes the chunk; the second part is whether the next one should be larger, smaller, or neither.
    pub(crate) fn close(self) -> (Fragment, Sizing) {
        let sizing = match self.buffer.len() {
            len if len * 2 >= self.limit => Sizing::Larger,
            len if len * 8 < self.limit => Sizing::Smaller,
            _ => Sizing::Same,
        };
        let held = self.buffer.size();
        (Fragment { scope: self.scope, entries: self.buffer.freeze(), items: self.items, held }, sizing)
    }
}
