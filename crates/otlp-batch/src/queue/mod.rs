//! The queue between the batcher and a destination, one per signal.

#[cfg(test)]
mod conformance;
mod memory;

use std::sync::{Arc, Weak};

pub use self::memory::MemoryQueue;
use crate::{Batch, DropReason};

/// Holds batches until a destination acknowledged them.
///
/// An implementor guarantees: batches wait in the order of their sequence, also those that were given back, but that
/// what an outage left behind and what is new may take turns; a batch that was taken stays part of the queue until it is
/// acknowledged; no method blocks for longer than a short lock.
pub trait Queue: Send + Sync {
    /// Names who hears of what the queue does by itself. Called once, before anything else.
    fn listen(&self, _listener: Weak<dyn QueueListener>) {}

    /// What it found when it was opened. The batches have the sequences from 1 on.
    fn found(&self) -> Found {
        Found::default()
    }

    /// Appends a batch, whose sequence is above all earlier ones.
    fn put(&self, batch: Arc<Batch>);

    /// The oldest batch that nobody has taken; it is in flight from now on. `None` also if the next one is not in memory
    /// yet: the listener hears when it is.
    fn take(&self) -> Option<Arc<Batch>>;

    /// The oldest batch above `sequence` that nobody has taken; it is in flight from now on. How a dispatcher goes around
    /// a batch that keeps failing, and past a backlog.
    fn take_above(&self, sequence: u64) -> Option<Arc<Batch>>;

    /// Takes back what has no fate yet of a batch that was taken. It waits again, at the place of its sequence.
    fn give_back(&self, batch: Arc<Batch>);

    /// The batch of this sequence has its fate and leaves.
    fn acknowledge(&self, sequence: u64);

    /// Removes the oldest batch that nobody has taken and that is nowhere but in memory.
    fn evict_oldest(&self) -> Option<Arc<Batch>>;

    /// What it holds.
    fn depth(&self) -> QueueDepth;

    /// The lowest sequence that is waiting or in flight.
    fn oldest(&self) -> Option<u64>;

    /// Items that nobody has taken and that are nowhere but in memory: what the limit of the queue is about. Read at the
    /// call site, so it takes no lock.
    fn occupancy(&self) -> u64;

    /// A receiver refused this batch, or this part of one, for good. It has its fate; a queue that can keeps a copy for a
    /// person to look at.
    fn refused(&self, _batch: &Batch) {}

    /// Called about once a second: a queue whose medium hangs can say so.
    fn check(&self) {}

    /// Whether what it holds outlives the process.
    fn is_durable(&self) -> bool {
        false
    }

    /// Asks that everything up to `sequence` be made durable soon. The listener hears when that is so.
    fn persist(&self, _sequence: u64) {}

    /// Whether everything up to `sequence` is durable or has its fate.
    fn is_persisted(&self, sequence: u64) -> bool {
        self.oldest().is_none_or(|oldest| oldest > sequence)
    }

    /// Asks that everything be made durable, and ends. Nothing is taken or put any more. The listener hears when it is
    /// done; what [`Queue::evict_oldest`] returns then could not be kept.
    fn close(&self) {}

    /// Whether it has ended.
    fn is_closed(&self) -> bool {
        true
    }
}

/// Hears of what a queue does by itself, on a thread of the queue.
pub trait QueueListener: Send + Sync {
    /// There is a batch to take.
    fn arrived(&self);

    /// Items were dropped: with their batch if that was in memory, and with the sequence of nothing that is still there.
    fn dropped(&self, reason: DropReason, items: u64, batch: Option<&Batch>);

    /// What [`Queue::is_persisted`], [`Queue::is_closed`] or [`Queue::occupancy`] say has changed.
    fn changed(&self);
}

/// What a queue found when it was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Found {
    /// Batches that wait.
    pub batches: u64,
    /// Their items.
    pub items: u64,
    /// Items that were there once, have no fate, and cannot be read.
    pub missing_items: u64,
}

/// What a queue holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct QueueDepth {
    /// Batches that nobody has taken.
    pub waiting_batches: usize,
    /// Their items.
    pub waiting_items: u64,
    /// Batches that were taken and not acknowledged.
    pub in_flight_batches: usize,
    /// Their items.
    pub in_flight_items: u64,
}
