//! The queue that lives and dies with the process.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use parking_lot::Mutex;

use super::{Queue, QueueDepth};
use crate::Batch;

/// A queue in memory. Its bounds are those of the intake: nothing gets into a chunk for which there is no room here.
#[derive(Debug, Default)]
pub struct MemoryQueue {
    state: Mutex<State>,
    /// [`QueueDepth::waiting_items`], kept apart from the lock.
    waiting_items: AtomicU64,
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

    fn change<R>(&self, change: impl FnOnce(&mut State) -> R) -> R {
        let mut state = self.state.lock();
        let result = change(&mut state);
        self.waiting_items.store(state.depth.waiting_items, Ordering::Relaxed);
        result
    }
}

impl State {
    fn insert(&mut self, batch: Arc<Batch>) {
        self.depth.waiting_batches += 1;
        self.depth.waiting_items += batch.items();
        // New batches belong at the end, and those that come back near the front: either is next to an end.
        let place = self.waiting.partition_point(|other| other.sequence() < batch.sequence());
        self.waiting.insert(place, batch);
    }

    fn remove(&mut self, place: usize) -> Option<Arc<Batch>> {
        let batch = self.waiting.remove(place)?;
        self.depth.waiting_batches -= 1;
        self.depth.waiting_items -= batch.items();
        Some(batch)
    }

    fn take(&mut self, place: usize) -> Option<Arc<Batch>> {
        let batch = self.remove(place)?;
        self.depth.in_flight_batches += 1;
        self.depth.in_flight_items += batch.items();
        self.in_flight.insert(batch.sequence(), batch.items());
        Some(batch)
    }

    fn land(&mut self, sequence: u64) {
        if let Some(items) = self.in_flight.remove(&sequence) {
            self.depth.in_flight_batches -= 1;
            self.depth.in_flight_items -= items;
        }
    }
}

impl Queue for MemoryQueue {
    fn put(&self, batch: Arc<Batch>) {
        self.change(|state| state.insert(batch));
    }

    fn take(&self) -> Option<Arc<Batch>> {
        self.change(|state| state.take(0))
    }

    fn take_above(&self, sequence: u64) -> Option<Arc<Batch>> {
        self.change(|state| {
            let place = state.waiting.partition_point(|batch| batch.sequence() <= sequence);
            state.take(place)
        })
    }

    fn give_back(&self, batch: Arc<Batch>) {
        self.change(|state| {
            state.land(batch.sequence());
            state.insert(batch);
        });
    }

    fn acknowledge(&self, sequence: u64) {
        self.change(|state| state.land(sequence));
    }

    fn evict_oldest(&self) -> Option<Arc<Batch>> {
        self.change(|state| state.remove(0))
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

    fn occupancy(&self) -> u64 {
        self.waiting_items.load(Ordering::Relaxed)
    }
}
