//! Keeps what an endpoint refuses: the delivery of such a batch does not end, so that it goes back into the queue when the
//! pipeline is shut down.

use std::{
    future::pending,
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
};

use otlp::Signal;
use otlp_batch::{Attempts, Batch, BatchExporter, ExportFuture, Exported, ReadyFuture};
use otlp_core::{ErrorKind, ExportError, Outcome};
use otlp_exporters::{OtlpExporter, Retrying};

use super::super::say;

/// The endpoint, without the refusals.
pub(super) struct Keeping {
    target: Retrying<OtlpExporter>,
    /// Whether refused batches leave the queue all the same.
    moves_refused: bool,
    /// How many are kept, by [`Signal::index`].
    kept: [AtomicUsize; 3],
    /// Who we are is not enough: no other batch will be taken either.
    is_turned_away: AtomicBool,
}

impl Keeping {
    pub(super) fn new(target: Retrying<OtlpExporter>, moves_refused: bool) -> Self {
        Keeping { target, moves_refused, kept: Default::default(), is_turned_away: AtomicBool::new(false) }
    }

    /// How many batches of a signal were refused and are kept.
    pub(super) fn kept(&self, signal: Signal) -> usize {
        self.kept[signal.index()].load(Ordering::Acquire)
    }

    /// Whether the endpoint takes nothing from us.
    pub(super) fn is_turned_away(&self) -> bool {
        self.is_turned_away.load(Ordering::Acquire)
    }

    async fn deliver(&self, batch: &Batch, attempts: &Attempts<'_>) -> Exported {
        let error = match self.target.export(batch, attempts).await {
            Exported::Settled(Outcome::Refused(error)) if !self.is_moved(&error) => error,
            Exported::Settled(Outcome::TooLarge(error)) if !self.is_moved(&error) && batch.split().is_none() => error,
            other => return other,
        };
        self.keep(batch, &error).await
    }

    /// Whether a batch that is refused like this leaves the queue. One that is not even looked at does not.
    fn is_moved(&self, error: &ExportError) -> bool {
        self.moves_refused && error.kind() != ErrorKind::Unauthorized
    }

    async fn keep(&self, batch: &Batch, error: &ExportError) -> Exported {
        let items = batch.items();
        say(format_args!("a batch of {items} items ({}) is refused, and stays: {error}", batch.signal().name()));
        if error.kind() == ErrorKind::Unauthorized {
            self.is_turned_away.store(true, Ordering::Release);
        }
        self.kept[batch.signal().index()].fetch_add(1, Ordering::Release);
        pending().await
    }
}

impl BatchExporter for Keeping {
    fn name(&self) -> String {
        self.target.name()
    }

    fn unready(&self, _signal: Signal) -> Option<ReadyFuture<'_>> {
        self.is_turned_away().then(|| Box::pin(pending()) as ReadyFuture<'_>)
    }

    fn export<'a>(&'a self, batch: &'a Batch, attempts: &'a Attempts<'a>) -> ExportFuture<'a> {
        Box::pin(self.deliver(batch, attempts))
    }
}
