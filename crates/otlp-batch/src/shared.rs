//! What all threads share of a pipeline: the slots, the batcher, the destinations, and how a record finds room.
//!
//! Locks are taken in one order: slots, one slot, the batcher, a queue. A chunk is handed to the batcher under its
//! slot's lock, so that at no moment an accepted record is where a flush does not look. Observers are called, and
//! threads wait, only when no lock is held.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU64, Ordering},
};

use otlp_core::{
    Signal,
    data::{Resource, Scope},
};
use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::{
    Batch, DeliveryObserver, DropReason, Fate, Fragment, Ledger, OnFull, Producer, Settled,
    batcher::Batcher,
    chunk::{Chunk, Lane, Sizing, Slot, SlotState},
    config::Settings,
    destination::{Destination, Lane as DestinationLane, tell},
    envelope::{ResourceEnvelope, ScopeEnvelope},
    lagging,
    pool::{BufferPool, PooledBuffer, SMALLEST},
    thread_slots,
};

pub(crate) struct Shared {
    /// Tells the slots of different pipelines apart in a thread's list.
    id: u64,
    settings: Settings,
    pool: Arc<BufferPool>,
    batcher: Batcher,
    destinations: Vec<Destination>,
    observer: Option<Arc<dyn DeliveryObserver>>,
    scopes: Mutex<Vec<Arc<ScopeEnvelope>>>,
    slots: Mutex<Vec<Arc<Slot>>>,
    /// For threads whose thread-local storage is gone already; also part of `slots`.
    last_resort: Arc<Slot>,
    /// What ended threads had recorded.
    retired: Mutex<[Lane; 3]>,
    /// Signalled when a batch was refused for a destination.
    refused: Notify,
    closed: AtomicBool,
    producers: Mutex<Vec<Arc<dyn Producer>>>,
}

/// A record that wants to be appended.
pub(crate) struct Record<'a> {
    pub(crate) signal: Signal,
    pub(crate) scope: &'a Arc<ScopeEnvelope>,
    pub(crate) items: u64,
    pub(crate) len: usize,
}

impl Shared {
    pub(crate) fn new(
        resource: Resource,
        settings: Settings,
        pool: Arc<BufferPool>,
        destinations: Vec<Destination>,
        observer: Option<Arc<dyn DeliveryObserver>>,
    ) -> Self {
        static NEXT_ID: AtomicU64 = AtomicU64::new(0);
        let last_resort = Arc::new(Slot::default());
        // What the queues found has the sequences below.
        let lanes = destinations.iter().flat_map(|destination| Signal::ALL.map(|signal| destination.lane(signal)));
        let found = lanes.map(|lane| lane.found()).max().unwrap_or(0);
        Shared {
            id: NEXT_ID.fetch_add(1, Ordering::Relaxed),
            batcher: Batcher::new(Arc::new(ResourceEnvelope::new(resource)), &settings, found),
            settings,
            pool,
            destinations,
            observer,
            scopes: Mutex::default(),
            slots: Mutex::new(vec![Arc::clone(&last_resort)]),
            last_resort,
            retired: Mutex::default(),
            refused: Notify::new(),
            closed: AtomicBool::new(false),
            producers: Mutex::default(),
        }
    }

    pub(crate) fn resource(&self) -> &Arc<Resource> {
        &self.batcher.resource().resource
    }

    pub(crate) fn max_record_bytes(&self) -> usize {
        self.settings.limits.max_record_bytes
    }

    pub(crate) fn max_queue_size(&self) -> usize {
        self.settings.batch.max_queue_size
    }

    pub(crate) fn destinations(&self) -> &[Destination] {
        &self.destinations
    }

    /// The lanes of all destinations.
    pub(crate) fn lanes(&self) -> impl Iterator<Item = &Arc<DestinationLane>> {
        self.destinations.iter().flat_map(|destination| Signal::ALL.map(|signal| destination.lane(signal)))
    }

    pub(crate) fn scope(&self, scope: &Scope) -> Arc<ScopeEnvelope> {
        let mut scopes = self.scopes.lock();
        if let Some(known) = scopes.iter().find(|known| *known.scope == *scope) {
            return Arc::clone(known);
        }
        let envelope = Arc::new(ScopeEnvelope::new(scopes.len(), scope.clone()));
        scopes.push(Arc::clone(&envelope));
        envelope
    }

    /// Takes a producer in, unless nobody will ask it any more.
    pub(crate) fn register(&self, producer: Arc<dyn Producer>) {
        let mut producers = self.producers.lock();
        if !self.is_closed() {
            producers.push(producer);
        }
    }

    /// Asks every producer for something.
    pub(crate) fn for_each_producer(&self, ask: impl Fn(&dyn Producer)) {
        let producers = self.producers.lock().clone();
        producers.iter().for_each(|producer| ask(&**producer));
    }

    pub(crate) fn append(&self, record: &Record<'_>, write: impl FnOnce(&mut Vec<u8>)) {
        if self.settings.copies && record.len <= self.max_record_bytes() {
            let mut copied = Vec::with_capacity(record.len);
            write(&mut copied);
            return self.append_shared(record, |chunk| chunk.extend_from_slice(&copied));
        }
        self.append_shared(record, write);
    }

    /// Appends a record by writing it where it stays.
    #[inline]
    fn append_shared(&self, record: &Record<'_>, write: impl FnOnce(&mut Vec<u8>)) {
        let mut write = Some(write);
        let refused =
            thread_slots::with_slot(self.id, || self.new_slot(), |slot| self.append_to(slot, record, &mut write));
        let refused = refused.unwrap_or_else(|| self.append_to(&self.last_resort, record, &mut write));
        if let (Some(reason), Some(observer)) = (refused, &self.observer) {
            let fragment = write.filter(|_| observer.reads_records()).map(|write| {
                let mut entries = Vec::with_capacity(record.len);
                write(&mut entries);
                Fragment { scope: Arc::clone(record.scope), entries: entries.into(), items: record.items, held: 0 }
            });
            let Record { signal, items, .. } = *record;
            let (fate, fragments) = (Fate::Dropped(reason, None), fragment.as_slice());
            tell(observer, &Settled { destination: "", signal, fate, items, fragments });
        }
    }

    /// Appends a record to the slot's chunk; why it could not, after having counted that.
    #[inline]
    fn append_to<W: FnOnce(&mut Vec<u8>)>(
        &self,
        slot: &Slot,
        record: &Record<'_>,
        write: &mut Option<W>,
    ) -> Option<DropReason> {
        let mut may_wait = true;
        let mut granted = None;
        loop {
            let mut state = slot.lock();
            let closed = state.closed;
            let lane = state.lane(record.signal);
            let open = lane.chunk(record.scope);
            let reason = match open {
                _ if closed => DropReason::ShutDown,
                _ if record.len > self.settings.limits.max_record_bytes => DropReason::RecordTooLarge,
                Some(index) if lane.open[index].room() >= record.len => {
                    self.write(lane, index, record, write);
                    return None;
                }
                _ => match self.open_chunk(lane, open, record, &mut granted) {
                    Ok(index) => {
                        self.write(lane, index, record, write);
                        return None;
                    }
                    Err(reason) => reason,
                },
            };
            let can_change = matches!(reason, DropReason::QueueFull | DropReason::MemoryFull) && may_wait;
            if !can_change || self.settings.limits.on_full == OnFull::DropNewest {
                lane.drop_item(reason, record.items);
                return Some(reason);
            }
            drop(state);
            may_wait = self.make_room(record, reason, &mut granted);
        }
    }

    #[inline]
    fn write<W: FnOnce(&mut Vec<u8>)>(
        &self,
        lane: &mut Lane,
        index: usize,
        record: &Record<'_>,
        write: &mut Option<W>,
    ) {
        let chunk = &mut lane.open[index];
        if let Some(write) = write.take() {
            chunk.append(record.items, record.len, write);
        }
        lane.accepted += record.items;
        if chunk.items() >= self.settings.batch.closing_items() {
            self.close_chunk(lane, index, record.signal);
        }
    }

    /// Opens a chunk with room for the record, in place of `full` if there is one. In `granted` may be a buffer that was
    /// waited for.
    fn open_chunk(
        &self,
        lane: &mut Lane,
        full: Option<usize>,
        record: &Record<'_>,
        granted: &mut Option<PooledBuffer>,
    ) -> Result<usize, DropReason> {
        if let Some(index) = full {
            self.close_chunk(lane, index, record.signal);
        }
        if self.is_queue_full(record.signal) {
            return Err(DropReason::QueueFull);
        }
        let buffer = granted.take().or_else(|| self.acquire(lane, record)).ok_or(DropReason::MemoryFull)?;
        let max_bytes = self.settings.limits.max_batch_bytes.max(record.len);
        lane.open.push(Chunk::new(Arc::clone(record.scope), buffer, max_bytes));
        Ok(lane.open.len() - 1)
    }

    fn acquire(&self, lane: &Lane, record: &Record<'_>) -> Option<PooledBuffer> {
        if self.pool.has_line() && !thread_slots::is_background() {
            return None;
        }
        let size = lane.next_size.max(SMALLEST);
        let preferred = (size > record.len).then(|| self.pool.acquire(size)).flatten();
        preferred.or_else(|| self.pool.acquire(record.len))
    }

    fn close_chunk(&self, lane: &mut Lane, index: usize, signal: Signal) {
        let (fragment, sizing) = lane.open.swap_remove(index).close();
        let size = lane.next_size.max(SMALLEST);
        lane.next_size = match sizing {
            Sizing::Larger => self.pool.larger(size),
            Sizing::Same => size,
            Sizing::Smaller => self.pool.smaller(size),
        };
        self.batcher.add(signal, fragment, |batch| self.put(batch));
    }

    fn put(&self, batch: Batch) {
        let batch = Arc::new(batch);
        for destination in self.destinations.iter().filter(|destination| destination.takes(batch.signal())) {
            let lane = destination.lane(batch.signal());
            match self.refuses(lane, batch.items()) {
                Some(reason) => {
                    lane.refuse(&batch, reason);
                    self.refused.notify_one();
                }
                None => lane.put(&batch),
            }
        }
    }

    /// Why a batch of `items` items is not for this lane, if it is not.
    fn refuses(&self, lane: &DestinationLane, items: u64) -> Option<DropReason> {
        let drops_newest = self.settings.limits.on_full == OnFull::DropNewest;
        let max = self.settings.batch.max_queue_size as u64;
        drops_newest.then(|| lagging::refuses(lane, items, &self.destinations, max, &self.pool)).flatten()
    }

    fn is_queue_full(&self, signal: Signal) -> bool {
        let max = self.settings.batch.max_queue_size as u64;
        let waiting = match self.settings.limits.on_full {
            OnFull::DropNewest => lagging::least_waiting(&self.destinations, signal),
            OnFull::DropOldest | OnFull::Block => {
                self.destinations.iter().map(|destination| destination.lane(signal).waiting()).max().unwrap_or(0)
            }
        };
        waiting + self.batcher.items(signal) >= max
    }

    /// Completes once batches were refused for a destination, which [`Shared::tell_refused`] tells of.
    pub(crate) async fn refused(&self) {
        self.refused.notified().await;
    }

    /// Tells the observer of what was refused for a destination.
    pub(crate) fn tell_refused(&self) {
        self.lanes().for_each(|lane| lane.tell_refused());
    }

    /// Makes room as [`OnFull`] says; `false` if there is nothing more to try.
    fn make_room(&self, record: &Record<'_>, reason: DropReason, granted: &mut Option<PooledBuffer>) -> bool {
        match self.settings.limits.on_full {
            OnFull::DropNewest => false,
            OnFull::DropOldest => {
                let of_signal = self.destinations.iter().map(|destination| destination.lane(record.signal));
                let drop_oldest = |lane: &Arc<DestinationLane>| lane.drop_oldest(reason);
                of_signal.max_by_key(|lane| lane.waiting()).is_some_and(drop_oldest)
                    // The memory is with another signal.
                    || (reason == DropReason::MemoryFull
                        && self.lanes().max_by_key(|lane| lane.waiting()).is_some_and(drop_oldest))
            }
            OnFull::Block if thread_slots::is_background() => false,
            OnFull::Block => {
                match reason {
                    DropReason::MemoryFull => *granted = self.pool.acquire_in_turn(record.len, || self.is_closed()),
                    _ => self.pool.wait_until_ready(|| self.is_closed() || !self.is_queue_full(record.signal)),
                }
                true
            }
        }
    }

    fn new_slot(&self) -> Arc<Slot> {
        let slot = Arc::new(Slot::default());
        let mut slots = self.slots.lock();
        slot.lock().closed = self.closed.load(Ordering::SeqCst);
        slots.push(Arc::clone(&slot));
        slot
    }

    /// Closes the chunks of all threads and all batches, so that everything accepted so far is in the queues; the
    /// highest sequence there.
    pub(crate) fn sweep(&self) -> u64 {
        self.sweep_of(&Signal::ALL)
    }

    /// As [`Shared::sweep`], of some signals.
    pub(crate) fn sweep_of(&self, signals: &[Signal]) -> u64 {
        self.close_chunks(signals, |_| true);
        self.batcher.close_all(signals, |batch| self.put(batch));
        self.batcher.last_sequence()
    }

    /// Closes the chunks of threads that have ended, to which nothing will be added. Their batches stay open.
    pub(crate) fn retire_threads(&self) {
        self.close_chunks(&Signal::ALL, |slot| slot.orphaned);
    }

    fn close_chunks(&self, signals: &[Signal], of: impl Fn(&SlotState) -> bool) {
        let mut slots = self.slots.lock();
        slots.retain(|slot| {
            let mut state = slot.lock();
            if !of(&state) {
                return true;
            }
            for signal in signals.iter().copied() {
                let lane = state.lane(signal);
                while let Some(last) = lane.open.len().checked_sub(1) {
                    self.close_chunk(lane, last, signal);
                }
            }
            let is_empty = state.lanes.iter().all(|lane| lane.open.is_empty());
            if state.orphaned && is_empty {
                for (retired, lane) in self.retired.lock().iter_mut().zip(&state.lanes) {
                    retired.absorb(lane);
                }
            }
            !(state.orphaned && is_empty)
        });
    }

    /// Takes nothing more in. What was accepted before is in the queues when this returns.
    pub(crate) fn close(&self) -> u64 {
        {
            let slots = self.slots.lock();
            self.closed.store(true, Ordering::SeqCst);
            for slot in slots.iter() {
                slot.lock().closed = true;
            }
        }
        self.pool.wake();
        // Producers hold the intake, and the intake holds them: here the circle ends.
        self.producers.lock().clear();
        self.sweep()
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::SeqCst)
    }

    /// The ledger of each destination.
    pub(crate) fn ledgers(&self) -> Vec<Ledger> {
        // What was settled is read before what was accepted: what is recorded in between is pending, never negative.
        let mut ledgers: Vec<Ledger> = self.destinations.iter().map(Destination::settled).collect();
        let mut intake = <[Lane; 3]>::default();
        let slots = self.slots.lock();
        let mut add = |lanes: &[Lane; 3]| intake.iter_mut().zip(lanes).for_each(|(sum, lane)| sum.absorb(lane));
        add(&self.retired.lock());
        slots.iter().for_each(|slot| add(&slot.lock().lanes));
        drop(slots);
        for (ledger, destination) in ledgers.iter_mut().zip(&self.destinations) {
            for (signal, lane) in Signal::ALL.into_iter().zip(&intake) {
                let (accepted, dropped) =
                    if destination.takes(signal) { (lane.accepted, lane.dropped) } else { Default::default() };
                ledger.signal_mut(signal).complete(accepted, dropped);
            }
        }
        ledgers
    }

    pub(crate) fn pool(&self) -> &BufferPool {
        &self.pool
    }

    /// How many bytes of telemetry are in memory.
    pub(crate) fn memory_in_use(&self) -> usize {
        self.pool.granted()
    }

    /// How many bytes of telemetry may be in memory.
    pub(crate) fn memory_budget(&self) -> usize {
        self.pool.max_bytes()
    }
}
