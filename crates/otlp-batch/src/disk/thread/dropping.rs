//! What is dropped: the oldest, when the log has as many bytes as it may have, and what is older than it may be.

use std::time::Duration;

use otlp_core::Signal;

use super::DiskThread;
use crate::{
    DropReason, OnFull,
    disk::{
        log::Stored,
        spool::{Place, Spool},
    },
};

/// What a frame has beside the records, at most a little more.
pub(super) const FRAME_OVERHEAD: u64 = 256;

impl DiskThread {
    /// Makes sure that `len` bytes more are within the limit; `false` if they are not.
    pub(super) fn make_room(&mut self, len: u64) -> bool {
        // What is moved stands twice for a moment.
        let max_bytes = self.max_bytes.saturating_sub(self.segment_bytes / 2);
        if self.log.bytes() + len <= max_bytes {
            return true;
        }
        self.reclaim();
        // Files are freed as wholes. What others have in them is moved before more is dropped: who has little loses nothing
        // to who has much.
        while self.log.bytes() + len > max_bytes {
            let is_dropping = self.on_full == OnFull::DropOldest;
            let is_freed = self.move_rest() || (is_dropping && self.drop_oldest_stored());
            if !is_freed {
                return false;
            }
            self.reclaim();
        }
        true
    }

    /// Moves what is left of a segment in which little is left; `false` if there is none, or the disk refuses.
    fn move_rest(&mut self) -> bool {
        let now = self.store.clock.wall();
        self.log.move_rest(now).unwrap_or_else(|failed| {
            self.lost(&failed.lost, &mut Vec::new());
            false
        })
    }

    /// Drops about a segment of the oldest batches of the signal that has most bytes in the log, or of the next if none of
    /// its batches can be dropped; `false` if none at all can.
    fn drop_oldest_stored(&mut self) -> bool {
        let mut signals = Signal::ALL;
        signals.sort_by_key(|signal| std::cmp::Reverse(self.log.waiting_bytes(*signal)));
        signals.into_iter().any(|signal| self.drop_oldest_of(signal))
    }

    fn drop_oldest_of(&mut self, signal: Signal) -> bool {
        let mut dropped = 0;
        while dropped < self.segment_bytes {
            // In this order: what was loaded is older than what is on the shelf, and that is older than what is new.
            let reason = DropReason::DiskFull;
            let Some(bytes) = self
                .drop_in_memory(signal, reason, Spool::evict_loaded)
                .or_else(|| self.drop_shelved(signal, reason, None))
                .or_else(|| self.drop_in_memory(signal, reason, Spool::evict_live))
            else {
                break;
            };
            dropped += bytes;
        }
        dropped > 0
    }

    fn drop_in_memory(
        &mut self,
        signal: Signal,
        reason: DropReason,
        evict: impl FnOnce(&mut Spool) -> Option<Place>,
    ) -> Option<u64> {
        let place = self.store.change(signal, evict)?;
        place.in_log().for_each(|stored| self.log.settle(signal, stored));
        let batch = &place.batch;
        self.store.tell(signal, |listener| listener.dropped(reason, batch.items(), Some(batch)));
        Some(batch.bytes() as u64 + FRAME_OVERHEAD)
    }

    /// Drops the oldest on the shelf, if it is older than `min_age`; about how many bytes it had.
    fn drop_shelved(&mut self, signal: Signal, reason: DropReason, min_age: Option<Duration>) -> Option<u64> {
        loop {
            let stored = self.log.take(signal)?;
            if min_age.is_some_and(|min_age| stored.age <= min_age) {
                self.log.give_back(signal, stored.sequence);
                return None;
            }
            if let Some(items) = self.evict(&stored) {
                self.log.settle(signal, stored.sequence);
                self.store.tell(signal, |listener| listener.dropped(reason, items, None));
                return Some(stored.bytes as u64 + FRAME_OVERHEAD);
            }
        }
    }

    /// Drops what is older than it may be and not in flight.
    pub(super) fn expire(&mut self, max_age: Duration) {
        self.settle();
        let reason = DropReason::Expired;
        for signal in Signal::ALL {
            while self.drop_shelved(signal, reason, Some(max_age)).is_some() {}
        }
        for (signal, stored) in self.log.expired(max_age) {
            self.drop_in_memory(signal, reason, |spool| spool.evict_stored(stored));
        }
        self.store.expired();
    }

    /// Takes what the log handed out off the shelf, to drop it; its items. `None`: it is not there.
    pub(super) fn evict(&mut self, stored: &Stored) -> Option<u64> {
        let first_own = self.first_own[stored.signal.index()];
        let (sequence, items) = (stored.sequence, u64::from(stored.items));
        self.store.change(stored.signal, |spool| spool.evict_shelved(sequence, items, first_own))
    }
}
