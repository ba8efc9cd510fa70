//! The items of one signal, oldest first, within a cap of items and bytes.

use std::{collections::VecDeque, sync::Arc};

use super::{StoreCapacity, size::ApproximateSize};

pub(super) struct Shelf<T> {
    entries: VecDeque<Entry<T>>,
    capacity: StoreCapacity,
    items: u64,
    bytes: usize,
    evicted: u64,
}

struct Entry<T> {
    item: Arc<T>,
    /// More than one for a metric with several points.
    items: u64,
    bytes: usize,
}

impl<T: ApproximateSize> Shelf<T> {
    pub(super) fn new(capacity: StoreCapacity) -> Self {
        Shelf { entries: VecDeque::new(), capacity, items: 0, bytes: 0, evicted: 0 }
    }

    /// Puts an item that counts as `items`, then evicts the oldest until the caps hold.
    pub(super) fn put(&mut self, item: T, items: u64) {
        let bytes = item.approximate_size();
        self.items += items;
        self.bytes += bytes;
        self.entries.push_back(Entry { item: Arc::new(item), items, bytes });
        while self.items > self.capacity.items || self.bytes > self.capacity.bytes {
            let Some(oldest) = self.entries.pop_front() else { break };
            self.items -= oldest.items;
            self.bytes -= oldest.bytes;
            self.evicted += oldest.items;
        }
    }

    pub(super) fn matching(&self, mut matches: impl FnMut(&T) -> bool) -> Vec<Arc<T>> {
        self.entries.iter().filter(|entry| matches(&entry.item)).map(|entry| entry.item.clone()).collect()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &T> {
        self.entries.iter().map(|entry| &*entry.item)
    }

    pub(super) fn items(&self) -> u64 {
        self.items
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn evicted(&self) -> u64 {
        self.evicted
    }

    pub(super) fn clear(&mut self) {
        *self = Shelf::new(self.capacity);
    }
}
