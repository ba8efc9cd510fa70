//! The queue between the batcher and a destination, one per signal.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

use parking_lot::Mutex;

use crate::Batch;

/// Holds batches until a destination acknowledged them.
///
/// An implementor guarantees: batches wait in the order of their sequence, also those that were given back; a batch that
/// was taken stays part of the queue until it is acknowledged; no method blocks for longer than a short lock.
pub trait Queue: Send + Sync {
    /// Appends a batch, whose sequence is above all earlier ones.
    fn put(&self, batch: Arc<Batch>);

    /// The oldest batch that nobody has taken; it is in flight from now on.
    fn take(&self) -> Option<Arc<Batch>>;

    /// The oldest batch above `sequence` that nobody has taken, or the oldest of all if there is none; it is in flight
    /// from now on. How a dispatcher goes around a batch that keeps failing.
    fn take_after(&self, sequence: u64) -> Option<Arc<Batch>>;

    /// Takes back what has no fate yet of a batch that was taken. It waits again, at the place of its sequence.
    fn give_back(&self, batch: Arc<Batch>);

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
        self.state.lock().insert(batch);
    }

    fn take(&self) -> Option<Arc<Batch>> {
        self.state.lock().take(0)
    }

    fn take_after(&self, sequence: u64) -> Option<Arc<Batch>> {
        let mut state = self.state.lock();
        let place = state.waiting.partition_point(|batch| batch.sequence() <= sequence);
        let place = if place == state.waiting.len() { 0 } else { place };
        state.take(place)
    }

    fn give_back(&self, batch: Arc<Batch>) {
        let mut state = self.state.lock();
        state.land(batch.sequence());
        state.insert(batch);
    }

    fn acknowledge(&self, sequence: u64) {
        self.state.lock().land(sequence);
    }

    fn evict_oldest(&self) -> Option<Arc<Batch>> {
        self.state.lock().remove(0)
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

#[cfg(test)]
mod tests {
    use super::*;

    fn queue(sequences: std::ops::RangeInclusive<u64>) -> MemoryQueue {
        let queue = MemoryQueue::new();
        sequences.for_each(|sequence| queue.put(Batch::of_items(sequence, 10)));
        queue
    }

    fn sequence(batch: Option<Arc<Batch>>) -> Option<u64> {
        batch.map(|batch| batch.sequence())
    }

    #[test]
    fn what_is_given_back_waits_at_its_place() {
        let queue = queue(1..=3);
        let (first, second) = (queue.take().unwrap(), queue.take().unwrap());
        queue.give_back(second);
        queue.give_back(first);
        let order: Vec<_> = std::iter::from_fn(|| sequence(queue.take())).collect();
        assert_eq!(order, [1, 2, 3]);
    }

    #[test]
    fn what_is_given_back_is_counted_as_waiting_without_the_part_that_has_its_fate() {
        let queue = queue(1..=2);
        queue.take();
        queue.give_back(Batch::of_items(1, 4));
        let expected = QueueDepth { waiting_batches: 2, waiting_items: 14, in_flight_batches: 0, in_flight_items: 0 };
        assert_eq!((queue.depth(), queue.oldest()), (expected, Some(1)));
    }

    #[test]
    fn what_is_given_back_is_the_first_to_be_evicted() {
        let queue = queue(1..=3);
        let first = queue.take().unwrap();
        queue.give_back(first);
        assert_eq!(sequence(queue.evict_oldest()), Some(1));
    }

    #[test]
    fn a_batch_that_keeps_failing_is_gone_around() {
        let queue = queue(1..=3);
        assert_eq!(sequence(queue.take_after(1)), Some(2));
        assert_eq!(sequence(queue.take_after(3)), Some(1), "after the last comes the first");
        assert_eq!(sequence(queue.take_after(7)), Some(3));
        assert_eq!(sequence(queue.take_after(0)), None);
    }
}
