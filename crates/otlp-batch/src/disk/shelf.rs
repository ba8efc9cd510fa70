//! What of one signal is in the log alone.
//!
//! Of what earlier processes left nothing is known but how much it is: a queue of a gigabyte takes no memory here. It
//! gets its sequences, from 1 on, as the log hands it out.

use std::collections::{BTreeMap, BTreeSet};

#[derive(Debug, Default)]
pub(super) struct Shelf {
    recovered_batches: u64,
    recovered_items: u64,
    /// The sequence of the last recovered batch that was looked at.
    identified: u64,
    /// Sequence and items by the sequence in the log.
    known: BTreeMap<u64, (u64, u64)>,
    sequences: BTreeSet<u64>,
    known_items: u64,
}

impl Shelf {
    pub(super) fn recovered(batches: u64, items: u64) -> Self {
        Shelf { recovered_batches: batches, recovered_items: items, ..Shelf::default() }
    }

    pub(super) fn put(&mut self, stored: u64, sequence: u64, items: u64) {
        self.known.insert(stored, (sequence, items));
        self.sequences.insert(sequence);
        self.known_items += items;
    }

    /// The sequence of what stands there in the log; `None` if that is not on the shelf. What stands below `first_own`
    /// was recovered.
    pub(super) fn identify(&mut self, stored: u64, items: u64, first_own: u64) -> Option<u64> {
        if let Some((sequence, _)) = self.known.get(&stored) {
            return Some(*sequence);
        }
        if stored >= first_own || self.recovered_batches == 0 {
            return None;
        }
        self.recovered_batches -= 1;
        self.recovered_items = self.recovered_items.saturating_sub(items);
        self.identified += 1;
        self.put(stored, self.identified, items);
        Some(self.identified)
    }

    /// Removes what was identified; its sequence and items.
    pub(super) fn remove(&mut self, stored: u64) -> Option<(u64, u64)> {
        let (sequence, items) = self.known.remove(&stored)?;
        self.sequences.remove(&sequence);
        self.known_items -= items;
        Some((sequence, items))
    }

    pub(super) fn oldest(&self) -> Option<u64> {
        let recovered = (self.recovered_batches > 0).then_some(self.identified + 1);
        self.sequences.first().copied().into_iter().chain(recovered).min()
    }

    pub(super) fn batches(&self) -> u64 {
        self.recovered_batches + self.known.len() as u64
    }

    pub(super) fn items(&self) -> u64 {
        self.recovered_items + self.known_items
    }

    pub(super) fn is_empty(&self) -> bool {
        self.batches() == 0
    }
}
