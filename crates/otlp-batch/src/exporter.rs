//! What a destination is to the dispatcher.

use std::{
    future::Future,
    pin::Pin,
    sync::atomic::{AtomicBool, Ordering},
};

use otlp_core::{ExportError, Outcome, Signal};
use tokio::time::Instant;

use crate::{Batch, CatchUp, MemoryBudget, destination::Lane, ledger::Counters};

/// The future of one delivery; boxed, for a pipeline holds exporters of different types. One box per batch.
pub type ExportFuture<'a> = Pin<Box<dyn Future<Output = Exported> + Send + 'a>>;

/// Completes when a destination that takes nothing may take a batch again.
pub type ReadyFuture<'a> = Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

/// How an export ended.
#[derive(Debug, Clone, PartialEq)]
pub enum Exported {
    /// With an outcome, which decides the fate of the batch. [`Outcome::Retry`] means that the exporter tried as often
    /// as it will, and the batch is given up.
    Settled(Outcome),
    /// Not at all: the destination is down, which is not the batch's fault. The batch goes back into the queue, to its
    /// place, and is handed in again.
    PutOff {
        /// What came of its last attempt, if it was tried.
        error: Option<ExportError>,
        /// Whether the destination took everything when that attempt began. A batch that was put off before then failed
        /// although the destination had worked in between; after a few rounds of that it is given up.
        was_up: bool,
    },
}

impl From<Outcome> for Exported {
    fn from(outcome: Outcome) -> Self {
        Exported::Settled(outcome)
    }
}

/// Takes batches of encoded records to their end.
///
/// An implementor guarantees: [`Outcome::Delivered`] is said only of what a receiver acknowledged; a dropped future
/// stops the work; after [`Exported::PutOff`], [`BatchExporter::unready`] has a future for as long as batches would be
/// put off again. The dispatcher splits a batch that is [`Outcome::TooLarge`] and hands in the halves.
pub trait BatchExporter: Send + Sync {
    /// A name for reports: what it is and where it sends, without secrets.
    fn name(&self) -> String;

    /// `None` if the destination takes batches of `signal`; else a future that completes when it may take one again.
    /// Until then the dispatcher leaves the batches in the queue. By default it always takes them.
    fn unready(&self, _signal: Signal) -> Option<ReadyFuture<'_>> {
        None
    }

    /// Delivers `batch`, reporting each attempt to `attempts`.
    fn export<'a>(&'a self, batch: &'a Batch, attempts: &'a Attempts<'a>) -> ExportFuture<'a>;
}

/// Where an exporter reports its attempts, so that the ledger knows of lost acknowledgements even if the delivery is
/// cancelled in the middle of one; and the memory that they may take.
#[derive(Debug)]
pub struct Attempts<'a> {
    counters: &'a Counters,
    catch_up: &'a CatchUp,
    items: u64,
    memory: MemoryBudget,
    under_way: AtomicBool,
}

impl<'a> Attempts<'a> {
    pub(crate) fn new(lane: &'a Lane, items: u64) -> Self {
        let (counters, catch_up) = (&lane.counters, &lane.catch_up);
        Attempts { counters, catch_up, items, memory: lane.memory(), under_way: AtomicBool::new(false) }
    }

    /// The budget that bounds what is kept of the batch from one attempt to the next.
    pub fn memory(&self) -> &MemoryBudget {
        &self.memory
    }

    /// An attempt begins: from now on the receiver may get the items.
    pub fn begin(&self) {
        self.under_way.store(true, Ordering::Relaxed);
    }

    /// The attempt ended with `outcome`.
    pub fn end(&self, outcome: &Outcome) {
        self.under_way.store(false, Ordering::Relaxed);
        if let Outcome::Retry(failure) = outcome {
            self.catch_up.failed(Instant::now());
            if failure.acknowledgement_lost {
                self.counters.acknowledgement_lost(self.items);
            }
        }
    }
}

impl Drop for Attempts<'_> {
    fn drop(&mut self) {
        if *self.under_way.get_mut() {
            self.counters.acknowledgement_lost(self.items);
        }
    }
}
