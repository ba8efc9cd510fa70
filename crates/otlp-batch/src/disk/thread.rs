//! The thread of a disk queue: it alone touches the disk, and never under the lock of the store.
//!
//! In each round it stores what is due, tells the log what has its fate, and loads what is next; so a long backlog holds
//! up neither new batches nor the other signals. When the disk fails, batches stay in memory and it is tried again, each
//! time later.

use std::{
    io,
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use bytes::Bytes;
use otlp_core::Signal;

use super::{
    dead_letter::DeadLetters,
    event::{DiskEvent, OnDiskEvent},
    lock::DirectoryLock,
    log::{Log, ReadError, Stored, WriteFailed},
    spool::{Place, Spool},
    store::{Jobs, Store},
    stored_batch::BatchReader,
};
use crate::{Batch, DropReason, OnFull, pool::PooledBuffer};

/// The first wait after a failure; each further one is twice as long.
const FIRST_WAIT: Duration = Duration::from_millis(100);
const LONGEST_WAIT: Duration = Duration::from_secs(10);

/// How soon to look again whether memory has room for what is to be loaded.
const MEMORY_WAIT: Duration = Duration::from_millis(20);

/// How often everything is tried at the end.
const LAST_TRIES: usize = 3;

/// What a frame has beside the records, at most a little more.
const FRAME_OVERHEAD: u64 = 256;

/// The owner of the log.
pub(super) struct DiskThread {
    pub(super) store: Arc<Store>,
    pub(super) log: Log,
    pub(super) dead_letters: Option<DeadLetters>,
    pub(super) lock: Option<DirectoryLock>,
    pub(super) destination: String,
    pub(super) on_event: Option<OnDiskEvent>,
    pub(super) max_bytes: u64,
    pub(super) segment_bytes: u64,
    pub(super) on_full: OnFull,
    pub(super) reader: BatchReader,
    /// By signal, the first sequence in the log that this process has used.
    pub(super) first_own: [u64; 3],
    pub(super) health: Health,
    pub(super) opened: Instant,
}

/// Whether the disk took the last thing.
#[derive(Debug, Default)]
pub(super) struct Health {
    cannot_write: bool,
    cannot_read: bool,
    wait: Duration,
}

/// A batch that was appended.
struct Written {
    batch: Arc<Batch>,
    stored: u64,
}

/// Why not everything was stored.
enum Refused {
    Failed(io::Error),
    Full,
}

impl DiskThread {
    /// Works until the store is closed.
    pub(super) fn run(mut self) {
        loop {
            let jobs = self.store.wait();
            if jobs.close {
                return self.close();
            }
            self.round(jobs);
        }
    }

    fn round(&mut self, jobs: Jobs) {
        self.log.set_open_for(self.opened.elapsed());
        if !jobs.store.is_empty() || jobs.sync {
            self.store_batches(jobs.store, jobs.sync, jobs.is_memory_short);
        }
        if jobs.reclaim {
            self.reclaim();
        }
        if jobs.refused {
            self.keep_refused();
        }
        if let Some(max_age) = jobs.expire {
            self.expire(max_age);
        }
        if jobs.load {
            self.load();
        }
    }

    /// Writes batches, and syncs if they are to be durable.
    fn store_batches(&mut self, batches: Vec<Arc<Batch>>, wants_sync: bool, is_memory_short: bool) {
        let mut is_synced = wants_sync || self.store.limits.durability != super::Durability::None;
        let mut written: Vec<Written> = Vec::with_capacity(batches.len());
        let mut refused = None;
        for batch in batches {
            match self.append(&batch) {
                Ok(stored) => written.push(Written { batch, stored }),
                Err((reason, lost)) => {
                    self.lost(&lost, &mut written);
                    refused = Some(reason);
                    break;
                }
            }
        }
        // Also after a failure: what was written before it may still be kept.
        if is_synced && let Err(WriteFailed { error, lost }) = self.log.sync() {
            self.lost(&lost, &mut written);
            refused = Some(Refused::Failed(error));
            is_synced = false;
        }
        self.enter(&written, is_synced, is_memory_short);
        self.judge(refused);
        self.store.changed();
    }

    fn append(&mut self, batch: &Batch) -> Result<u64, (Refused, Vec<(Signal, u64)>)> {
        let request = batch.to_request();
        let pieces: Vec<&[u8]> = request.segments().iter().map(|segment| &segment[..]).collect();
        let len = pieces.iter().map(|piece| piece.len() as u64).sum::<u64>() + FRAME_OVERHEAD;
        if !self.make_room(len) {
            return Err((Refused::Full, Vec::new()));
        }
        let signal = batch.signal();
        let items = u32::try_from(batch.items()).unwrap_or(u32::MAX);
        let stored = self.log.append(signal, items, wall_time(), &pieces);
        let stored = stored.map_err(|failed| (Refused::Failed(failed.error), failed.lost))?;
        let first_own = &mut self.first_own[signal.index()];
        *first_own = stored.min(*first_own);
        Ok(stored)
    }

    /// Tells the spools what is in the log now.
    fn enter(&mut self, written: &[Written], is_synced: bool, is_memory_short: bool) {
        let window = if is_memory_short { 0 } else { self.store.limits.window };
        let mut settle = Vec::new();
        let mut shelve = Vec::new();
        let mut state = self.store.lock();
        for Written { batch, stored } in written {
            let signal = batch.signal();
            let unneeded = state.spools[signal.index()].stored(batch, *stored, is_synced);
            settle.extend(unneeded.map(|stored| (signal, stored)));
        }
        for signal in Signal::ALL {
            let spool = &mut state.spools[signal.index()];
            if is_synced {
                spool.synced();
            }
            shelve.extend(spool.shelve(window).into_iter().map(|stored| (signal, stored)));
            self.store.update(&state, signal);
        }
        drop(state);
        for (signal, stored) in settle {
            self.log.settle(signal, stored);
        }
        for (signal, stored) in shelve {
            self.log.give_back(signal, stored);
        }
    }

    /// What was written is gone. Who still has it in memory writes it again.
    fn lost(&mut self, lost: &[(Signal, u64)], written: &mut Vec<Written>) {
        for (signal, stored) in lost {
            let before = written.len();
            written.retain(|one| one.batch.signal() != *signal || one.stored != *stored);
            if written.len() < before {
                continue;
            }
            let items = self.store.change(*signal, |spool| spool.lost(*stored));
            if let Some(items) = items {
                self.store.tell(*signal, |listener| listener.dropped(DropReason::DiskFailed, items, None));
            }
        }
    }

    /// Plans the next write by how this one went, and says what has changed.
    fn judge(&mut self, refused: Option<Refused>) {
        let Some(refused) = refused else {
            self.health.wait = Duration::ZERO;
            if std::mem::take(&mut self.health.cannot_write) {
                self.say(&DiskEvent::Restored);
            }
            return;
        };
        self.store.lock().write_again = Some(self.next_try());
        if !std::mem::replace(&mut self.health.cannot_write, true) {
            match &refused {
                Refused::Failed(error) => self.say(&DiskEvent::Degraded { error }),
                Refused::Full => self.say(&DiskEvent::Full { max_bytes: self.max_bytes }),
            }
        }
    }

    /// Keeps a copy of what was refused. It has its fate in the ledger, so when the disk refuses it as well that changes
    /// nothing for anybody, and it is not tried again.
    fn keep_refused(&mut self) {
        let refused = self.store.take_refused();
        let Some(dead_letters) = &mut self.dead_letters else { return };
        for batch in refused {
            let request = batch.to_request();
            let pieces: Vec<&[u8]> = request.segments().iter().map(|segment| &segment[..]).collect();
            let items = u32::try_from(batch.items()).unwrap_or(u32::MAX);
            if dead_letters.put(batch.signal(), items, wall_time(), &pieces).is_err() {
                return;
            }
        }
        let _ = dead_letters.sync();
    }

    fn next_try(&mut self) -> Instant {
        self.health.wait = (self.health.wait * 2).clamp(FIRST_WAIT, LONGEST_WAIT);
        Instant::now() + self.health.wait
    }

    /// Tells the log what has its fate, and frees what nobody needs any more.
    fn reclaim(&mut self) {
        self.settle();
        // Should the disk refuse, it is tried again with the next acknowledgement.
        let _ = self.log.reclaim();
        self.store.reclaimed();
    }

    fn settle(&mut self) {
        let settled = std::mem::take(&mut self.store.lock().settled);
        for (signal, stored) in settled {
            self.log.settle(signal, stored);
        }
    }

    /// Makes sure that `len` bytes more are within the limit; `false` if they are not.
    fn make_room(&mut self, len: u64) -> bool {
        if self.log.bytes() + len <= self.max_bytes {
            return true;
        }
        self.reclaim();
        // Files are freed as wholes, so about as much is dropped as one has.
        while self.log.bytes() + len > self.max_bytes {
            if self.on_full != OnFull::DropOldest || !self.drop_oldest_stored() {
                return false;
            }
            self.reclaim();
        }
        true
    }

    /// Drops about a segment of the oldest batches of the signal of which most waits; `false` if nothing waits.
    fn drop_oldest_stored(&mut self) -> bool {
        let items = self.store.lock().spools.each_ref().map(Spool::stored_items);
        let Some(signal) = Signal::ALL.into_iter().max_by_key(|signal| items[signal.index()]) else { return false };
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
    fn expire(&mut self, max_age: Duration) {
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
    fn evict(&mut self, stored: &Stored) -> Option<u64> {
        let first_own = self.first_own[stored.signal.index()];
        let (sequence, items) = (stored.sequence, u64::from(stored.items));
        self.store.change(stored.signal, |spool| spool.evict_shelved(sequence, items, first_own))
    }

    /// Brings what is next of each signal into memory.
    fn load(&mut self) {
        // Before the log hands anything out, so that it does not hand out what has its fate.
        self.settle();
        for signal in Signal::ALL {
            while self.store.lock().spools[signal.index()].wants_load(self.store.limits.window) {
                if let Err(again) = self.load_next(signal) {
                    self.store.lock().read_again = Some(again);
                    break;
                }
            }
        }
    }

    /// Loads the next batch of a signal, if it is not in memory all the same. An error is when to try again.
    fn load_next(&mut self, signal: Signal) -> Result<(), Instant> {
        // What is on the shelf is in the log. Were it not, looking again at once would help nobody.
        let Some(stored) = self.log.take(signal) else { return Err(Instant::now() + LONGEST_WAIT) };
        let first_own = self.first_own[signal.index()];
        let (at, items) = (stored.sequence, u64::from(stored.items));
        let sequence = self.store.change(signal, |spool| spool.identify(at, items, first_own));
        // It may be in memory all the same; when it leaves that, the log gets it back.
        let Some(sequence) = sequence else { return Ok(()) };
        let batch = match self.read(&stored, sequence) {
            Ok(batch) => {
                if std::mem::take(&mut self.health.cannot_read) {
                    self.say(&DiskEvent::Restored);
                }
                batch
            }
            Err(Unread::Damaged) => {
                self.evict(&stored);
                self.log.settle(signal, at);
                self.store.tell(signal, |listener| listener.dropped(DropReason::DiskDamaged, items, None));
                self.say(&DiskEvent::Damaged { signal, items });
                return Ok(());
            }
            Err(Unread::NoMemory) => {
                self.log.give_back(signal, at);
                return Err(Instant::now() + MEMORY_WAIT);
            }
            Err(Unread::Failed(error)) => {
                self.log.give_back(signal, at);
                let again = self.next_try();
                if !std::mem::replace(&mut self.health.cannot_read, true) {
                    self.say(&DiskEvent::Degraded { error: &error });
                }
                return Err(again);
            }
        };
        self.store.change(signal, |spool| spool.load(at, Arc::new(batch), Instant::now()));
        self.store.tell(signal, |listener| listener.arrived());
        Ok(())
    }

    fn read(&mut self, stored: &Stored, sequence: u64) -> Result<Batch, Unread> {
        let mut buffer = self.buffer(stored)?;
        self.log.read(stored.signal, stored.sequence, buffer.bytes_mut())?;
        let held = buffer.size();
        let request: Bytes = buffer.freeze();
        let batch = self.reader.read(stored.signal, sequence, &request).map_err(|_| Unread::Damaged)?;
        Ok(batch.with_items(u64::from(stored.items)).in_buffer_of(held))
    }

    /// Memory for what is to be read. If nothing that was loaded is in memory any more, there is always some: otherwise
    /// a batch that is larger than the budget would be stuck for ever.
    fn buffer(&mut self, stored: &Stored) -> Result<PooledBuffer, Unread> {
        let bytes = stored.bytes;
        let pool = &self.store.pool;
        if let Some(buffer) = pool.acquire_reserved(bytes) {
            return Ok(buffer);
        }
        let is_stuck = !self.store.lock().spools.iter().any(Spool::has_loaded);
        is_stuck.then(|| pool.acquire_beyond(bytes)).flatten().ok_or(Unread::NoMemory)
    }

    /// Stores everything, ends the log, and lets go of the directory.
    fn close(mut self) {
        for _ in 0..LAST_TRIES {
            self.settle();
            let batches = self.store.lock().unstored(Some(Instant::now()), usize::MAX);
            if batches.is_empty() {
                break;
            }
            self.store_batches(batches, true, false);
        }
        self.settle();
        self.keep_refused();
        match self.log.close() {
            Ok(()) => self.store.lock().spools.iter_mut().for_each(Spool::synced),
            Err(WriteFailed { error, lost }) => {
                self.lost(&lost, &mut Vec::new());
                self.say(&DiskEvent::Degraded { error: &error });
            }
        }
        let DiskThread { store, log, lock, .. } = self;
        drop(log);
        drop(lock);
        store.closed();
    }

    fn say(&self, event: &DiskEvent<'_>) {
        if let Some(on_event) = &self.on_event {
            on_event(&self.destination, event);
        }
    }
}

/// Why a batch was not read.
enum Unread {
    Damaged,
    NoMemory,
    Failed(io::Error),
}

impl From<ReadError> for Unread {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Damaged => Unread::Damaged,
            ReadError::Io(error) => Unread::Failed(error),
        }
    }
}

/// Nanoseconds since 1970.
fn wall_time() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}
