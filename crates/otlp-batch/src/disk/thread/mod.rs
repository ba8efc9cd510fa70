//! The thread of a disk queue: it alone touches the disk, and never under the lock of the store.
//!
//! In each round it stores what is due, tells the log what has its fate, and loads what is next; so a long backlog holds
//! up neither new batches nor the other signals. When the disk fails, batches stay in memory and it is tried again, each
//! time later. `dropping` makes room where there is none, `loading` brings back what is on the disk alone.

mod dropping;
mod loading;

use std::{io, sync::Arc, time::Instant};

use otlp_core::Signal;

use super::{
    dead_letter::DeadLetters,
    event::DiskEvent,
    health::Health,
    lock::DirectoryLock,
    log::{Log, WriteFailed},
    spool::Spool,
    store::{Jobs, Store},
    stored_batch::BatchReader,
};
use crate::{Batch, DropReason, OnFull};

/// How often everything is tried at the end.
const LAST_TRIES: usize = 3;

/// The owner of the log.
pub(crate) struct DiskThread {
    pub(super) store: Arc<Store>,
    pub(super) log: Log,
    pub(super) dead_letters: Option<DeadLetters>,
    pub(super) lock: Option<DirectoryLock>,
    pub(super) max_bytes: u64,
    pub(super) segment_bytes: u64,
    pub(super) on_full: OnFull,
    pub(super) reader: BatchReader,
    /// By signal, the first sequence in the log that this process has used.
    pub(super) first_own: [u64; 3],
    pub(super) health: Health,
    pub(super) opened: Instant,
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

    /// As [`DiskThread::run`], but as a task, in tokio's time.
    #[cfg(test)]
    pub(crate) async fn run_in_tokio_time(mut self) {
        loop {
            let jobs = self.store.begin().map_err(|(_, next)| next);
            match jobs {
                Ok(jobs) if jobs.close => return self.close(),
                Ok(jobs) => self.round(jobs),
                Err(next) => {
                    // Nothing wakes a task, so it looks now and then.
                    let later = self.store.clock.now() + std::time::Duration::from_secs(2);
                    tokio::time::sleep_until(next.map_or(later, |next| next.min(later)).into()).await;
                }
            }
            tokio::task::yield_now().await;
        }
    }

    /// Does what is to be done now.
    pub(super) fn round(&mut self, jobs: Jobs) {
        self.log.set_open_for(self.store.clock.now().saturating_duration_since(self.opened));
        if jobs.settle {
            self.settle();
            self.note();
        }
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
        self.note();
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
        let len = pieces.iter().map(|piece| piece.len() as u64).sum::<u64>() + dropping::FRAME_OVERHEAD;
        if !self.make_room(len) {
            return Err((Refused::Full, Vec::new()));
        }
        let signal = batch.signal();
        let items = u32::try_from(batch.items()).unwrap_or(u32::MAX);
        let stored = self.log.append(signal, items, self.store.clock.wall(), &pieces);
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
            if self.health.writing.worked() {
                self.store.say(&DiskEvent::Restored);
            }
            return;
        };
        let (again, is_new) = self.health.writing.failed(self.store.clock.now());
        self.store.lock().write_again = Some(again);
        if is_new {
            match &refused {
                Refused::Failed(error) => self.store.say(&DiskEvent::Degraded { error }),
                Refused::Full => self.store.say(&DiskEvent::Full { max_bytes: self.max_bytes }),
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
            if dead_letters.put(batch.signal(), items, self.store.clock.wall(), &pieces).is_err() {
                return;
            }
        }
        let _ = dead_letters.sync();
    }

    /// Tells the log what has its fate, and frees what nobody needs any more.
    fn reclaim(&mut self) {
        self.settle();
        // Should the disk refuse, it is tried again with the next acknowledgement.
        let _ = self.log.reclaim();
        self.store.reclaimed();
    }

    fn settle(&mut self) {
        for (signal, stored) in self.store.take_settled() {
            self.log.settle(signal, stored);
        }
    }

    fn note(&mut self) {
        // Should the disk refuse, it is in the next cursor.
        let _ = self.log.note();
    }

    /// Stores everything, ends the log, and lets go of the directory.
    pub(super) fn close(mut self) {
        for _ in 0..LAST_TRIES {
            self.settle();
            let now = self.store.clock.now();
            let batches = self.store.lock().unstored(Some(now), usize::MAX);
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
                self.store.say(&DiskEvent::Degraded { error: &error });
            }
        }
        let DiskThread { store, log, lock, .. } = self;
        drop(log);
        drop(lock);
        store.closed();
    }
}
