//! Which batches of one signal are in the files and have no fate yet, in order.

use std::{collections::VecDeque, time::Duration};

use super::{
    format::{FRAME_HEADER_LEN, Settled},
    scan::Found,
};

/// A frame without a fate, or one that waits for those before it to get theirs.
///
/// Kept small: a queue of many small batches has a million of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Entry {
    /// The number of its first item.
    pub(super) sequence: u64,
    pub(super) items: u32,
    /// The number of its segment.
    pub(super) segment: u32,
    pub(super) offset: u32,
    pub(super) payload_len: u32,
    /// The queue time of the put, in seconds.
    pub(super) put_at: u32,
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
    /// Of a frame that stands in this segment.
    pub(super) fn found(segment: u32, found: &Found) -> Self {
        let header = &found.header;
        Entry {
            sequence: header.sequence,
            items: header.items,
            segment,
            offset: found.offset,
            payload_len: header.payload_len,
            put_at: u32::try_from(header.queue_time / 1000).unwrap_or(u32::MAX),
            state: State::Waiting,
        }
    }

    /// The sequence after its last item.
    pub(super) fn end(&self) -> u64 {
        self.sequence.saturating_add(u64::from(self.items))
    }

    /// How many bytes its frame has.
    pub(super) fn frame_len(&self) -> u64 {
        FRAME_HEADER_LEN as u64 + u64::from(self.payload_len)
    }

    /// How long it has been here, in queue time.
    pub(super) fn age(&self, queue_time: Duration) -> Duration {
        queue_time.saturating_sub(Duration::from_secs(u64::from(self.put_at)))
    }
}

/// The entries of one signal, by rising sequence.
#[derive(Debug, Default)]
pub(super) struct Index {
    entries: VecDeque<Entry>,
    /// The sequence of the next item that is put.
    next_sequence: u64,
    /// Nothing below this sequence waits.
    waiting_from: u64,
    waiting_batches: usize,
    waiting_items: u64,
}

impl Index {
    /// Entries found on the disk, none of which was handed out; `next_sequence` lies above all of them.
    pub(super) fn recovered(entries: Vec<Entry>, next_sequence: u64) -> Self {
        let waiting_items = entries.iter().map(|entry| u64::from(entry.items)).sum();
        let waiting_batches = entries.len();
        Index { waiting_batches, waiting_items, entries: entries.into(), next_sequence, waiting_from: 0 }
    }

    pub(super) fn next_sequence(&self) -> u64 {
        self.next_sequence
    }

    pub(super) fn waiting(&self) -> (usize, u64) {
        (self.waiting_batches, self.waiting_items)
    }

    pub(super) fn entries(&self) -> impl DoubleEndedIterator<Item = &Entry> {
        self.entries.iter()
    }

    /// The entry of this sequence, if it has no fate.
    pub(super) fn entry(&self, sequence: u64) -> Option<Entry> {
        self.at(sequence).map(|at| self.entries[at]).filter(|entry| entry.state != State::Settled)
    }

    pub(super) fn push(&mut self, entry: Entry) {
        self.next_sequence = entry.end();
        self.waiting_batches += 1;
        self.waiting_items += u64::from(entry.items);
        self.entries.push_back(entry);
    }

    /// Uses up the sequences of a batch that may or may not stand on the disk, as if it had its fate.
    pub(super) fn skip(&mut self, items: u32) {
        self.next_sequence = self.next_sequence.saturating_add(u64::from(items));
    }

    /// Another place where the same batch stands.
    pub(super) fn replace(&mut self, entry: Entry) {
        if let Some(at) = self.at(entry.sequence) {
            let state = self.entries[at].state;
            self.entries[at] = Entry { state, ..entry };
        }
    }

    /// Moves the entry of this sequence to another state; the entry as it was before. `None`: there is no such entry
    /// without a fate.
    pub(super) fn set(&mut self, sequence: u64, state: State) -> Option<Entry> {
        let at = self.at(sequence)?;
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
                self.waiting_from = self.waiting_from.min(sequence);
            }
            _ => {}
        }
        while self.entries.front().is_some_and(|entry| entry.state == State::Settled) {
            self.entries.pop_front();
        }
        Some(before)
    }

    /// The oldest entry that waits.
    pub(super) fn oldest_waiting(&mut self) -> Option<Entry> {
        let from = self.entries.partition_point(|entry| entry.sequence < self.waiting_from);
        let found = self.entries.range(from..).find(|entry| entry.state == State::Waiting).copied();
        self.waiting_from = found.map_or(self.next_sequence, |entry| entry.sequence);
        found
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

    fn at(&self, sequence: u64) -> Option<usize> {
        self.entries.binary_search_by_key(&sequence, |entry| entry.sequence).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(sequence: u64) -> Entry {
        Entry { sequence, items: 2, segment: 1, offset: 64, payload_len: 9, put_at: 30, state: State::Waiting }
    }

    #[test]
    fn a_million_entries_fit_into_half_of_what_a_recovery_may_hold() {
        assert!(size_of::<Entry>() <= 32);
    }

    #[test]
    fn the_oldest_that_waits_is_found_in_any_order_of_events() {
        let mut index = Index::recovered((0..5).map(|at| entry(at * 2)).collect(), 10);
        let take = |index: &mut Index| {
            let entry = index.oldest_waiting()?;
            index.set(entry.sequence, State::Taken);
            Some(entry.sequence)
        };
        assert_eq!([take(&mut index), take(&mut index), take(&mut index)], [Some(0), Some(2), Some(4)]);
        index.set(2, State::Waiting);
        assert_eq!([take(&mut index), take(&mut index)], [Some(2), Some(6)]);
        index.set(0, State::Settled);
        index.set(0, State::Waiting);
        assert_eq!([take(&mut index), take(&mut index)], [Some(8), None]);
        index.push(entry(10));
        index.set(4, State::Waiting);
        assert_eq!([take(&mut index), take(&mut index), take(&mut index)], [Some(4), Some(10), None]);
    }

    #[test]
    fn age_is_never_negative() {
        assert_eq!(entry(0).age(Duration::from_secs(90)), Duration::from_secs(60));
        assert_eq!(entry(0).age(Duration::from_secs(10)), Duration::ZERO);
    }
}
