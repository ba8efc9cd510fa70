//! Where each batch of one signal is: in memory, in the log, or both.
//!
//! A batch is *live* while it has been in memory all the time. Stored ones that take too much memory go on the *shelf*:
//! they are in the log alone, as is what an earlier process left, until they are *loaded* again. The queue hands out
//! what is in memory; the disk thread stores, shelves and loads. Nothing in here touches a disk, so no lock is held while
//! one is slow.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Instant,
};

use super::shelf::Shelf;
use crate::{Batch, QueueDepth};

/// One signal.
#[derive(Debug, Default)]
pub(super) struct Spool {
    /// What is in memory, by sequence.
    places: BTreeMap<u64, Place>,
    /// Their sequences by those in the log.
    by_stored: BTreeMap<u64, u64>,
    /// Waiting, and never away from memory.
    live: BTreeSet<u64>,
    /// Waiting, and back from the shelf.
    loaded: BTreeSet<u64>,
    /// In memory alone, in flight or not.
    unstored: BTreeSet<u64>,
    /// In the log, but maybe not on the disk.
    unsynced: BTreeSet<u64>,
    shelf: Shelf,
    /// Of what is in memory.
    depth: QueueDepth,
    occupancy: u64,
    live_stored_bytes: usize,
    loaded_bytes: usize,
    /// Whose turn it was when both could be handed out.
    loaded_was_last: bool,
}

/// A batch in memory.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub(super) batch: Arc<Batch>,
    put_at: Instant,
    /// Its sequence in the log.
    pub(super) stored: Option<u64>,
    /// The sequence in the log of the whole of which this is the rest. It has its fate when the rest has, or is stored.
    pub(super) replaces: Option<u64>,
    is_in_flight: bool,
    is_loaded: bool,
}

impl Place {
    /// What is in the log of it.
    pub(super) fn in_log(&self) -> impl Iterator<Item = u64> {
        self.stored.into_iter().chain(self.replaces)
    }
}

impl Spool {
    /// With what was found in the log.
    pub(super) fn recovered(batches: u64, items: u64) -> Self {
        Spool { shelf: Shelf::recovered(batches, items), ..Spool::default() }
    }

    pub(super) fn put(&mut self, batch: Arc<Batch>, now: Instant) {
        let sequence = batch.sequence();
        let place = Place { batch, put_at: now, stored: None, replaces: None, is_in_flight: false, is_loaded: false };
        self.enter(sequence, place);
    }

    /// Hands out a batch that is in memory: the oldest that was loaded and the oldest live one take turns, so that
    /// neither holds up the other. Only batches above `least` are looked at.
    pub(super) fn take(&mut self, least: Option<u64>) -> Option<Arc<Batch>> {
        let above = |waiting: &BTreeSet<u64>| {
            least.map_or_else(|| waiting.first(), |least| waiting.range(least.saturating_add(1)..).next()).copied()
        };
        let (loaded, live) = (above(&self.loaded), above(&self.live));
        let sequence = match (loaded, live) {
            (Some(_), Some(live)) if self.loaded_was_last => live,
            (Some(one), _) | (None, Some(one)) => one,
            (None, None) => return None,
        };
        self.loaded_was_last = Some(sequence) == loaded;
        let place = self.leave(sequence)?;
        let batch = Arc::clone(&place.batch);
        self.enter(sequence, Place { is_in_flight: true, ..place });
        Some(batch)
    }

    /// Takes back what has no fate yet of a batch that was taken. A rest is stored anew: were the whole found again by
    /// this process, what was delivered of it would be delivered twice.
    pub(super) fn give_back(&mut self, batch: Arc<Batch>) {
        let sequence = batch.sequence();
        let Some(place) = self.leave(sequence) else { return };
        let is_whole = batch.items() == place.batch.items();
        let (stored, replaces) =
            if is_whole { (place.stored, place.replaces) } else { (None, place.stored.or(place.replaces)) };
        self.enter(sequence, Place { batch, stored, replaces, is_in_flight: false, ..place });
    }

    /// The batch has its fate, or waits no longer.
    pub(super) fn remove(&mut self, sequence: u64) -> Option<Place> {
        let place = self.leave(sequence)?;
        self.unsynced.remove(&sequence);
        Some(place)
    }

    /// The oldest that waits in memory alone.
    pub(super) fn oldest_unstored(&self) -> Option<u64> {
        self.unstored.iter().copied().find(|sequence| self.places.get(sequence).is_some_and(|one| !one.is_in_flight))
    }

    pub(super) fn oldest(&self) -> Option<u64> {
        self.places.first_key_value().map(|(sequence, _)| *sequence).into_iter().chain(self.shelf.oldest()).min()
    }

    pub(super) fn depth(&self) -> QueueDepth {
        QueueDepth {
            waiting_batches: self.depth.waiting_batches + usize::try_from(self.shelf.batches()).unwrap_or(usize::MAX),
            waiting_items: self.depth.waiting_items + self.shelf.items(),
            ..self.depth
        }
    }

    /// Items that wait in memory alone.
    pub(super) fn occupancy(&self) -> u64 {
        self.occupancy
    }

    /// When the oldest batch was put that is in memory alone.
    pub(super) fn unstored_since(&self) -> Option<Instant> {
        self.places.get(self.unstored.first()?).map(|place| place.put_at)
    }

    /// Batches in memory alone that were put until `until`, or have a sequence up to `sequence`; the oldest, as many as
    /// `max_bytes` hold and one at least.
    pub(super) fn unstored(&self, until: Option<Instant>, sequence: u64, max_bytes: usize) -> Vec<Arc<Batch>> {
        let mut bytes = 0;
        let places = self.unstored.iter().filter_map(|sequence| self.places.get(sequence));
        places
            .filter(|place| until.is_some_and(|until| place.put_at <= until) || place.batch.sequence() <= sequence)
            .take_while(|place| {
                let is_first = bytes == 0;
                bytes += place.batch.bytes().max(1);
                is_first || bytes <= max_bytes
            })
            .map(|place| Arc::clone(&place.batch))
            .collect()
    }

    /// Whether everything up to `sequence` is in the log, or has its fate.
    pub(super) fn is_stored(&self, sequence: u64) -> bool {
        self.unstored.first().is_none_or(|first| *first > sequence)
    }

    /// Whether a sync has covered everything up to `sequence` that is in the log.
    pub(super) fn is_synced(&self, sequence: u64) -> bool {
        self.unsynced.first().is_none_or(|first| *first > sequence)
    }

    /// The batch is in the log now, or was: what is to be settled there for that.
    pub(super) fn stored(&mut self, batch: &Arc<Batch>, stored: u64, is_synced: bool) -> Option<u64> {
        let sequence = batch.sequence();
        let Some(place) = self.leave(sequence) else { return Some(stored) };
        let settle = place.replaces;
        let is_whole = batch.items() == place.batch.items();
        let (stored, replaces) = if is_whole { (Some(stored), None) } else { (None, Some(stored)) };
        if !is_synced {
            self.unsynced.insert(sequence);
        }
        self.enter(sequence, Place { stored, replaces, ..place });
        settle
    }

    /// Everything that is in the log is on the disk.
    pub(super) fn synced(&mut self) {
        self.unsynced.clear();
    }

    /// What stood there in the log is gone. The batch is in memory alone again; if it was not in memory, its items are
    /// returned.
    pub(super) fn lost(&mut self, stored: u64) -> Option<u64> {
        if let Some(sequence) = self.by_stored.get(&stored).copied() {
            let place = self.leave(sequence)?;
            let keep = |one: Option<u64>| one.filter(|one| *one != stored);
            self.enter(sequence, Place { stored: keep(place.stored), replaces: keep(place.replaces), ..place });
            return None;
        }
        let (sequence, items) = self.shelf.remove(stored)?;
        self.unsynced.remove(&sequence);
        Some(items)
    }

    /// Puts the oldest live batches that are stored on the shelf, until no more than `window` bytes of them are in
    /// memory. While the shelf is empty and memory allows, they stay where they are the next to be handed out.
    pub(super) fn shelve(&mut self, window: usize) -> Vec<u64> {
        let mut shelved = Vec::new();
        if self.live_stored_bytes <= window {
            return shelved;
        }
        for sequence in self.live.iter().copied().collect::<Vec<_>>() {
            if self.live_stored_bytes <= window {
                break;
            }
            let Some(stored) =
                self.places.get(&sequence).filter(|place| place.replaces.is_none()).and_then(|one| one.stored)
            else {
                continue;
            };
            let Some(place) = self.leave(sequence) else { continue };
            if self.shelf.is_empty() && self.loaded_bytes.saturating_add(place.batch.held()) <= window {
                self.enter(sequence, Place { is_loaded: true, ..place });
            } else {
                self.shelf.put(stored, sequence, place.batch.items());
                shelved.push(stored);
            }
        }
        shelved
    }

    /// Whether there is something to load and room for it.
    pub(super) fn wants_load(&self, window: usize) -> bool {
        !self.shelf.is_empty() && (self.loaded.is_empty() || self.loaded_bytes < window)
    }

    /// Whether something that was loaded is still in memory.
    pub(super) fn has_loaded(&self) -> bool {
        self.places.values().any(|place| place.is_loaded)
    }

    /// The sequence of what the log handed out, which stays on the shelf until it is loaded; `None` if it is not there.
    /// Below `first_own` stands what earlier processes stored.
    pub(super) fn identify(&mut self, stored: u64, items: u64, first_own: u64) -> Option<u64> {
        if self.by_stored.contains_key(&stored) {
            return None;
        }
        self.shelf.identify(stored, items, first_own)
    }

    /// What was on the shelf is in memory now.
    pub(super) fn load(&mut self, stored: u64, batch: Arc<Batch>, put_at: Instant) {
        let sequence = batch.sequence();
        if self.shelf.remove(stored).is_some() {
            let place =
                Place { batch, put_at, stored: Some(stored), replaces: None, is_in_flight: false, is_loaded: true };
            self.enter(sequence, place);
        }
    }

    /// Takes what the log handed out off the shelf, to drop it; its items. `None`: it is not there.
    pub(super) fn evict_shelved(&mut self, stored: u64, items: u64, first_own: u64) -> Option<u64> {
        if self.by_stored.contains_key(&stored) {
            return None;
        }
        let sequence = self.shelf.identify(stored, items, first_own)?;
        self.unsynced.remove(&sequence);
        self.shelf.remove(stored).map(|(_, items)| items)
    }

    /// Removes the oldest batch that waits in memory after it was loaded, to drop it.
    pub(super) fn evict_loaded(&mut self) -> Option<Place> {
        let oldest = self.loaded.first().copied()?;
        self.remove(oldest)
    }

    /// Removes what stands there in the log and waits in memory as well, to drop it.
    pub(super) fn evict_stored(&mut self, stored: u64) -> Option<Place> {
        let sequence = self.by_stored.get(&stored).copied()?;
        let is_waiting = self.places.get(&sequence).is_some_and(|place| !place.is_in_flight);
        is_waiting.then(|| self.remove(sequence)).flatten()
    }

    /// Removes the oldest live batch that waits and is in the log, to drop it.
    pub(super) fn evict_live(&mut self) -> Option<Place> {
        let is_stored = |sequence: &u64| self.places.get(sequence).is_some_and(|place| place.in_log().next().is_some());
        let oldest = self.live.iter().copied().find(is_stored)?;
        self.remove(oldest)
    }

    /// How many items wait in the log, in memory as well or not.
    pub(super) fn stored_items(&self) -> u64 {
        self.depth().waiting_items.saturating_sub(self.occupancy)
    }

    fn enter(&mut self, sequence: u64, place: Place) {
        let (items, bytes) = (place.batch.items(), place.batch.held());
        // Nothing is lost with a batch without items, and the log knows no such frames.
        if place.stored.is_none() && items > 0 {
            self.unstored.insert(sequence);
        }
        self.by_stored.extend(place.in_log().map(|stored| (stored, sequence)));
        if place.is_in_flight {
            self.depth.in_flight_batches += 1;
            self.depth.in_flight_items += items;
        } else {
            self.depth.waiting_batches += 1;
            self.depth.waiting_items += items;
            match (place.is_loaded, place.stored) {
                (true, _) => self.loaded_bytes += bytes,
                (false, Some(_)) => self.live_stored_bytes += bytes,
                (false, None) => self.occupancy += items,
            }
            let waiting = if place.is_loaded { &mut self.loaded } else { &mut self.live };
            waiting.insert(sequence);
        }
        self.places.insert(sequence, place);
    }

    fn leave(&mut self, sequence: u64) -> Option<Place> {
        let place = self.places.remove(&sequence)?;
        let (items, bytes) = (place.batch.items(), place.batch.held());
        self.unstored.remove(&sequence);
        for stored in place.in_log() {
            self.by_stored.remove(&stored);
        }
        if place.is_in_flight {
            self.depth.in_flight_batches -= 1;
            self.depth.in_flight_items -= items;
        } else {
            self.depth.waiting_batches -= 1;
            self.depth.waiting_items -= items;
            match (place.is_loaded, place.stored) {
                (true, _) => self.loaded_bytes -= bytes,
                (false, Some(_)) => self.live_stored_bytes -= bytes,
                (false, None) => self.occupancy -= items,
            }
            self.live.remove(&sequence);
            self.loaded.remove(&sequence);
        }
        Some(place)
    }
}
