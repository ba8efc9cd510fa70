//! The dispatcher: takes batches from a queue, oldest first, and keeps a bounded number of them in flight.
//!
//! While the destination is down, batches stay in the queue, and those that were in flight go back: an outage costs
//! memory and then what the queue's policy drops, never what the limits of retry would have dropped.

#[cfg(test)]
mod tests;

use std::{future::pending, sync::Arc};

use otlp_core::{ErrorKind, ExportError, Outcome};
use otlp_reliability::Permit;
use tokio::{sync::watch, task::JoinSet, time::Instant};

use crate::{Attempts, Batch, BatchExporter, DropReason, Exported, Fate, destination::Lane};

/// Delivers what arrives in `lane` until `stop` turns true; what is in flight then goes back if the queue outlives the
/// process, and is given up if not.
pub(crate) async fn run(lane: Arc<Lane>, exporter: Arc<dyn BatchExporter>, mut stop: watch::Receiver<bool>) {
    let mut deliveries = JoinSet::new();
    loop {
        tokio::select! {
            biased;
            _ = stop.wait_for(|stop| *stop) => break,
            Some(_) = deliveries.join_next() => {}
            (permit, batch) = next(&lane, &*exporter) => {
                deliveries.spawn(deliver(Arc::clone(&lane), Arc::clone(&exporter), batch, permit));
            }
        }
    }
    deliveries.shutdown().await;
    if !lane.queue().is_durable() {
        lane.drop_rest();
    }
}

/// The next batch, once there is one, the destination takes it, and it may be in flight. Holds nothing when dropped.
async fn next(lane: &Lane, exporter: &dyn BatchExporter) -> (Permit, Arc<Batch>) {
    loop {
        // Before the permit, which counts as a batch in flight. Should the destination go down while we wait for the
        // permit, it puts the batch off.
        if let Some(ready) = exporter.unready(lane.signal()) {
            lane.catch_up.down(Instant::now());
            ready.await;
        }
        // Not if it takes a probe, and nothing else yet.
        if exporter.unready(lane.signal()).is_none() {
            lane.catch_up.up(Instant::now());
        }
        // The line has room for the one dispatcher. Were it full all the same, the end of a delivery would bring us back.
        let Ok(permit) = lane.in_flight.acquire().await else { return pending().await };
        if let Some(batch) = lane.take() {
            return (permit, batch);
        }
        drop(permit);
        lane.another().await;
    }
}

async fn deliver(lane: Arc<Lane>, exporter: Arc<dyn BatchExporter>, batch: Arc<Batch>, _permit: Permit) {
    let mut delivery = Delivery { lane: &lane, sequence: batch.sequence(), parts: vec![batch], is_back: false };
    while let Some(part) = delivery.parts.last().cloned() {
        let exported = {
            let attempts = Attempts::new(&lane, part.items());
            exporter.export(&part, &attempts).await
        };
        let outcome = match exported {
            Exported::Settled(outcome) => outcome,
            Exported::PutOff { error, was_up } => {
                // Once it is back it may be evicted, and its memory is wanted then.
                drop(part);
                return delivery.give_back(error.as_ref(), was_up);
            }
        };
        delivery.parts.pop();
        match outcome {
            Outcome::Delivered(partial) => lane.settle(&part, Fate::Delivered(&partial)),
            Outcome::Retry(failure) => {
                lane.settle(&part, Fate::Dropped(DropReason::RetriesExhausted, Some(&failure.error)));
            }
            Outcome::TooLarge(error) => match part.split() {
                Some((first, second)) => delivery.parts.extend([Arc::new(second), Arc::new(first)]),
                None => lane.settle(&part, Fate::Rejected(&error)),
            },
            Outcome::Refused(error) => lane.settle(&part, Fate::Rejected(&error)),
            // `Outcome` may grow. What we do not know is not delivered.
            other => {
                let error = ExportError::new(ErrorKind::Destination, format!("{other:?}"));
                lane.settle(&part, Fate::Rejected(&error));
            }
        }
    }
}

/// A batch in flight, in the parts that have no fate yet. Whatever ends the delivery, each part gets one, or is back in
/// the queue.
struct Delivery<'a> {
    lane: &'a Lane,
    sequence: u64,
    /// The next one last.
    parts: Vec<Arc<Batch>>,
    is_back: bool,
}

impl Delivery<'_> {
    fn give_back(mut self, error: Option<&ExportError>, was_up: bool) {
        if let Some(rest) = self.rest() {
            self.is_back = true;
            self.lane.give_back(rest, error, was_up);
        }
    }

    /// The parts as one batch again.
    fn rest(&mut self) -> Option<Arc<Batch>> {
        self.parts.drain(..).rev().reduce(|rest, next| Arc::new(rest.followed_by(&next)))
    }
}

impl Drop for Delivery<'_> {
    fn drop(&mut self) {
        if self.is_back {
            return;
        }
        let is_panicking = std::thread::panicking();
        if !is_panicking
            && self.lane.queue().is_durable()
            && let Some(rest) = self.rest()
        {
            return self.lane.keep(rest);
        }
        let reason = if is_panicking { DropReason::ExporterPanicked } else { DropReason::ShutDown };
        for part in self.parts.drain(..) {
            self.lane.settle(&part, Fate::Dropped(reason, None));
        }
        self.lane.acknowledge(self.sequence);
    }
}
