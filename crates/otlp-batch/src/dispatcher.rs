//! The dispatcher: takes batches from a queue, oldest first, and keeps a bounded number of them in flight.

use std::sync::Arc;

use otlp_core::Outcome;
use tokio::{sync::watch, task::JoinSet};

use crate::{Attempts, Batch, BatchExporter, DropReason, Fate, destination::Lane};

/// Delivers what arrives in `lane` until `stop` turns true; what is in flight then is given up.
pub(crate) async fn run(
    lane: Arc<Lane>,
    exporter: Arc<dyn BatchExporter>,
    max_in_flight: usize,
    mut stop: watch::Receiver<bool>,
) {
    let mut in_flight = JoinSet::new();
    loop {
        while in_flight.len() < max_in_flight
            && let Some(batch) = lane.take()
        {
            in_flight.spawn(deliver(Arc::clone(&lane), Arc::clone(&exporter), batch));
        }
        let has_room = in_flight.len() < max_in_flight;
        tokio::select! {
            biased;
            _ = stop.wait_for(|stop| *stop) => break,
            Some(_) = in_flight.join_next() => {}
            () = lane.arrived.notified(), if has_room => {}
        }
    }
    in_flight.shutdown().await;
    while lane.drop_oldest(DropReason::ShutDown) {}
}

async fn deliver(lane: Arc<Lane>, exporter: Arc<dyn BatchExporter>, batch: Arc<Batch>) {
    let mut delivery = Delivery { lane: &lane, sequence: batch.sequence(), parts: vec![batch] };
    while let Some(part) = delivery.parts.last().cloned() {
        let outcome = {
            let attempts = Attempts::new(&lane.counters, part.items());
            exporter.export(&part, &attempts).await
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
                let error = otlp_core::ExportError::new(otlp_core::ErrorKind::Destination, format!("{other:?}"));
                lane.settle(&part, Fate::Rejected(&error));
            }
        }
    }
}

/// A batch in flight, in the parts that have no fate yet. Whatever ends the delivery, each part gets one.
struct Delivery<'a> {
    lane: &'a Lane,
    sequence: u64,
    /// The next one last.
    parts: Vec<Arc<Batch>>,
}

impl Drop for Delivery<'_> {
    fn drop(&mut self) {
        let reason = if std::thread::panicking() { DropReason::ExporterPanicked } else { DropReason::ShutDown };
        for part in self.parts.drain(..) {
            self.lane.settle(&part, Fate::Dropped(reason, None));
        }
        self.lane.acknowledge(self.sequence);
    }
}
