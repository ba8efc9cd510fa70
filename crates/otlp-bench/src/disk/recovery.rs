//! A large queue that an earlier process left: how long it takes to open, what memory that takes, and how fast it is read.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use otlp::data::Resource;
use otlp_batch::{
    Attempts, Batch, BatchExporter, DiskQueueConfig, ExportFuture, Exported, Pipeline, ReadyFuture, queue_directories,
};
use otlp_core::{Outcome, Signal};
use tokio::sync::watch;

use crate::{Failure, resident};

const DEADLINE: Duration = Duration::from_secs(600);

/// Takes everything at once, as soon as it is told to.
struct Taking {
    is_up: watch::Sender<bool>,
    bytes: AtomicU64,
}

impl BatchExporter for Taking {
    fn name(&self) -> String {
        "taking".to_owned()
    }

    fn unready(&self, _: Signal) -> Option<ReadyFuture<'_>> {
        let mut is_up = self.is_up.subscribe();
        let is_down = !*is_up.borrow_and_update();
        is_down.then(|| -> ReadyFuture<'_> { Box::pin(async move { drop(is_up.wait_for(|is_up| *is_up).await) }) })
    }

    fn export<'a>(&'a self, batch: &'a Batch, _: &'a Attempts<'a>) -> ExportFuture<'a> {
        self.bytes.fetch_add(batch.bytes() as u64, Relaxed);
        Box::pin(async { Exported::Settled(Outcome::delivered()) })
    }
}

pub(super) fn run(directory: &Path) -> Result<String, Failure> {
    let queue = queue_directories(directory)?.into_iter().next().ok_or("there is no queue")?;
    let before = resident::now_kib()?;
    let exporter = Arc::new(Taking { is_up: watch::Sender::new(false), bytes: AtomicU64::new(0) });
    let started = Instant::now();
    let pipeline = Pipeline::builder(Resource::default())
        .with_disk_queue(DiskQueueConfig::new(directory).with_max_bytes(8 << 30))
        .destination_in(queue, exporter.clone())
        .start()?;
    let opened = started.elapsed();
    let open_kib = resident::now_kib()?;
    let items = pipeline.ledgers().iter().map(|ledger| ledger.traces.recovered).sum::<u64>();
    let started = Instant::now();
    exporter.is_up.send_replace(true);
    if !pipeline.flush_blocking(DEADLINE).complete {
        return Err("the queue was not read in time".into());
    }
    let (read, bytes) = (started.elapsed().as_secs_f64(), exporter.bytes.load(Relaxed) as f64);
    let peak = resident::peak_kib()?;
    pipeline.shutdown_blocking(DEADLINE);
    Ok(format!(
        "recovery of {:.0} MB, {items} spans: opened in {} ms; resident {} MiB before, {} MiB when open, {} MiB at most \
         while it was read; read at {:.0} MB per second, {:.0} spans per second",
        bytes / 1e6,
        opened.as_millis(),
        before >> 10,
        open_kib >> 10,
        peak >> 10,
        bytes / 1e6 / read,
        items as f64 / read,
    ))
}
