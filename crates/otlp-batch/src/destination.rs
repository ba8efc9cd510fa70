//! A destination: one queue and one set of counters per signal, in front of one exporter.

use std::{
    mem,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Weak},
};

use otlp_core::{ExportError, Signal};
use otlp_reliability::{Bulkhead, Control, Controlled};
use parking_lot::Mutex;
use tokio::{
    sync::Notify,
    time::{Instant, timeout},
};

use crate::{
    Batch, BatchExporter, CatchUp, ConfigError, DeliveryObserver, DropReason, Fate, Fragment, Ledger, MemoryBudget,
    Queue, QueueDepth, QueueListener, Settled, Turn, ledger::Counters, pool::BufferPool, suspects::Suspects,
};

/// Where batches go, all signals.
pub(crate) struct Destination {
    pub(crate) name: String,
    pub(crate) exporter: Arc<dyn BatchExporter>,
    lanes: [Arc<Lane>; 3],
    /// Of the signals, those that it is there for; by [`Signal::index`].
    taken: [bool; 3],
}

/// One signal's way to one destination. Signals do not wait for each other: each has a queue and deliveries of its own.
pub(crate) struct Lane {
    destination: String,
    signal: Signal,
    queue: Box<dyn Queue>,
    /// How many batches may be in flight.
    pub(crate) in_flight: Bulkhead,
    suspects: Suspects,
    pub(crate) catch_up: CatchUp,
    pub(crate) counters: Counters,
    /// Signalled when a batch arrived or came back.
    pub(crate) arrived: Notify,
    /// Signalled when a batch left, or was made durable.
    pub(crate) left: Notify,
    /// What was refused, as long as the observer has not heard of it.
    refused: Mutex<Vec<(Arc<Batch>, DropReason)>>,
    pool: Arc<BufferPool>,
    observer: Option<Arc<dyn DeliveryObserver>>,
}

impl Destination {
    pub(crate) fn new(
        exporter: Arc<dyn BatchExporter>,
        pool: &Arc<BufferPool>,
        observer: Option<&Arc<dyn DeliveryObserver>>,
        mut parts: impl FnMut(Signal) -> Result<(Box<dyn Queue>, Bulkhead, CatchUp), ConfigError>,
    ) -> Result<Self, ConfigError> {
        let name = exporter.name();
        let mut lane = |signal| {
            let (queue, in_flight, catch_up) = parts(signal)?;
            let lane = Arc::new(Lane {
                destination: name.clone(),
                signal,
                queue,
                in_flight,
                suspects: Suspects::default(),
                catch_up,
                counters: Counters::default(),
                arrived: Notify::new(),
                left: Notify::new(),
                refused: Mutex::default(),
                pool: Arc::clone(pool),
                observer: observer.cloned(),
            });
            let listener: Weak<Lane> = Arc::downgrade(&lane);
            lane.queue.listen(listener);
            let found = lane.queue.found();
            lane.counters.recovered(found.items + found.missing_items);
            if found.missing_items > 0 {
                lane.dropped(DropReason::DiskDamaged, found.missing_items, None);
            }
            Ok(lane)
        };
        let lanes = [lane(Signal::Traces)?, lane(Signal::Metrics)?, lane(Signal::Logs)?];
        Ok(Destination { name, exporter, lanes, taken: [true; 3] })
    }

    /// Limits it to some signals.
    pub(crate) fn taking(self, taken: [bool; 3]) -> Self {
        Destination { taken, ..self }
    }

    /// Whether it gets what is recorded of this signal.
    pub(crate) fn takes(&self, signal: Signal) -> bool {
        self.taken[signal.index()]
    }

    pub(crate) fn lane(&self, signal: Signal) -> &Arc<Lane> {
        &self.lanes[signal.index()]
    }

    /// The limit of each signal, under the signal's name.
    pub(crate) fn policies(&self) -> impl Iterator<Item = (Signal, Arc<dyn Control>)> {
        let control = |signal| self.lane(signal).in_flight.control().map(|control| (signal, control));
        Signal::ALL.into_iter().filter_map(control)
    }

    /// A ledger of what was settled here; what the intake counted is still missing.
    pub(crate) fn settled(&self) -> Ledger {
        let mut ledger = Ledger { destination: self.name.clone(), ..Ledger::default() };
        for signal in Signal::ALL {
            self.lane(signal).counters.add_to(ledger.signal_mut(signal));
        }
        ledger
    }
}

impl Lane {
    pub(crate) fn signal(&self) -> Signal {
        self.signal
    }

    /// The budget of whatever is in memory because of a batch.
    pub(crate) fn memory(&self) -> MemoryBudget {
        MemoryBudget::new(Arc::clone(&self.pool))
    }

    /// The highest sequence of what the queue found.
    pub(crate) fn found(&self) -> u64 {
        self.queue.found().batches
    }

    pub(crate) fn put(&self, batch: &Arc<Batch>) {
        self.catch_up.put(batch.sequence(), batch.items(), Instant::now());
        self.queue.put(Arc::clone(batch));
        self.arrived.notify_one();
    }

    /// Goes without a batch. It is counted at once; whoever holds a lock cannot tell the observer, which
    /// [`Lane::tell_refused`] does.
    pub(crate) fn refuse(&self, batch: &Arc<Batch>, reason: DropReason) {
        self.counters.dropped(reason, batch.items());
        if self.observer.is_some() {
            self.refused.lock().push((Arc::clone(batch), reason));
        }
    }

    /// Tells the observer of what was refused.
    pub(crate) fn tell_refused(&self) {
        let refused = mem::take(&mut *self.refused.lock());
        for (batch, reason) in refused {
            self.tell(Fate::Dropped(reason, None), batch.items(), batch.fragments());
        }
    }

    /// The next batch to be tried: the oldest, unless the destination has to catch up.
    pub(crate) fn take(&self) -> Option<Arc<Batch>> {
        let now = Instant::now();
        let batch = match self.catch_up.turn(now) {
            Turn::Oldest => self.take_oldest(),
            Turn::NewFirst(backlog) => self.queue.take_above(backlog).or_else(|| self.take_oldest()),
            Turn::NewOnly(backlog) => self.queue.take_above(backlog),
        };
        if let Some(batch) = &batch {
            self.catch_up.went(batch.sequence(), batch.items(), now);
            self.pool.wake();
        }
        batch
    }

    /// The oldest, unless it has just failed where another could have been delivered.
    fn take_oldest(&self) -> Option<Arc<Batch>> {
        let other = self.suspects.last().and_then(|failed| self.queue.take_above(failed));
        other.or_else(|| self.queue.take())
    }

    /// Holds nothing back until then.
    pub(crate) fn hurry(&self, until: Instant) {
        self.catch_up.hurry(until);
        self.arrived.notify_one();
    }

    /// Completes when there may be another batch to take.
    pub(crate) async fn another(&self) {
        let arrived = self.arrived.notified();
        match self.catch_up.wait(Instant::now()) {
            // Whether one arrived or the wait is over: the next look tells.
            Some(wait) => drop(timeout(wait, arrived).await),
            None => arrived.await,
        }
    }

    /// Takes back what has no fate yet of a batch that was put off ([`Exported::PutOff`](crate::Exported::PutOff)).
    pub(crate) fn give_back(&self, batch: Arc<Batch>, error: Option<&ExportError>, was_up: bool) {
        if error.is_some() && self.suspects.failed(batch.sequence(), was_up) {
            self.settle(&batch, Fate::Dropped(DropReason::RetriesExhausted, error));
            self.acknowledge(batch.sequence());
            return;
        }
        self.queue.give_back(batch);
        self.arrived.notify_one();
    }

    /// Takes back what a delivery leaves that is not to go on.
    pub(crate) fn keep(&self, batch: Arc<Batch>) {
        self.queue.give_back(batch);
    }

    /// Drops the oldest waiting batch that is in memory alone; `false` if there is none.
    pub(crate) fn drop_oldest(&self, reason: DropReason) -> bool {
        let Some(batch) = self.queue.evict_oldest() else { return false };
        self.pool.wake();
        self.suspects.forget(batch.sequence());
        self.settle(&batch, Fate::Dropped(reason, None));
        self.left.notify_waiters();
        true
    }

    /// The batch and all parts that it was split into have their fates.
    pub(crate) fn acknowledge(&self, sequence: u64) {
        self.queue.acknowledge(sequence);
        self.suspects.forget(sequence);
        self.catch_up.settled(|| self.queue.oldest());
        self.left.notify_waiters();
    }

    /// Items that wait in memory alone.
    pub(crate) fn waiting(&self) -> u64 {
        self.queue.occupancy()
    }

    pub(crate) fn queue(&self) -> &dyn Queue {
        &*self.queue
    }

    /// Gives what the queue cannot keep its fate, after the queue has ended.
    pub(crate) fn drop_rest(&self) {
        let reason = if self.queue.is_durable() { DropReason::DiskFailed } else { DropReason::ShutDown };
        while self.drop_oldest(reason) {}
    }

    pub(crate) fn depth(&self) -> QueueDepth {
        self.queue.depth()
    }

    /// Whether everything up to and including `sequence` has its fate.
    pub(crate) fn is_done_with(&self, sequence: u64) -> bool {
        self.queue.oldest().is_none_or(|oldest| oldest > sequence)
    }

    /// Enters the fate of `batch`, or of a part of one, into the ledger.
    pub(crate) fn settle(&self, batch: &Batch, fate: Fate<'_>) {
        let items = batch.items();
        match fate {
            Fate::Delivered(partial) => {
                // A receiver that claims to have rejected more than it was sent does not get to unbalance the ledger.
                let rejected = partial.rejected.min(items);
                self.counters.rejected(rejected);
                self.counters.delivered(items - rejected);
                self.suspects.delivered();
            }
            Fate::Rejected(_) => {
                self.counters.rejected(items);
                self.queue.refused(batch);
            }
            Fate::Dropped(reason, _) => self.counters.dropped(reason, items),
        }
        self.tell(fate, items, batch.fragments());
    }

    fn tell(&self, fate: Fate<'_>, items: u64, fragments: &[Fragment]) {
        if let Some(observer) = &self.observer {
            let destination = &self.destination;
            tell(observer, &Settled { destination, signal: self.signal, fate, items, fragments });
        }
    }
}

impl QueueListener for Lane {
    fn arrived(&self) {
        self.arrived.notify_one();
    }

    fn dropped(&self, reason: DropReason, items: u64, batch: Option<&Batch>) {
        self.counters.dropped(reason, items);
        if let Some(batch) = batch {
            self.suspects.forget(batch.sequence());
        }
        self.tell(Fate::Dropped(reason, None), items, batch.map(Batch::fragments).unwrap_or_default());
        self.changed();
    }

    fn changed(&self) {
        self.left.notify_waiters();
        self.pool.wake();
    }
}

/// Calls an observer; its panics end here, for neither the background thread nor the application may suffer from them.
pub(crate) fn tell(observer: &Arc<dyn DeliveryObserver>, settled: &Settled<'_>) {
    let _ = catch_unwind(AssertUnwindSafe(|| observer.settled(settled)));
}
