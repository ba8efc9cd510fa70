//! When batches close, and what is in them.

use std::time::Duration;

use otlp_batch::{BatchConfig, BatchLimits, MemoryPoolConfig};
use otlp_core::{Signal, data::Scope};

use crate::scripted::{RECORD, Scripted, numbers, one_at_a_time, pipeline, record, scope, spans};

const SECOND: Duration = Duration::from_secs(10);

/// No timer interferes.
fn slow() -> BatchConfig {
    BatchConfig { batch_timeout: Duration::from_secs(3600), ..BatchConfig::default() }
}

#[test]
fn a_batch_closes_by_items_and_keeps_the_order_of_one_thread() {
    let exporter = Scripted::accepting();
    let config = BatchConfig { max_batch_size: 100, ..slow() };
    let pipeline = pipeline(config, &exporter).limits(one_at_a_time()).start().unwrap();
    spans(pipeline.intake(), 0..250);
    assert!(pipeline.flush_blocking(SECOND).complete);
    let sizes: Vec<u64> = exporter.batches().iter().map(|batch| batch.items()).collect();
    assert_eq!(sizes, [100, 100, 50]);
    assert_eq!(exporter.numbers(), (0..250).collect::<Vec<_>>());
}

#[test]
fn a_batch_closes_before_it_exceeds_its_bytes() {
    let exporter = Scripted::accepting();
    let limits = BatchLimits { max_batch_bytes: 16 << 10, ..BatchLimits::default() };
    let pipeline = pipeline(slow(), &exporter).limits(limits).start().unwrap();
    spans(pipeline.intake(), 0..10_000);
    assert!(pipeline.flush_blocking(SECOND).complete);
    let batches = exporter.batches();
    assert!(batches.iter().all(|batch| batch.bytes() <= 16 << 10), "{batches:?}");
    assert!(batches.len() <= 100_000 / (4 << 10) + 1);
    assert_eq!(exporter.numbers().len(), 10_000);
}

#[test]
fn a_batch_closes_by_time_without_any_call() {
    let (sender, receiver) = std::sync::mpsc::channel();
    let exporter = Scripted::new("channel", move |batch| {
        let _ = sender.send(numbers(&batch));
        async { otlp_core::Outcome::delivered() }
    });
    let config = BatchConfig { batch_timeout: Duration::from_millis(20), ..BatchConfig::default() };
    let pipeline = pipeline(config, &exporter).start().unwrap();
    spans(pipeline.intake(), [7]);
    assert_eq!(receiver.recv_timeout(SECOND).unwrap(), [7]);
}

#[test]
fn records_of_different_scopes_travel_in_one_batch_and_stay_apart() {
    let exporter = Scripted::accepting();
    let pipeline = pipeline(slow(), &exporter).start().unwrap();
    let intake = pipeline.intake();
    let (one, other) = (scope(intake), intake.scope(&Scope { name: "other".into(), ..Scope::default() }));
    for number in 0..10 {
        record(intake, Signal::Logs, if number % 2 == 0 { &one } else { &other }, number);
    }
    assert!(pipeline.flush_blocking(SECOND).complete);
    let batches = exporter.batches();
    assert_eq!(batches.len(), 1);
    let by_scope: Vec<(String, u64)> =
        batches[0].fragments().iter().map(|fragment| (fragment.scope().name.clone(), fragment.items())).collect();
    assert_eq!(by_scope.iter().filter(|(name, items)| name == "other" && *items == 5).count(), 1, "{by_scope:?}");
    assert_eq!(by_scope.len(), 2);
}

#[test]
fn a_busy_thread_gets_larger_chunks_within_the_budget() {
    let exporter = Scripted::accepting();
    let memory = MemoryPoolConfig { max_size: 8 << 20, chunk_size: 64 << 10, ..MemoryPoolConfig::default() };
    let pipeline = pipeline(slow(), &exporter).memory(memory).start().unwrap();
    spans(pipeline.intake(), 0..60_000);
    assert!(pipeline.flush_blocking(SECOND).complete);
    let largest =
        exporter.batches().iter().flat_map(|batch| batch.fragments().to_vec()).map(|one| one.entries().len()).max();
    assert_eq!(largest, Some((64 << 10) / RECORD * RECORD));
}

#[test]
fn a_record_larger_than_a_chunk_gets_a_buffer_of_its_own() {
    let exporter = Scripted::accepting();
    let pipeline = pipeline(slow(), &exporter).start().unwrap();
    let scope = scope(pipeline.intake());
    pipeline.intake().append(Signal::Traces, &scope, 1, 1_000_000, |out| out.resize(out.len() + 1_000_000, 0));
    assert!(pipeline.memory_in_use() >= 1_000_000);
    let report = pipeline.flush_blocking(SECOND);
    assert_eq!(report.ledgers[0].traces.delivered, 1);
}
