//! Each batch once: of the frames of one signal, which stand for it, what has its fate, and what is missing between.

use std::time::Duration;

use otlp_core::Signal;

use super::{format::Cursor, index::Entry, runs::Runs};

/// What was found of one signal.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct RecoveredSignal {
    pub(crate) batches: u64,
    pub(crate) items: u64,
    /// Items that were there once, have no fate, and cannot be found.
    pub(crate) missing_items: u64,
}

/// The frames of one signal, each batch once.
pub(super) struct Once {
    pub(super) entries: Vec<Entry>,
    /// Where a batch stands as well.
    pub(super) copies: Vec<Entry>,
    pub(super) next_sequence: u64,
    /// Items that are missing behind the last frame.
    pub(super) missing_at_end: u64,
}

impl Once {
    /// Of frames that claim the same items the newest is right, since the log gives a sequence to one batch alone.
    pub(super) fn new(mut found: Vec<Entry>, queue_time: Duration) -> Self {
        // Nothing is older than the queue: see the cursor.
        let oldest = u32::try_from(queue_time.as_secs()).unwrap_or(u32::MAX);
        found.iter_mut().for_each(|entry| entry.put_at = entry.put_at.min(oldest));
        let order = |entry: &Entry| (entry.sequence, std::cmp::Reverse(entry.segment), entry.offset);
        if !found.is_sorted_by_key(order) {
            found.sort_unstable_by_key(order);
        }
        let mut copies = Vec::new();
        let mut kept = 0;
        for at in 0..found.len() {
            let entry = found[at];
            let mut is_kept = true;
            while kept > 0 && found[kept - 1].end() > entry.sequence {
                let last = found[kept - 1];
                if last.sequence == entry.sequence && last.items == entry.items {
                    copies.push(entry);
                    is_kept = false;
                    break;
                }
                if last.segment >= entry.segment {
                    is_kept = false;
                    break;
                }
                kept -= 1;
            }
            if is_kept {
                found[kept] = entry;
                kept += 1;
            }
        }
        found.truncate(kept);
        copies.retain(|copy: &Entry| found.binary_search_by_key(&copy.sequence, |entry| entry.sequence).is_ok());
        Once { entries: found, copies, next_sequence: 0, missing_at_end: 0 }
    }

    /// Leaves what has no fate, and counts it and what is missing between.
    pub(super) fn settle(&mut self, signal: Signal, cursor: &Cursor, runs: &Runs) -> RecoveredSignal {
        let settled = cursor.signal(signal);
        let mut counts = RecoveredSignal::default();
        let mut known = (0, None);
        let missing = |from: u64, to: u64| to.saturating_sub(from).saturating_sub(settled.count_within(from, to));
        self.entries.retain(|entry| {
            if runs.are_joined(known.1, entry.segment) {
                counts.missing_items = counts.missing_items.saturating_add(missing(known.0, entry.sequence));
            }
            known = (entry.end(), Some(entry.segment));
            let has_fate = settled.covers(entry.sequence, entry.end());
            if !has_fate {
                counts.batches += 1;
                counts.items = counts.items.saturating_add(u64::from(entry.items));
            }
            !has_fate
        });
        self.copies.retain(|copy| !settled.covers(copy.sequence, copy.end()));
        self.next_sequence = settled.end().max(cursor.stored(signal)).max(known.0);
        // What was not synced when the power went is gone without damage, though what came after it may have its fate.
        self.missing_at_end = missing(known.0, cursor.stored(signal));
        counts.missing_items = counts.missing_items.saturating_add(self.missing_at_end);
        counts
    }
}
