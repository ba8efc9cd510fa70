//! What the queues of one destination and its disk thread share, and when that thread has something to do.
//!
//! The lock is held for moments only: whoever records, and the background thread, never wait for the disk.

use std::{
    sync::{
        Arc, Weak,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use otlp_core::Signal;
use parking_lot::{Condvar, Mutex, MutexGuard};

use super::{
    clock::DiskClock,
    config::Durability,
    event::{DiskEvent, DiskQueueOwner, OnDiskEvent},
    spool::Spool,
};
use crate::{Batch, QueueListener, pool::BufferPool, queue::Found};

/// How many bytes of batches are written at a time, so that reading gets its turn.
const ROUND: usize = 16 << 20;

/// How often the cursor is written, and files are freed.
const RECLAIM: Duration = Duration::from_secs(1);

/// How often it is looked for batches that are too old, at least.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// The limits of a store.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    pub(super) durability: Durability,
    /// Of each signal, how many bytes may be in memory that are in the log as well: of what is new, and of what was
    /// loaded.
    pub(super) window: usize,
    /// Above this many items of one signal in memory alone, memory is short.
    pub(super) max_items: u64,
    pub(super) max_age: Option<Duration>,
    /// Whether a copy is kept of what a receiver refused for good.
    pub(super) keeps_refused: bool,
    /// How long a disk may take for what is asked of it until somebody hears of it.
    pub(super) patience: Duration,
}

/// Shared by three queues and a thread.
pub(super) struct Store {
    pub(super) limits: Limits,
    pub(super) pool: Arc<BufferPool>,
    pub(super) clock: Arc<dyn DiskClock>,
    owner: DiskQueueOwner,
    on_event: Option<OnDiskEvent>,
    found: [Found; 3],
    /// By [`Signal::index`]; kept apart from the lock.
    occupancies: [AtomicU64; 3],
    state: Mutex<State>,
    work: Condvar,
}

#[derive(Default)]
pub(super) struct State {
    pub(super) spools: [Spool; 3],
    listeners: [Option<Weak<dyn QueueListener>>; 3],
    /// What has its fate and is still in the log.
    settled: Vec<(Signal, u64)>,
    /// The log knows of something that has its fate since files were freed last.
    is_unreclaimed: bool,
    /// Since when the thread is busy.
    busy_since: Option<Instant>,
    /// Somebody has heard that it is for long.
    is_stalled: bool,
    /// What a receiver refused for good, and is to be kept for a person to look at.
    refused: Vec<Batch>,
    /// Everything up to this sequence is to be durable soon.
    persist: u64,
    /// No disk is asked to write before.
    pub(super) write_again: Option<Instant>,
    /// No disk is asked to read before.
    pub(super) read_again: Option<Instant>,
    reclaimed: Option<Instant>,
    expired: Option<Instant>,
    is_closing: bool,
    is_closed: bool,
}

/// What the disk thread is to do now.
#[derive(Debug, Default)]
pub(super) struct Jobs {
    pub(super) store: Vec<Arc<Batch>>,
    /// Something waits for a sync.
    pub(super) sync: bool,
    pub(super) is_memory_short: bool,
    pub(super) load: bool,
    /// The log is to hear of what has its fate.
    pub(super) settle: bool,
    pub(super) reclaim: bool,
    /// Batches that were refused are to be kept.
    pub(super) refused: bool,
    /// The oldest batches are older than they may be.
    pub(super) expire: Option<Duration>,
    pub(super) close: bool,
}

impl Store {
    pub(super) fn new(
        limits: Limits,
        pool: Arc<BufferPool>,
        found: [Found; 3],
        clock: Arc<dyn DiskClock>,
        owner: DiskQueueOwner,
        on_event: Option<OnDiskEvent>,
    ) -> Arc<Self> {
        let spools = found.map(|found| Spool::recovered(found.batches, found.items));
        Arc::new(Store {
            limits,
            pool,
            clock,
            owner,
            on_event,
            found,
            occupancies: Default::default(),
            state: Mutex::new(State { spools, ..State::default() }),
            work: Condvar::new(),
        })
    }

    pub(super) fn found(&self, signal: Signal) -> Found {
        self.found[signal.index()]
    }

    pub(super) fn occupancy(&self, signal: Signal) -> u64 {
        self.occupancies[signal.index()].load(Ordering::Relaxed)
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }

    /// Changes the spool of a signal; wakes the thread if that makes work that it does not expect.
    pub(super) fn change<R>(&self, signal: Signal, change: impl FnOnce(&mut Spool) -> R) -> R {
        let mut state = self.state.lock();
        let expected = state.expectation(signal, &self.limits);
        let result = change(&mut state.spools[signal.index()]);
        self.update(&state, signal);
        let is_surprised = state.expectation(signal, &self.limits) != expected || self.is_memory_short(&state);
        drop(state);
        if is_surprised {
            self.work.notify_one();
        }
        result
    }

    /// The batch of this sequence has its fate.
    pub(super) fn settle(&self, signal: Signal, sequence: u64) {
        let mut state = self.state.lock();
        let Some(place) = state.spools[signal.index()].remove(sequence) else { return };
        let is_first = state.settled.is_empty();
        state.settled.extend(place.in_log().map(|stored| (signal, stored)));
        self.update(&state, signal);
        let is_surprise = is_first && !state.settled.is_empty();
        drop(state);
        if is_surprise {
            self.work.notify_one();
        }
    }

    /// A receiver refused this for good. More than a window of them, which a slow disk does not keep up with, are let go:
    /// the memory that they hold is wanted for others.
    pub(super) fn refused(&self, batch: &Batch) {
        if !self.limits.keeps_refused {
            return;
        }
        let mut state = self.state.lock();
        let waiting: usize = state.refused.iter().map(Batch::bytes).sum();
        if state.refused.is_empty() || waiting + batch.bytes() <= self.limits.window {
            state.refused.push(batch.clone());
            self.work.notify_one();
        }
    }

    /// Hands over what is to be kept.
    pub(super) fn take_refused(&self) -> Vec<Batch> {
        std::mem::take(&mut self.state.lock().refused)
    }

    pub(super) fn listen(&self, signal: Signal, listener: Weak<dyn QueueListener>) {
        self.state.lock().listeners[signal.index()] = Some(listener);
        self.work.notify_one();
    }

    pub(super) fn persist(&self, sequence: u64) {
        let mut state = self.state.lock();
        state.persist = state.persist.max(sequence);
        // Whoever asks wants to know now whether the disk works.
        state.write_again = None;
        drop(state);
        self.work.notify_one();
    }

    pub(super) fn is_persisted(&self, signal: Signal, sequence: u64) -> bool {
        let state = self.state.lock();
        let spool = &state.spools[signal.index()];
        spool.is_stored(sequence) && spool.is_synced(sequence)
    }

    pub(super) fn close(&self) {
        self.state.lock().is_closing = true;
        self.work.notify_one();
    }

    pub(super) fn is_closed(&self) -> bool {
        self.state.lock().is_closed
    }

    /// The thread has ended, and holds nothing any more.
    pub(super) fn closed(&self) {
        self.state.lock().is_closed = true;
        self.changed();
    }

    /// Waits until there is something to do.
    pub(super) fn wait(&self) -> Jobs {
        loop {
            match self.begin() {
                Ok(jobs) => return jobs,
                Err((mut state, None)) => self.work.wait(&mut state),
                Err((mut state, Some(until))) => drop(self.work.wait_until(&mut state, until)),
            }
        }
    }

    /// What is to be done now, or when there may be something, with the lock under which that is so. Nothing is done before
    /// everybody listens.
    pub(super) fn begin(&self) -> Result<Jobs, (MutexGuard<'_, State>, Option<Instant>)> {
        let mut state = self.state.lock();
        state.busy_since = None;
        if std::mem::take(&mut state.is_stalled) {
            drop(state);
            self.say(&DiskEvent::Restored);
            state = self.state.lock();
        }
        if !state.is_closing && !state.listeners.iter().all(Option::is_some) {
            return Err((state, None));
        }
        let now = self.clock.now();
        match self.jobs(&state, now) {
            Ok(jobs) => {
                state.busy_since = Some(now);
                Ok(jobs)
            }
            Err(next) => Err((state, next)),
        }
    }

    /// Says once that the disk has not answered for long. The thread itself waits for it, so somebody else has to look.
    pub(super) fn check(&self) {
        let mut state = self.state.lock();
        let Some(since) = state.busy_since else { return };
        let waited = self.clock.now().saturating_duration_since(since);
        if waited < self.limits.patience || std::mem::replace(&mut state.is_stalled, true) {
            return;
        }
        drop(state);
        self.say(&DiskEvent::Stalled { waited });
    }

    /// Lets whoever wants to know hear of it; not under the lock.
    pub(super) fn say(&self, event: &DiskEvent<'_>) {
        if let Some(on_event) = &self.on_event {
            on_event(&self.owner, event);
        }
    }

    /// Hands over what has its fate, for the log to hear of.
    pub(super) fn take_settled(&self) -> Vec<(Signal, u64)> {
        let mut state = self.state.lock();
        state.is_unreclaimed |= !state.settled.is_empty();
        std::mem::take(&mut state.settled)
    }

    /// What is to be done now, or when there may be something.
    fn jobs(&self, state: &State, now: Instant) -> Result<Jobs, Option<Instant>> {
        let mut jobs = Jobs { close: state.is_closing, ..Jobs::default() };
        let mut next: Option<Instant> = None;
        let mut later = |at: Instant| next = Some(next.map_or(at, |next| next.min(at)));
        jobs.is_memory_short = self.is_memory_short(state);
        let until = if jobs.is_memory_short { Some(now) } else { self.store_until(state, now, &mut later) };
        let is_wanted = |spool: &Spool| !spool.is_stored(state.persist);
        if until.is_some() || state.spools.iter().any(is_wanted) {
            match state.write_again {
                Some(at) if at > now => later(at),
                _ => jobs.store = state.unstored(until, ROUND),
            }
        }
        if !state.spools.iter().all(|spool| spool.is_synced(state.persist)) {
            match state.write_again {
                Some(at) if at > now => later(at),
                _ => jobs.sync = true,
            }
        }
        if state.spools.iter().any(|spool| spool.wants_load(self.limits.window)) {
            match state.read_again {
                Some(at) if at > now => later(at),
                _ => jobs.load = true,
            }
        }
        jobs.settle = !state.settled.is_empty();
        if jobs.settle || state.is_unreclaimed {
            match state.reclaimed.map(|at| at + RECLAIM) {
                Some(at) if at > now => later(at),
                _ => jobs.reclaim = true,
            }
        }
        if let Some(max_age) = self.limits.max_age
            && state.spools.iter().any(|spool| spool.stored_items() > 0)
        {
            let pause = (max_age / 8).min(LONGEST_PAUSE);
            match state.expired.map(|at| at + pause) {
                Some(at) if at > now => later(at),
                _ => jobs.expire = Some(max_age),
            }
        }
        jobs.refused = !state.refused.is_empty();
        let has_work = jobs.refused
            || jobs.expire.is_some()
            || !jobs.store.is_empty()
            || jobs.sync
            || jobs.load
            || jobs.settle
            || jobs.reclaim
            || jobs.close;
        if has_work { Ok(jobs) } else { Err(next) }
    }

    /// Until when what is in memory alone must have been put to be stored now.
    fn store_until(&self, state: &State, now: Instant, later: &mut impl FnMut(Instant)) -> Option<Instant> {
        let oldest = state.spools.iter().filter_map(Spool::unstored_since).min()?;
        match self.limits.durability {
            Durability::Always => Some(now),
            Durability::Interval(interval) if oldest + interval <= now => {
                // Whatever is half as old goes along, so that there are two syncs in an interval at most.
                Some(now.checked_sub(interval / 2).unwrap_or(oldest))
            }
            Durability::Interval(interval) => {
                later(oldest + interval);
                None
            }
            Durability::None => None,
        }
    }

    /// Whether batches are to go to the disk to make room for new ones.
    fn is_memory_short(&self, state: &State) -> bool {
        self.pool.granted() > self.pool.unreserved() / 2
            || state.spools.iter().any(|spool| spool.occupancy() > self.limits.max_items / 2)
    }

    pub(super) fn reclaimed(&self) {
        let mut state = self.state.lock();
        state.reclaimed = Some(self.clock.now());
        state.is_unreclaimed = false;
    }

    pub(super) fn expired(&self) {
        self.state.lock().expired = Some(self.clock.now());
    }

    /// After a change under the lock.
    pub(super) fn update(&self, state: &State, signal: Signal) {
        self.occupancies[signal.index()].store(state.spools[signal.index()].occupancy(), Ordering::Relaxed);
    }

    /// Tells the listener of a signal; not under the lock.
    pub(super) fn tell(&self, signal: Signal, tell: impl FnOnce(&dyn QueueListener)) {
        let listener = self.state.lock().listeners[signal.index()].clone();
        if let Some(listener) = listener.and_then(|listener| listener.upgrade()) {
            tell(&*listener);
        }
    }

    /// Lets everybody who waits for a change look again.
    pub(super) fn changed(&self) {
        for signal in Signal::ALL {
            self.tell(signal, |listener| listener.changed());
        }
    }
}

impl State {
    /// The oldest batches of each signal that are in memory alone and were put until `until`, or are to be durable.
    pub(super) fn unstored(&self, until: Option<Instant>, max_bytes: usize) -> Vec<Arc<Batch>> {
        self.spools.iter().flat_map(|spool| spool.unstored(until, self.persist, max_bytes / 3)).collect()
    }

    /// By what the thread plans its next look at a signal.
    fn expectation(&self, signal: Signal, limits: &Limits) -> (Option<Instant>, bool, bool) {
        let spool = &self.spools[signal.index()];
        let timed = if matches!(limits.durability, Durability::None) { None } else { spool.unstored_since() };
        (timed, spool.wants_load(limits.window), spool.is_stored(self.persist))
    }
}
