//! Threads that each record an item and wait until it is durable: those that wait at the same time share a sync.

use std::{
    path::Path,
    sync::{Arc, Barrier},
    thread,
    time::{Duration, Instant},
};

use otlp::data::{Resource, Scope};
use otlp_batch::{
    Attempts, Batch, BatchConfig, BatchExporter, DiskQueueConfig, Durability, ExportFuture, Intake, Pipeline,
    ReadyFuture, ScopeHandle,
};
use otlp_core::Signal;

use super::counting_disk::CountingDisk;
use crate::Failure;

const TIME: Duration = Duration::from_secs(4);
const DEADLINE: Duration = Duration::from_secs(30);
const RECORD: usize = 300;

/// A destination that is away.
struct Away;

impl BatchExporter for Away {
    fn name(&self) -> String {
        "away".to_owned()
    }

    fn unready(&self, _: Signal) -> Option<ReadyFuture<'_>> {
        Some(Box::pin(std::future::pending()))
    }

    fn export<'a>(&'a self, _: &'a Batch, _: &'a Attempts<'a>) -> ExportFuture<'a> {
        Box::pin(std::future::pending())
    }
}

pub(super) fn run(directory: &Path, threads: u64) -> Result<String, Failure> {
    let disk = CountingDisk::default();
    // Batches are complete when somebody waits for them, and not by the clock.
    let batch = BatchConfig { batch_timeout: Duration::from_secs(60), ..BatchConfig::default() };
    let pipeline = Pipeline::builder(Resource::default())
        .batch(batch)
        .with_disk_queue(DiskQueueConfig::new(directory).with_durability(Durability::Always))
        .disk_file_system(Arc::new(disk.clone()))
        .destination(Arc::new(Away))
        .start()?;
    let scope = pipeline.intake().scope(&Scope::default());
    record(pipeline.intake(), &scope);
    // The first creates files.
    let is_warm = pipeline.persist_blocking(DEADLINE).durable;
    let (before, started) = (disk.syncs(), Instant::now());
    let barrier = Barrier::new(threads as usize);
    let counts = thread::scope(|running| {
        let threads: Vec<_> = (0..threads).map(|_| running.spawn(|| persist(&pipeline, &scope, &barrier))).collect();
        threads.into_iter().map(|thread| thread.join().ok().flatten()).collect::<Option<Vec<u64>>>()
    });
    let items: u64 = counts.filter(|_| is_warm).ok_or("something was not durable in time")?.iter().sum();
    let (syncs, seconds) = (disk.syncs() - before, started.elapsed().as_secs_f64());
    pipeline.shutdown_blocking(Duration::from_secs(1));
    Ok(format!(
        "  {threads:>2} threads: {:>6.0} durable items per second, {:.3} syncs per item ({syncs} for {items}), {:.2} ms for each",
        items as f64 / seconds,
        syncs as f64 / items as f64,
        seconds * 1_000.0 * threads as f64 / items as f64,
    ))
}

/// What a thread made durable; `None` if it was not told so in time.
fn persist(pipeline: &Pipeline, scope: &ScopeHandle, barrier: &Barrier) -> Option<u64> {
    barrier.wait();
    let started = Instant::now();
    let mut items = 0;
    while started.elapsed() < TIME {
        record(pipeline.intake(), scope);
        if !pipeline.persist_blocking(DEADLINE).durable {
            return None;
        }
        items += 1;
    }
    Some(items)
}

/// A span of that size, which nobody reads.
fn record(intake: &Intake, scope: &ScopeHandle) {
    intake.append(Signal::Traces, scope, 1, RECORD, |out| {
        let content = RECORD - 3;
        out.extend_from_slice(&[0x12, (content & 0x7f) as u8 | 0x80, (content >> 7) as u8]);
        out.resize(out.len() + content, 0);
    });
}
