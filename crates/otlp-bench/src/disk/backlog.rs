//! A backlog that is delivered over gRPC while new spans are recorded at a steady rate: both must get through.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use otlp::{
    config::{BatchLimits, DiskQueueConfig, OnFull},
    core::EnhancedOtlpClient,
};

use crate::{
    Failure,
    content::SPANS_PER_TREE,
    resident,
    stopwatch::Stopwatch,
    subject::{self, Producer},
};

const DEADLINE: Duration = Duration::from_secs(600);
/// Nobody listens on the port for `discard`.
const NOBODY: &str = "127.0.0.1:9";
/// New spans in each of its milliseconds: 100,000 a second.
const TREES_PER_MS: u64 = 10;

fn client(directory: &Path, receiver: &str) -> Result<EnhancedOtlpClient, Failure> {
    Ok(EnhancedOtlpClient::builder()
        .without_environment()
        .with_endpoint(format!("http://{receiver}"))
        .with_grpc_transport()
        .with_service_name("backlog")
        .with_disk_queue(DiskQueueConfig::new(directory).with_max_bytes(8 << 30))
        .with_batch_limits(BatchLimits { on_full: OnFull::Block, ..BatchLimits::default() })
        .with_diagnostics(|_| {})
        .build_blocking()?)
}

/// Leaves a queue of about so many bytes.
pub(super) fn fill(directory: &Path, bytes: u64) -> Result<String, Failure> {
    let client = client(directory, NOBODY)?;
    let mut spans = subject::spans_of(client.clone());
    let started = Instant::now();
    let mut trees = 0;
    while size(directory)? < bytes {
        spans.produce(trees..trees + 2_000, &mut Stopwatch::off());
        trees += 2_000;
    }
    let recorded = started.elapsed().as_secs_f64();
    let report = client.shutdown_blocking(DEADLINE.min(Duration::from_secs(5)));
    if !report.durable {
        return Err(format!("not everything was stored\n{report}").into());
    }
    Ok(format!(
        "a queue of {:.0} MB is left by a process without a backend, which recorded {:.0} spans per second",
        size(directory)? as f64 / 1e6,
        (trees * SPANS_PER_TREE) as f64 / recorded
    ))
}

/// Delivers it, while new spans are recorded.
pub(super) fn deliver(directory: &Path, receiver: &str) -> Result<String, Failure> {
    let client = client(directory, receiver)?;
    let mut spans = subject::spans_of(client.clone());
    let backlog = client.ledger().traces.recovered;
    let started = Instant::now();
    let mut milliseconds = 0;
    let mut most = 0;
    // Until what waits is no more than what comes in within a second or two.
    while client.ledger().traces.pending > 200_000 {
        if started.elapsed() > DEADLINE {
            return Err("the backlog was not delivered in time".into());
        }
        let due = started.elapsed().as_millis() as u64;
        if milliseconds < due {
            spans.produce(milliseconds * TREES_PER_MS..due * TREES_PER_MS, &mut Stopwatch::off());
            milliseconds = due;
        }
        most = most.max(resident::now_kib()?);
        std::thread::sleep(Duration::from_millis(2));
    }
    let seconds = started.elapsed().as_secs_f64();
    let ledger = client.ledger().traces;
    let report = client.shutdown_blocking(Duration::from_secs(30));
    let (live, lost) = (milliseconds * TREES_PER_MS * SPANS_PER_TREE, report.ledgers[0].lost());
    Ok(format!(
        "backlog of {backlog} spans over gRPC: drained in {seconds:.1} s while {:.0} new spans per second were recorded; \
         {:.0} spans per second were delivered in all, {:.0} of them backlog; {} left at the end, {lost} lost; resident \
         {} MiB at most",
        live as f64 / seconds,
        ledger.delivered as f64 / seconds,
        (ledger.delivered.saturating_sub(live)) as f64 / seconds,
        report.ledgers[0].pending(),
        most >> 10,
    ))
}

/// How many bytes the queue has.
fn size(directory: &Path) -> Result<u64, Failure> {
    let mut bytes = 0;
    for entry in std::fs::read_dir(directory)? {
        let entry = entry?;
        bytes +=
            if entry.file_type()?.is_dir() { size(&entry.path())? } else { entry.metadata().map_or(0, |of| of.len()) };
    }
    Ok(bytes)
}
