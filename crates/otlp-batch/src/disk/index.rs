//! Which batches of one signal are in the files and have no fate yet, in order.

use std::collections::VecDeque;

use super::format::Settled;

/// A frame without a fate, or one that waits for those before it to get theirs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Entry {
    /// The number of its first item.
    pub(super) sequence: u64,
    pub(super) items: u32,
    /// The number of its segment.
    pub(super) segment: u64,
    pub(super) offset: u64,
    pub(super) payload_len: u32,
    pub(super) payload_checksum: u32,
    pub(super) put_at: u64,
    pub(super) state: State,
}

/// How far an entry has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    Waiting,
    /// Handed out.
    Taken,
    Settled,
}

impl Entry {
    /// The sequence after its last item.
    pub(super) fn end(&self) -> u64 {
        self.sequence + u64::from(self.items)
    }
}

/// The entries of one signal, by rising sequence.
#[derive(Debug, Default)]
pub(super) struct Index {
    entries: VecDeque<Entry>,
    /// The sequence of the next item that is put.
    next_sequence: u64,
    waiting_batches: usize,
    waiting_items: u64,
}

impl Index {
    /// Entries found on the disk, none of which was handed out; `next_sequence` lies above all of them.
    pub(super) fn recovered(entries: Vec<Entry>, next_sequence: u64) -> Self {
        let waiting_items = entries.iter().map(|entry| u64::from(entry.items)).sum();
        Index { waiting_batches: entries.len(), waiting_items, entries: entries.into(), next_sequence }
    }

    pub(super) fn next_sequence(&self) -> u64 {
        self.next_sequence
    }

    pub(super) fn waiting(&self) -> (usize, u64) {
        (self.waiting_batches, self.waiting_items)
    }

    pub(super) fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter()
    }

    pub(super) fn push(&mut self, entry: Entry) {
        self.next_sequence = entry.end();
        self.waiting_batches += 1;
        self.waiting_items += u64::from(entry.items);
        self.entries.push_back(entry);
    }

    /// Moves the entry of this sequence to another state; the entry as it was before. `None`: there is no such entry
    /// without a fate.
    pub(super) fn set(&mut self, sequence: u64, state: State) -> Option<Entry> {
        let at = self.entries.binary_search_by_key(&sequence, |entry| entry.sequence).ok()?;
        let before = self.entries[at];
        if before.state == State::Settled {
            return None;
        }
        self.entries[at].state = state;
        let items = u64::from(before.items);
        match (before.state, state) {
            (State::Waiting, State::Taken | State::Settled) => {
                self.waiting_batches -= 1;
                self.waiting_items -= items;
            }
            (State::Taken, State::Waiting) => {
                self.waiting_batches += 1;
                self.waiting_items += items;
            }
            _ => {}
        }
        while self.entries.front().is_some_and(|entry| entry.state == State::Settled) {
            self.entries.pop_front();
        }
        Some(before)
    }

    /// The oldest entry that waits.
    pub(super) fn oldest_waiting(&self) -> Option<Entry> {
        self.entries.iter().find(|entry| entry.state == State::Waiting).copied()
    }

    /// What the cursor says of this signal.
    pub(super) fn settled(&self) -> Settled {
        let mut settled = Settled::below(self.entries.front().map_or(self.next_sequence, |entry| entry.sequence));
        let mut end_of_last = None;
        for entry in &self.entries {
            // Between two entries there is nothing but what is settled, or was never written.
            if let Some(end) = end_of_last
                && end < entry.sequence
            {
                settled.push(end, entry.sequence);
            }
            if entry.state == State::Settled {
                settled.push(entry.sequence, entry.end());
            }
            end_of_last = Some(entry.end());
        }
        if let Some(end) = end_of_last
            && end < self.next_sequence
        {
            settled.push(end, self.next_sequence);
        }
        settled
    }
}
