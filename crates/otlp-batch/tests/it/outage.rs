//! A destination that is down costs nothing but memory: batches wait in the queue, and what was in flight goes back.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use otlp_batch::{
    BatchConfig, BatchLimits, DropReason, Exported, MemoryPoolConfig, OnFull, Pipeline, PipelineBuilder, QueueDepth,
};
use otlp_core::{Outcome, Signal};

use crate::scripted::{self, Fates, Scripted, error, numbers, one_at_a_time, put_off, spans};

const DEADLINE: Duration = Duration::from_secs(20);
const MOMENT: Duration = Duration::from_millis(50);

/// Batches of ten.
fn config() -> BatchConfig {
    BatchConfig { max_batch_size: 10, ..BatchConfig::default() }
}

fn pipeline(config: BatchConfig, exporter: &Arc<Scripted>) -> PipelineBuilder {
    scripted::pipeline(config, exporter).limits(one_at_a_time())
}

fn depth(pipeline: &Pipeline) -> QueueDepth {
    pipeline.queue_depths(Signal::Traces)[0]
}

/// An exporter that puts everything off while it is down.
fn fragile() -> (Arc<AtomicBool>, Arc<AtomicU64>, Arc<Scripted>) {
    let (is_up, exports) = (Arc::new(AtomicBool::new(true)), Arc::new(AtomicU64::new(0)));
    let (up, counted) = (Arc::clone(&is_up), Arc::clone(&exports));
    let exporter = Scripted::new("fragile", move |_| {
        counted.fetch_add(1, Ordering::SeqCst);
        let is_up = up.load(Ordering::SeqCst);
        async move {
            if is_up {
                Outcome::delivered().into()
            } else {
                Exported::PutOff { error: Some(error("down")), was_up: false }
            }
        }
    });
    (is_up, exports, exporter)
}

/// Takes the exporter down with ten spans, which are tried, put off, and back in the queue when this returns. From then
/// on nothing is handed in.
fn take_down(pipeline: &Pipeline, is_up: &AtomicBool, exports: &AtomicU64, exporter: &Scripted) {
    let wait_until = |holds: &dyn Fn() -> bool| {
        while !holds() {
            std::thread::yield_now();
        }
    };
    is_up.store(false, Ordering::SeqCst);
    spans(pipeline.intake(), 0..10);
    wait_until(&|| exports.load(Ordering::SeqCst) > 0);
    exporter.set_up(false);
    wait_until(&|| exporter.is_awaited() && depth(pipeline).in_flight_batches == 0);
}

#[test]
fn what_is_put_off_waits_in_the_queue_and_arrives_once() {
    let (is_up, exports, exporter) = fragile();
    let pipeline = pipeline(config(), &exporter).start().unwrap();
    take_down(&pipeline, &is_up, &exports, &exporter);
    spans(pipeline.intake(), 10..100);
    let tried = exports.load(Ordering::SeqCst);
    assert!(!pipeline.flush_blocking(MOMENT).complete);
    assert_eq!(exports.load(Ordering::SeqCst), tried, "nothing is handed in while it wants nothing");
    let expected = QueueDepth { waiting_batches: 10, waiting_items: 100, ..QueueDepth::default() };
    assert_eq!(depth(&pipeline), expected);

    is_up.store(true, Ordering::SeqCst);
    exporter.set_up(true);
    assert!(pipeline.flush_blocking(DEADLINE).complete);
    let mut arrived = exporter.numbers();
    arrived.sort_unstable();
    assert_eq!(arrived, (0..100).collect::<Vec<_>>());
    let ledger = pipeline.shutdown_blocking(DEADLINE).ledgers[0].traces;
    assert_eq!((ledger.delivered, ledger.dropped.total()), (100, 0), "{ledger}");
}

#[test]
fn a_batch_that_was_partly_delivered_goes_back_with_the_rest_only() {
    // Halves of ten, then of five: the second half is put off once, in the middle of the delivery.
    let has_failed = AtomicBool::new(false);
    let exporter = Scripted::new("small", move |batch| {
        let exported = if batch.items() > 5 {
            Outcome::TooLarge(error("too large")).into()
        } else if numbers(&batch).contains(&7) && !has_failed.swap(true, Ordering::SeqCst) {
            put_off()
        } else {
            Outcome::delivered().into()
        };
        async { exported }
    });
    let fates = Arc::new(Fates::default());
    let config = BatchConfig { max_batch_size: 20, ..config() };
    let pipeline = pipeline(config, &exporter).observer(fates.clone()).start().unwrap();
    spans(pipeline.intake(), 0..20);
    let ledger = pipeline.shutdown_blocking(DEADLINE).ledgers[0].traces;
    assert_eq!((ledger.delivered, ledger.pending), (20, 0), "{ledger}");
    assert_eq!(exporter.numbers(), (0..20).collect::<Vec<_>>(), "once each, and in order");
    assert_eq!(fates.sorted().len(), 20);
}

#[test]
fn a_full_queue_evicts_what_was_put_off_first() {
    let (is_up, exports, exporter) = fragile();
    let config = BatchConfig { max_queue_size: 50, ..config() };
    let fates = Arc::new(Fates::default());
    let limits = BatchLimits { on_full: OnFull::DropOldest, ..one_at_a_time() };
    let memory = MemoryPoolConfig {
        initial_size: 4 << 10,
        max_size: 256 << 10,
        chunk_size: 4 << 10,
        ..MemoryPoolConfig::default()
    };
    let builder = pipeline(config, &exporter).limits(limits).memory(memory);
    let pipeline = builder.observer(fates.clone()).start().unwrap();
    take_down(&pipeline, &is_up, &exports, &exporter);
    spans(pipeline.intake(), 10..1_000);
    assert!(pipeline.memory_in_use() <= 256 << 10);
    is_up.store(true, Ordering::SeqCst);
    exporter.set_up(true);
    let ledger = pipeline.shutdown_blocking(DEADLINE).ledgers[0].traces;
    assert_eq!(ledger.dropped[DropReason::QueueFull], 1_000 - ledger.delivered, "{ledger}");
    let mut arrived = exporter.numbers();
    arrived.sort_unstable();
    let kept: Vec<u64> = (1_000 - ledger.delivered..1_000).collect();
    assert_eq!(arrived, kept, "the newest are kept");
    assert_eq!(fates.sorted().len(), 1_000);
}

#[test]
fn a_shutdown_drops_what_still_waits_for_a_destination_that_is_down() {
    let (_, exports, exporter) = fragile();
    exporter.set_up(false);
    let pipeline = pipeline(config(), &exporter).start().unwrap();
    spans(pipeline.intake(), 0..100);
    let ledger = pipeline.shutdown_blocking(MOMENT).ledgers[0].traces;
    assert_eq!((ledger.dropped[DropReason::ShutDown], ledger.pending), (100, 0), "{ledger}");
    assert_eq!((exports.load(Ordering::SeqCst), ledger.acknowledgements_lost), (0, 0));
}

#[test]
fn a_batch_that_makes_the_destination_fail_neither_blocks_the_others_nor_stays_for_ever() {
    let exporter = Scripted::new("crashing", |batch| {
        let is_poison = numbers(&batch).contains(&0);
        async move { if is_poison { put_off() } else { Outcome::delivered().into() } }
    });
    let pipeline = pipeline(config(), &exporter).start().unwrap();
    spans(pipeline.intake(), 0..10_000);
    let ledger = pipeline.shutdown_blocking(DEADLINE).ledgers[0].traces;
    assert_eq!((ledger.delivered, ledger.dropped[DropReason::RetriesExhausted]), (9_990, 10), "{ledger}");
    assert!(ledger.balances() && ledger.pending == 0);
}

#[test]
fn a_batch_that_was_never_tried_is_not_blamed() {
    let left = AtomicU64::new(1_000);
    let exporter = Scripted::new("full of others", move |_| {
        let is_busy = left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok();
        async move { if is_busy { Exported::PutOff { error: None, was_up: true } } else { Outcome::delivered().into() } }
    });
    let pipeline = pipeline(config(), &exporter).start().unwrap();
    spans(pipeline.intake(), 0..30);
    assert_eq!(pipeline.shutdown_blocking(DEADLINE).ledgers[0].traces.delivered, 30);
}
