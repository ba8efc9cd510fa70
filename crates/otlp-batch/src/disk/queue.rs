//! The queue of one signal before a destination, over the store that the three share.

use std::sync::{Arc, Weak};

use otlp_core::Signal;

use super::store::Store;
use crate::{Batch, Queue, QueueDepth, QueueListener, queue::Found};

/// A queue that outlives the process.
///
/// Batches are handed out from memory. Those that nobody acknowledged in time are on the disk as well, and those for
/// which memory has no room are there alone, until their turn comes.
pub(crate) struct DiskQueue {
    store: Arc<Store>,
    signal: Signal,
}

impl DiskQueue {
    pub(super) fn new(store: Arc<Store>, signal: Signal) -> Self {
        DiskQueue { store, signal }
    }
}

impl Queue for DiskQueue {
    fn listen(&self, listener: Weak<dyn QueueListener>) {
        self.store.listen(self.signal, listener);
    }

    fn found(&self) -> Found {
        self.store.found(self.signal)
    }

    fn put(&self, batch: Arc<Batch>) {
        let now = self.store.clock.now();
        self.store.change(self.signal, |spool| spool.put(batch, now));
    }

    fn take(&self) -> Option<Arc<Batch>> {
        self.store.change(self.signal, |spool| spool.take(None))
    }

    fn take_above(&self, sequence: u64) -> Option<Arc<Batch>> {
        self.store.change(self.signal, |spool| spool.take(Some(sequence)))
    }

    fn give_back(&self, batch: Arc<Batch>) {
        self.store.change(self.signal, |spool| spool.give_back(batch));
    }

    fn acknowledge(&self, sequence: u64) {
        self.store.settle(self.signal, sequence);
    }

    fn evict_oldest(&self) -> Option<Arc<Batch>> {
        self.store.change(self.signal, |spool| Some(spool.remove(spool.oldest_unstored()?)?.batch))
    }

    fn depth(&self) -> QueueDepth {
        self.store.lock().spools[self.signal.index()].depth()
    }

    fn oldest(&self) -> Option<u64> {
        self.store.lock().spools[self.signal.index()].oldest()
    }

    fn occupancy(&self) -> u64 {
        self.store.occupancy(self.signal)
    }

    fn refused(&self, batch: &Batch) {
        self.store.refused(batch);
    }

    fn check(&self) {
        self.store.check();
    }

    fn is_durable(&self) -> bool {
        true
    }

    fn persist(&self, sequence: u64) {
        self.store.persist(sequence);
    }

    fn is_persisted(&self, sequence: u64) -> bool {
        self.store.is_persisted(self.signal, sequence)
    }

    fn close(&self) {
        self.store.close();
    }

    fn is_closed(&self) -> bool {
        self.store.is_closed()
    }
}

/// A queue without an owner has nobody who would close it.
impl Drop for DiskQueue {
    fn drop(&mut self) {
        self.store.close();
    }
}
