//! What happens when there is no room.

use std::{sync::Arc, time::Duration};

use otlp_batch::{BatchConfig, BatchLimits, DropReason, MemoryPoolConfig, OnFull, Pipeline, QueueDepth};
use otlp_core::{Outcome, Signal};
use tokio::sync::Semaphore;

use crate::scripted::{Fates, RECORD, Scripted, one_at_a_time, pipeline, record, resource, scope, spans};

const DEADLINE: Duration = Duration::from_secs(10);

/// An exporter that lets a batch pass for each permit of the gate.
fn gated_exporter() -> (Arc<Semaphore>, Arc<Scripted>) {
    let gate = Arc::new(Semaphore::new(0));
    let pass = Arc::clone(&gate);
    let exporter = Scripted::new("gated", move |_| {
        let pass = Arc::clone(&pass);
        async move {
            pass.acquire().await.expect("the gate is never closed").forget();
            Outcome::delivered()
        }
    });
    (gate, exporter)
}

/// So much memory in all, in chunks of 16 KiB.
fn memory(max_size: usize) -> MemoryPoolConfig {
    MemoryPoolConfig { initial_size: 16 << 10, max_size, chunk_size: 16 << 10, ..MemoryPoolConfig::default() }
}

/// A queue for about 100 items, in batches of 10, that nothing leaves until the gate opens.
fn gated(on_full: OnFull) -> (Arc<Semaphore>, Arc<Scripted>, Arc<Fates>, Pipeline) {
    let (gate, exporter) = gated_exporter();
    let config = BatchConfig {
        max_batch_size: 10,
        max_queue_size: 100,
        batch_timeout: Duration::from_secs(3600),
        ..BatchConfig::default()
    };
    let fates = Arc::new(Fates::default());
    let limits = BatchLimits { on_full, ..one_at_a_time() };
    let pipeline =
        pipeline(config, &exporter).limits(limits).observer(fates.clone()).start().expect("the pipeline starts");
    (gate, exporter, fates, pipeline)
}

#[test]
fn drop_newest_keeps_what_came_first() {
    let (gate, exporter, fates, pipeline) = gated(OnFull::DropNewest);
    spans(pipeline.intake(), 0..1_000);
    gate.add_permits(1_000);
    let report = pipeline.shutdown_blocking(DEADLINE);
    let ledger = &report.ledgers[0].traces;
    assert!(ledger.balances() && ledger.pending == 0, "{ledger}");
    // The queue's hundred, and the one batch that was in flight if it had left the queue in time.
    assert!((100..=120).contains(&ledger.delivered), "{ledger}");
    assert_eq!(ledger.dropped[DropReason::QueueFull], 1_000 - ledger.delivered);
    let mut delivered = exporter.numbers();
    delivered.sort_unstable();
    assert_eq!(delivered[..100], (0..100).collect::<Vec<_>>());
    assert_eq!(fates.sorted().len(), 1_000, "each record has exactly one fate");
}

#[test]
fn drop_oldest_keeps_what_came_last() {
    let (gate, exporter, fates, pipeline) = gated(OnFull::DropOldest);
    spans(pipeline.intake(), 0..1_000);
    gate.add_permits(1_000);
    let report = pipeline.shutdown_blocking(DEADLINE);
    let ledger = &report.ledgers[0].traces;
    assert!(ledger.balances() && ledger.pending == 0, "{ledger}");
    assert_eq!(ledger.dropped[DropReason::QueueFull], 1_000 - ledger.delivered);
    assert!(exporter.numbers().contains(&999));
    assert_eq!(fates.sorted().len(), 1_000, "each record has exactly one fate");
}

#[test]
fn block_waits_and_loses_nothing() {
    let (gate, exporter, _, pipeline) = gated(OnFull::Block);
    std::thread::scope(|threads| {
        for thread in 0..4 {
            let intake = pipeline.intake();
            threads.spawn(move || spans(intake, thread * 1_000..(thread + 1) * 1_000));
        }
        gate.add_permits(1_000_000);
    });
    let report = pipeline.shutdown_blocking(DEADLINE);
    assert_eq!((report.ledgers[0].traces.delivered, report.ledgers[0].lost()), (4_000, 0));
    assert_eq!(exporter.numbers().len(), 4_000);
}

#[test]
fn a_blocked_thread_goes_on_when_the_pipeline_shuts_down() {
    let (_gate, _, fates, pipeline) = gated(OnFull::Block);
    std::thread::scope(|threads| {
        let intake = pipeline.intake();
        let blocked = threads.spawn(move || spans(intake, 0..1_000));
        let report = pipeline.shutdown_blocking(Duration::from_millis(50));
        assert!(report.ledgers[0].balances());
        blocked.join().unwrap();
    });
    let ledger = pipeline.ledgers()[0].traces;
    assert_eq!((ledger.accepted, ledger.pending), (1_000, 0));
    assert_eq!(ledger.dropped[DropReason::ShutDown], 1_000);
    assert_eq!(fates.sorted().len(), 1_000);
}

/// A destination that takes nothing beside one that takes everything.
fn beside_a_dead_one(config: BatchConfig, on_full: OnFull, budget: usize) -> (Arc<Scripted>, Arc<Fates>, Pipeline) {
    let (exporter, dead) = (Scripted::accepting().forgetting(), Scripted::accepting());
    dead.set_up(false);
    let fates = Arc::new(Fates::default());
    let limits = BatchLimits { on_full, ..BatchLimits::default() };
    let builder = pipeline(config, &exporter).destination(dead).limits(limits).memory(memory(budget));
    (exporter, Arc::clone(&fates), builder.observer(fates).start().expect("the pipeline starts"))
}

/// Waits until the first destination has all batches of spans.
fn keeps_up(pipeline: &Pipeline) {
    let is_behind = |depth: QueueDepth| depth.waiting_batches + depth.in_flight_batches > 0;
    while is_behind(pipeline.queue_depths(Signal::Traces)[0]) {
        std::thread::yield_now();
    }
}

#[test]
fn a_destination_that_takes_nothing_keeps_nothing_from_the_others() {
    const RECORDS: u64 = 80_000;
    for on_full in [OnFull::DropNewest, OnFull::DropOldest] {
        for (max_queue_size, budget, reason) in
            [(1_000, 64 << 20, DropReason::QueueFull), (1_000_000, 2 << 20, DropReason::MemoryFull)]
        {
            let config = BatchConfig { max_batch_size: 100, max_queue_size, ..BatchConfig::default() };
            let (_, fates, pipeline) = beside_a_dead_one(config, on_full, budget);
            for first in (0..RECORDS).step_by(100) {
                spans(pipeline.intake(), first..first + 100);
                keeps_up(&pipeline);
                assert!(pipeline.memory_in_use() <= budget);
            }
            let ledgers = pipeline.shutdown_blocking(Duration::from_millis(50)).ledgers;
            let (alive, dead) = (&ledgers[0].traces, &ledgers[1].traces);
            assert_eq!((alive.delivered, alive.accepted), (RECORDS, RECORDS), "{on_full:?} {reason}: {alive}");
            assert!(dead.dropped[reason] > 0 && dead.balances() && dead.pending == 0, "{on_full:?} {reason}: {dead}");
            assert_eq!(fates.sorted().len() as u64, 2 * RECORDS, "each record has a fate at each destination");
        }
    }
}

#[test]
fn a_signal_that_cannot_be_delivered_keeps_nothing_from_the_others() {
    const RECORDS: u64 = 20_000;
    for on_full in [OnFull::DropNewest, OnFull::DropOldest] {
        let exporter = Scripted::new("no logs", |batch| async move {
            if batch.signal() == Signal::Logs {
                std::future::pending::<()>().await;
            }
            Outcome::delivered()
        });
        let config = BatchConfig { max_batch_size: 100, ..BatchConfig::default() };
        let limits = BatchLimits { on_full, ..BatchLimits::default() };
        let builder = pipeline(config, &exporter.forgetting()).limits(limits).memory(memory(2 << 20));
        let pipeline = builder.start().unwrap();
        let test = scope(pipeline.intake());
        for first in (0..RECORDS).step_by(100) {
            (0..4_000).for_each(|number| record(pipeline.intake(), Signal::Logs, &test, number));
            spans(pipeline.intake(), first..first + 100);
            keeps_up(&pipeline);
        }
        let ledger = &pipeline.shutdown_blocking(Duration::from_millis(50)).ledgers[0];
        assert_eq!(ledger.traces.delivered, RECORDS, "{on_full:?}: {}", ledger.traces);
        assert!(ledger.logs.dropped[DropReason::MemoryFull] > 0 && ledger.balances(), "{on_full:?}: {}", ledger.logs);
    }
}

#[test]
fn destinations_that_all_take_nothing_use_all_of_the_memory() {
    const BUDGET: usize = 512 << 10;
    let config = BatchConfig { max_batch_size: 100, ..BatchConfig::default() };
    let (exporter, _, pipeline) = beside_a_dead_one(config, OnFull::DropNewest, BUDGET);
    exporter.set_up(false);
    spans(pipeline.intake(), 0..20_000);
    assert!(pipeline.memory_in_use() > BUDGET * 15 / 16, "{}", pipeline.memory_in_use());
    let ledgers = pipeline.shutdown_blocking(Duration::from_millis(50)).ledgers;
    assert!(ledgers.iter().all(|ledger| ledger.traces.dropped[DropReason::MemoryFull] > 0));
}

#[test]
fn the_memory_budget_is_kept_whatever_is_recorded() {
    let (gate, exporter) = gated_exporter();
    let budget = 512 << 10;
    let pipeline = pipeline(BatchConfig::default(), &exporter).memory(memory(budget)).start().unwrap();
    std::thread::scope(|threads| {
        for thread in 0..8 {
            let (intake, pipeline) = (pipeline.intake(), &pipeline);
            threads.spawn(move || {
                for round in 0..20 {
                    spans(intake, (0..1_000).map(|n| thread * 1_000_000 + round * 1_000 + n));
                    assert!(pipeline.memory_in_use() <= budget);
                }
            });
        }
    });
    gate.add_permits(100_000);
    let ledger = pipeline.shutdown_blocking(DEADLINE).ledgers[0].traces;
    assert!(ledger.dropped[DropReason::MemoryFull] > 0, "{ledger}");
    assert_eq!((ledger.accepted, ledger.pending, ledger.balances()), (160_000, 0, true), "{ledger}");
    assert_eq!(exporter.numbers().len() as u64, ledger.delivered);
    drop(exporter);
}

#[test]
fn a_record_beyond_the_limit_is_dropped_with_its_reason_and_not_written() {
    let exporter = Scripted::accepting();
    let limits = BatchLimits { max_record_bytes: 1 << 10, ..BatchLimits::default() };
    let pipeline = pipeline(BatchConfig::default(), &exporter).limits(limits).start().unwrap();
    let scope = scope(pipeline.intake());
    pipeline.intake().append(Signal::Logs, &scope, 1, 200 << 20, |_| panic!("must not be written"));
    record(pipeline.intake(), Signal::Logs, &scope, 1);
    let ledger = pipeline.shutdown_blocking(DEADLINE).ledgers[0].logs;
    assert_eq!((ledger.dropped[DropReason::RecordTooLarge], ledger.delivered), (1, 1));
}

#[test]
fn a_record_larger_than_the_whole_memory_budget_is_dropped_and_nobody_waits_for_room() {
    let exporter = Scripted::accepting();
    let limits = BatchLimits { on_full: OnFull::Block, ..BatchLimits::default() };
    let builder = pipeline(BatchConfig::default(), &exporter).limits(limits).memory(memory(256 << 10));
    let pipeline = Arc::new(builder.start().unwrap());
    let (done, finished) = std::sync::mpsc::channel();
    let recording = Arc::clone(&pipeline);
    std::thread::spawn(move || {
        let scope = scope(recording.intake());
        recording.intake().append(Signal::Logs, &scope, 1, 300 << 10, |out| out.resize(out.len() + (300 << 10), 0));
        let _ = done.send(());
    });
    assert!(finished.recv_timeout(DEADLINE).is_ok(), "no room for it will ever appear");
    let ledger = pipeline.shutdown_blocking(DEADLINE).ledgers[0].logs;
    assert_eq!((ledger.dropped[DropReason::RecordTooLarge], ledger.pending), (1, 0));
}

#[test]
fn settings_out_of_range_are_named() {
    let refused = |config| Pipeline::builder(resource()).batch(config).start().unwrap_err().to_string();
    let default = BatchConfig::default();
    assert_eq!(
        refused(BatchConfig { max_batch_size: 0, ..default }),
        "max_batch_size is 0, but takes 1 to 1000000 items"
    );
    assert_eq!(
        refused(BatchConfig { batch_timeout: Duration::ZERO, ..default }),
        "batch_timeout is 0ns, but takes 1 ms to 1 h"
    );
    let limits = BatchLimits { max_record_bytes: RECORD, ..BatchLimits::default() };
    let refused = Pipeline::builder(resource()).limits(limits).start().unwrap_err().to_string();
    assert_eq!(refused, "max_record_bytes is 10, but takes 1024 to 67108864 bytes");
}
