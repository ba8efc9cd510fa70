//! The batcher: closed chunks of all threads become batches.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use otlp_core::Signal;
use parking_lot::Mutex;

use crate::{Batch, Fragment, config::Settings, envelope::ResourceEnvelope};

/// Collects the chunks of each signal until they are a batch.
pub(crate) struct Batcher {
    resource: Arc<ResourceEnvelope>,
    max_items: u64,
    max_bytes: usize,
    copies: bool,
    /// By [`Signal::index`].
    building: [Mutex<Building>; 3],
    next_sequence: AtomicU64,
}

#[derive(Default)]
struct Building {
    fragments: Vec<Fragment>,
    items: u64,
    bytes: usize,
}

impl Batcher {
    /// The sequences of batches begin above `last_sequence`.
    pub(crate) fn new(resource: Arc<ResourceEnvelope>, settings: &Settings, last_sequence: u64) -> Self {
        Batcher {
            resource,
            max_items: settings.batch.closing_items(),
            max_bytes: settings.limits.max_batch_bytes,
            copies: settings.copies,
            building: Default::default(),
            next_sequence: AtomicU64::new(last_sequence + 1),
        }
    }

    pub(crate) fn resource(&self) -> &Arc<ResourceEnvelope> {
        &self.resource
    }

    /// The highest sequence given to a batch so far.
    pub(crate) fn last_sequence(&self) -> u64 {
        self.next_sequence.load(Ordering::Relaxed) - 1
    }

    /// Takes in a closed chunk; hands each batch that is complete to `put`, in order.
    pub(crate) fn add(&self, signal: Signal, fragment: Fragment, put: impl Fn(Batch)) {
        let mut building = self.building[signal.index()].lock();
        let (items, bytes) = (building.items + fragment.items, building.bytes + fragment.entries.len());
        if !building.fragments.is_empty() && (items > self.max_items || bytes > self.max_bytes) {
            put(self.close(signal, &mut building));
        }
        building.items += fragment.items;
        building.bytes += fragment.entries.len();
        building.fragments.push(fragment);
        if building.items >= self.max_items || building.bytes >= self.max_bytes {
            put(self.close(signal, &mut building));
        }
    }

    /// Closes what there is of some signals, complete or not.
    pub(crate) fn close_all(&self, signals: &[Signal], put: impl Fn(Batch)) {
        for signal in signals.iter().copied() {
            let mut building = self.building[signal.index()].lock();
            if !building.fragments.is_empty() {
                put(self.close(signal, &mut building));
            }
        }
    }

    /// Items that are not part of a batch yet.
    pub(crate) fn items(&self, signal: Signal) -> u64 {
        self.building[signal.index()].lock().items
    }

    /// Under the lock of `building`, so that sequences rise in the order in which batches are put.
    fn close(&self, signal: Signal, building: &mut Building) -> Batch {
        let building = std::mem::take(building);
        let sequence = self.next_sequence.fetch_add(1, Ordering::Relaxed);
        Batch::new(signal, sequence, Arc::clone(&self.resource), building.fragments).copying(self.copies)
    }
}
