//! The disk queue from the outside: what one process does not deliver, the next one does.

mod directories;
mod handing_over;
mod limits;
mod persisting;
mod set_aside;

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use otlp_batch::{BatchConfig, DiskQueueConfig, Durability, Exported, Ledger, PipelineBuilder, Report, SignalLedger};
use otlp_core::Outcome;
use parking_lot::Mutex;

use crate::{
    directory::Directory,
    scripted::{self, Scripted, numbers, one_at_a_time, spans},
};

const DEADLINE: Duration = Duration::from_secs(20);
const MOMENT: Duration = Duration::from_millis(50);
/// Far longer than any test: nothing is stored because of its age.
const LATER: Durability = Durability::Interval(Duration::from_secs(60));
const ALL: [Durability; 3] = [Durability::Always, LATER, Durability::None];

/// Batches of ten.
fn config() -> BatchConfig {
    BatchConfig { max_batch_size: 10, ..BatchConfig::default() }
}

fn pipeline(config: BatchConfig, exporter: &Arc<Scripted>) -> PipelineBuilder {
    scripted::pipeline(config, exporter).limits(one_at_a_time())
}

fn disk(directory: &Directory, durability: Durability) -> DiskQueueConfig {
    DiskQueueConfig::new(directory.path()).with_durability(durability)
}

fn builder(directory: &Directory, durability: Durability, exporter: &Arc<Scripted>) -> PipelineBuilder {
    pipeline(config(), exporter).with_disk_queue(disk(directory, durability))
}

fn down() -> Arc<Scripted> {
    let exporter = Scripted::new("backend", |_| async { Exported::PutOff { error: None, was_up: false } });
    exporter.set_up(false);
    exporter
}

fn up() -> Arc<Scripted> {
    Scripted::new("backend", |_| async { Outcome::delivered() })
}

fn traces(report: &Report) -> SignalLedger {
    assert!(report.ledgers.iter().all(Ledger::balances), "{report}");
    report.ledgers[0].traces
}

fn sorted(exporter: &Scripted) -> Vec<u64> {
    let mut numbers = exporter.numbers();
    numbers.sort_unstable();
    numbers
}

/// Of each batch.
type Numbers = Vec<Vec<u64>>;

/// An exporter that keeps the numbers of each batch, and not the memory.
fn forgetful() -> (Arc<Scripted>, Arc<Mutex<Numbers>>) {
    let arrived = Arc::new(Mutex::new(Numbers::new()));
    let sink = Arc::clone(&arrived);
    let exporter = Scripted::new("backend", move |batch| {
        sink.lock().push(numbers(&batch));
        async { Outcome::delivered() }
    });
    (exporter.forgetting(), arrived)
}

/// A process that delivers nothing of these spans.
fn leave_behind(builder: PipelineBuilder, numbers: impl IntoIterator<Item = u64>) -> SignalLedger {
    let pipeline = builder.start().expect("the pipeline starts");
    spans(pipeline.intake(), numbers);
    let report = pipeline.shutdown_blocking(MOMENT);
    assert!(report.durable && !report.complete, "{report}");
    traces(&report)
}

/// The files of segments.
fn segments(path: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(path).expect("a directory").map(|entry| entry.expect("an entry").path());
    entries.filter(|path| path.extension().is_some_and(|extension| extension == "otlpq")).collect()
}
