//! What the queues of one destination and its disk thread share: where each batch is, and what is to be done.
//!
//! A batch is *fresh* while it is in memory alone, and *stored* from then on; a stored batch is *loaded* while a copy of
//! it is in memory. The queues hand out what is in memory and note what has its fate; the disk thread stores, loads and
//! forgets. Nothing in here touches a disk, so no lock is held while one is slow.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Instant,
};

use otlp_core::Signal;

use crate::{Batch, QueueDepth};

/// One signal.
#[derive(Debug, Default)]
pub(super) struct Lane {
    batches: BTreeMap<u64, Place>,
    /// Waiting, and in memory alone.
    fresh: BTreeSet<u64>,
    /// Waiting, and stored.
    backlog: BTreeSet<u64>,
    depth: QueueDepth,
    /// Whose turn it was when both could be handed out.
    backlog_was_last: bool,
}

/// Where a batch is.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) items: u64,
    pub(super) bytes: usize,
    /// Its copy in memory.
    pub(super) batch: Option<Arc<Batch>>,
    /// Its sequence in the log.
    pub(super) stored: Option<u64>,
    is_in_flight: bool,
    put_at: Instant,
}

impl Lane {
    pub(super) fn put(&mut self, batch: Arc<Batch>, now: Instant) {
        let (sequence, items, bytes) = (batch.sequence(), batch.items(), batch.bytes());
        let place = Place { items, bytes, batch: Some(batch), stored: None, is_in_flight: false, put_at: now };
        self.enter(sequence, place);
    }

    /// A batch that an earlier process stored.
    pub(super) fn recover(&mut self, sequence: u64, stored: u64, items: u64, bytes: usize, now: Instant) {
        let place = Place { items, bytes, batch: None, stored: Some(stored), is_in_flight: false, put_at: now };
        self.enter(sequence, place);
    }

    /// Hands out a batch that is in memory: the oldest of the backlog and the oldest fresh one take turns, so that
    /// neither holds up the other. Only batches above `after` are looked at, unless there are none.
    pub(super) fn take(&mut self, after: Option<u64>) -> Option<Arc<Batch>> {
        let (backlog, fresh) = (self.first(&self.backlog, after), self.first(&self.fresh, after));
        let sequence = match (backlog, fresh) {
            (Some(backlog), Some(fresh)) if self.backlog_was_last => fresh,
            (Some(one), _) | (None, Some(one)) => one,
            (None, None) => return None,
        };
        self.backlog_was_last = Some(sequence) == backlog;
        let mut place = self.leave(sequence)?;
        place.is_in_flight = true;
        let batch = place.batch.clone();
        self.enter(sequence, place);
        batch
    }

    /// Takes back what has no fate yet of a batch that was taken. On the disk it stays whole: what was delivered of it
    /// would be delivered again after a crash.
    pub(super) fn give_back(&mut self, batch: Arc<Batch>) {
        let sequence = batch.sequence();
        if let Some(place) = self.leave(sequence) {
            let (items, bytes) = (batch.items(), batch.bytes());
            self.enter(sequence, Place { items, bytes, batch: Some(batch), is_in_flight: false, ..place });
        }
    }

    /// The batch has its fate, or waits no longer: it is no more part of the lane.
    pub(super) fn remove(&mut self, sequence: u64) -> Option<Place> {
        self.leave(sequence)
    }

    /// The oldest batch that nobody has taken.
    pub(super) fn oldest_waiting(&self) -> Option<u64> {
        self.backlog.first().into_iter().chain(self.fresh.first()).min().copied()
    }

    pub(super) fn oldest(&self) -> Option<u64> {
        self.batches.first_key_value().map(|(sequence, _)| *sequence)
    }

    pub(super) fn depth(&self) -> QueueDepth {
        self.depth
    }

    /// Everything that is in memory alone, in flight or not, in order.
    pub(super) fn unstored(&self) -> Vec<Arc<Batch>> {
        let unstored = self.batches.values().filter(|place| place.stored.is_none());
        unstored.filter_map(|place| place.batch.clone()).collect()
    }

    /// When the oldest of these was put.
    pub(super) fn oldest_unstored(&self) -> Option<Instant> {
        self.batches.values().filter(|place| place.stored.is_none()).map(|place| place.put_at).min()
    }

    /// The batch is in the log now. `false`: it has its fate already, and its place there is free.
    pub(super) fn stored(&mut self, sequence: u64, stored: u64) -> bool {
        let Some(place) = self.leave(sequence) else { return false };
        self.enter(sequence, Place { stored: Some(stored), ..place });
        true
    }

    /// What stood there in the log is lost. The batch is in memory alone again; if it was not there, it is returned.
    pub(super) fn lost(&mut self, stored: u64) -> Option<Place> {
        let found = self.batches.iter().rev().find(|(_, place)| place.stored == Some(stored));
        let sequence = *found?.0;
        let place = self.leave(sequence)?;
        if place.batch.is_none() {
            return Some(place);
        }
        self.enter(sequence, Place { stored: None, ..place });
        None
    }

    /// What of the backlog is to be loaded: of the oldest, as many as `window` bytes hold and one at least, those that
    /// are not in memory; with their sequences in the log.
    pub(super) fn wanted(&self, window: usize) -> Vec<(u64, u64)> {
        let places = self.window(window).filter_map(|sequence| Some((sequence, self.batches.get(&sequence)?)));
        places
            .filter(|(_, place)| place.batch.is_none())
            .filter_map(|(one, place)| Some((one, place.stored?)))
            .collect()
    }

    /// Forgets the copies in memory of stored batches that wait behind the window. `just_stored` are those that may have
    /// one.
    pub(super) fn forget(&mut self, just_stored: &[u64], window: usize) {
        let last = self.window(window).last();
        for sequence in just_stored.iter().filter(|sequence| last.is_none_or(|last| **sequence > last)) {
            if let Some(place) = self.batches.get_mut(sequence)
                && !place.is_in_flight
                && place.stored.is_some()
            {
                place.batch = None;
            }
        }
    }

    /// The oldest of the backlog, as many as `window` bytes hold and one at least.
    fn window(&self, window: usize) -> impl Iterator<Item = u64> {
        let mut bytes = 0usize;
        self.backlog.iter().copied().take_while(move |sequence| {
            let is_first = bytes == 0;
            bytes = bytes.saturating_add(self.batches.get(sequence).map_or(0, |place| place.bytes.max(1)));
            is_first || bytes <= window
        })
    }

    /// Puts a copy of a stored batch into memory.
    pub(super) fn loaded(&mut self, batch: Arc<Batch>) {
        if let Some(place) = self.batches.get_mut(&batch.sequence()) {
            place.batch = Some(batch);
        }
    }

    /// The first of `waiting`, or the first above `after` if there is one; only if it is in memory.
    fn first(&self, waiting: &BTreeSet<u64>, after: Option<u64>) -> Option<u64> {
        let above = after.and_then(|after| waiting.range(after.saturating_add(1)..).next());
        let first = above.or_else(|| waiting.first())?;
        self.batches.get(first)?.batch.is_some().then_some(*first)
    }

    fn enter(&mut self, sequence: u64, place: Place) {
        if place.is_in_flight {
            self.depth.in_flight_batches += 1;
            self.depth.in_flight_items += place.items;
        } else {
            self.depth.waiting_batches += 1;
            self.depth.waiting_items += place.items;
            let waiting = if place.stored.is_some() { &mut self.backlog } else { &mut self.fresh };
            waiting.insert(sequence);
        }
        self.batches.insert(sequence, place);
    }

    fn leave(&mut self, sequence: u64) -> Option<Place> {
        let place = self.batches.remove(&sequence)?;
        if place.is_in_flight {
            self.depth.in_flight_batches -= 1;
            self.depth.in_flight_items -= place.items;
        } else {
            self.depth.waiting_batches -= 1;
            self.depth.waiting_items -= place.items;
            self.fresh.remove(&sequence);
            self.backlog.remove(&sequence);
        }
        Some(place)
    }
}
