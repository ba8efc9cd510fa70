//! What a destination is to the dispatcher.

use std::{
    future::Future,
    pin::Pin,
    sync::atomic::{AtomicBool, Ordering},
};

use otlp_core::Outcome;

use crate::{Batch, ledger::Counters};

/// The future of one delivery; boxed, for a pipeline holds exporters of different types. One box per batch.
pub type ExportFuture<'a> = Pin<Box<dyn Future<Output = Outcome> + Send + 'a>>;

/// Takes batches of encoded records to their end.
///
/// An implementor guarantees: [`Outcome::Delivered`] is said only of what a receiver acknowledged;
/// [`Outcome::Retry`] means that it already tried as often as it will, and the batch is given up; a dropped future
/// stops the work. The dispatcher splits a batch that is [`Outcome::TooLarge`] and hands in the halves.
pub trait BatchExporter: Send + Sync {
    /// A name for reports: what it is and where it sends, without secrets.
    fn name(&self) -> String;

    /// Delivers `batch`, reporting each attempt to `attempts`.
    fn export<'a>(&'a self, batch: &'a Batch, attempts: &'a Attempts<'a>) -> ExportFuture<'a>;
}

/// Where an exporter reports its attempts, so that the ledger knows of lost acknowledgements even if the delivery is
/// cancelled in the middle of one.
#[derive(Debug)]
pub struct Attempts<'a> {
    counters: &'a Counters,
    items: u64,
    under_way: AtomicBool,
}

impl<'a> Attempts<'a> {
    pub(crate) fn new(counters: &'a Counters, items: u64) -> Self {
        Attempts { counters, items, under_way: AtomicBool::new(false) }
    }

    /// An attempt begins: from now on the receiver may get the items.
    pub fn begin(&self) {
        self.under_way.store(true, Ordering::Relaxed);
    }

    /// The attempt ended with `outcome`.
    pub fn end(&self, outcome: &Outcome) {
        self.under_way.store(false, Ordering::Relaxed);
        if let Outcome::Retry(failure) = outcome
            && failure.acknowledgement_lost
        {
            self.counters.acknowledgement_lost(self.items);
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
