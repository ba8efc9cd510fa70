//! The queue between the batcher and a destination, one per signal.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

use parking_lot::Mutex;

use crate::Batch;

/// Holds batches until a destination acknowledged them.
///
/// An implementor guarantees: batches come out in the order of their sequence; a batch that was taken stays part of the
/// queue until it is acknowledged; no method blocks for longer than a short lock.
pub trait Queue: Send + Sync {
    /// Appends a batch, whose sequence is above all earlier ones.
    fn put(&self, batch: Arc<Batch>);

    /// The oldest batch that nobody has taken; it is in flight from now on.
    fn take(&self) -> Option<Arc<Batch>>;

    /// The batch of this sequence has its fate and leaves.
    fn acknowledge(&self, sequence: u64);

    /// Removes the oldest batch that nobody has taken.
    fn evict_oldest(&self) -> Option<Arc<Batch>>;

    /// What it holds.
    fn depth(&self) -> QueueDepth;

    /// The lowest sequence that is waiting or in flight.
    fn oldest(&self) -> Option<u64>;
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

/// A queue in memory. Its bounds are those of the intake: nothing gets into a chunk for which there is no room here.
#[derive(Debug, Default)]
pub struct MemoryQueue {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    waiting: VecDeque<Arc<Batch>>,
    in_flight: BTreeMap<u64, u64>,
    depth: QueueDepth,
}

impl MemoryQueue {
    /// An empty queue.
    pub fn new() -> Self {
        MemoryQueue::default()
    }
}

impl State {
    fn pop(&mut self) -> Option<Arc<Batch>> {
        let batch = self.waiting.pop_front()?;
        self.depth.waiting_batches -= 1;
        self.depth.waiting_items -= batch.items();
        Some(batch)
    }
}

impl Queue for MemoryQueue {
    fn put(&self, batch: Arc<Batch>) {
        let mut state = self.state.lock();
        state.depth.waiting_batches += 1;
        state.depth.waiting_items += batch.items();
        state.waiting.push_back(batch);
    }

    fn take(&self) -> Option<Arc<Batch>> {
        let mut state = self.state.lock();
        let batch = state.pop()?;
        state.depth.in_flight_batches += 1;
        state.depth.in_flight_items += batch.items();
        state.in_flight.insert(batch.sequence(), batch.items());
        Some(batch)
    }

    fn acknowledge(&self, sequence: u64) {
        let mut state = self.state.lock();
        if let Some(items) = state.in_flight.remove(&sequence) {
            state.depth.in_flight_batches -= 1;
            state.depth.in_flight_items -= items;
        }
    }

    fn evict_oldest(&self) -> Option<Arc<Batch>> {
        self.state.lock().pop()
    }

    fn depth(&self) -> QueueDepth {
        self.state.lock().depth
    }

    fn oldest(&self) -> Option<u64> {
        let state = self.state.lock();
        let waiting = state.waiting.front().map(|batch| batch.sequence());
        let in_flight = state.in_flight.keys().next().copied();
        waiting.into_iter().chain(in_flight).min()
    }
}
