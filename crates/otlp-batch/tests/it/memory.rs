//! The memory pool as its owner sees it, and the copies that zero copy saves.

use std::{
    sync::{Arc, mpsc},
    time::Duration,
};

use otlp_batch::{
    BatchConfig, BatchLimits, ConfigError, DropReason, MemoryPoolConfig, OnFull, Pipeline, PipelineBuilder,
    PoolSnapshot,
};
use otlp_core::{Outcome, Signal};
use parking_lot::Mutex;
use tokio::sync::Semaphore;

use crate::scripted::{RECORD, Scripted, pipeline, scope, spans};

const DEADLINE: Duration = Duration::from_secs(20);
const MIB: usize = 1 << 20;

/// A pipeline of this memory whose exporter holds everything back until the gate opens.
fn held_back(memory: MemoryPoolConfig) -> (Arc<Semaphore>, PipelineBuilder) {
    let gate = Arc::new(Semaphore::new(0));
    let pass = Arc::clone(&gate);
    let exporter = Scripted::new("gated", move |_| {
        let pass = Arc::clone(&pass);
        async move {
            pass.acquire().await.expect("the gate is never closed").forget();
            Outcome::delivered()
        }
    });
    let config = BatchConfig { max_queue_size: 10_000_000, ..BatchConfig::default() };
    (gate, pipeline(config, &exporter.forgetting()).memory(memory))
}

/// Waits, from one tick of the background thread to the next, until `is_so` of the pool.
fn wait_for(pipeline: &Pipeline, ticks: &mpsc::Receiver<()>, is_so: impl Fn(&PoolSnapshot) -> bool) -> PoolSnapshot {
    loop {
        let pool = pipeline.memory_pool();
        if is_so(&pool) {
            return pool;
        }
        ticks.recv_timeout(DEADLINE).unwrap_or_else(|_| panic!("{pool:?}"));
    }
}

/// Records spans of so many bytes altogether.
fn fill(pipeline: &Pipeline, bytes: usize) {
    spans(pipeline.intake(), 0..(bytes / RECORD) as u64);
}

#[test]
fn the_pool_starts_grows_stops_and_shrinks_as_it_is_told() {
    let memory = MemoryPoolConfig {
        initial_size: MIB,
        max_size: 8 * MIB,
        chunk_size: 64 << 10,
        growth_factor: 2.0,
        gc_threshold: 0.8,
    };
    let (gate, builder) = held_back(memory);
    let (ticker, ticks) = mpsc::channel();
    let pipeline = builder.on_tick(move || _ = ticker.send(())).start().unwrap();
    let at_start = pipeline.memory_pool();
    assert_eq!((at_start.size, at_start.held, at_start.in_use, at_start.allocations), (MIB, MIB, 0, 16));

    fill(&pipeline, MIB * 3 / 2);
    let grown = wait_for(&pipeline, &ticks, |pool| pool.held + (64 << 10) > 2 * MIB);
    assert_eq!((grown.size, grown.growths), (2 * MIB, 1), "{grown:?}");

    fill(&pipeline, 16 * MIB);
    let full = pipeline.memory_pool();
    assert_eq!((full.size, full.growths), (8 * MIB, 3), "{full:?}");
    assert!(full.held <= 8 * MIB && full.in_use > 7 * MIB && full.refusals > 0, "{full:?}");
    assert!(pipeline.ledgers()[0].traces.dropped[DropReason::MemoryFull] > 0);

    gate.add_permits(1_000_000);
    assert!(pipeline.flush_blocking(DEADLINE).complete);
    let trimmed = wait_for(&pipeline, &ticks, |pool| pool.collections > 0 && pool.size == MIB);
    assert!(trimmed.held <= MIB && trimmed.in_use == 0, "{trimmed:?}");
    assert!(trimmed.trimmed_bytes >= (6 * MIB) as u64, "{trimmed:?}");
}

#[test]
fn a_pool_in_steady_use_allocates_no_more() {
    let (gate, builder) = held_back(MemoryPoolConfig::default());
    gate.add_permits(1_000_000);
    let pipeline = builder.start().unwrap();
    let round = || {
        fill(&pipeline, MIB / 2);
        assert!(pipeline.flush_blocking(DEADLINE).complete);
    };
    (0..4).for_each(|_| round());
    let before = pipeline.memory_pool();
    (0..20).for_each(|_| round());
    let after = pipeline.memory_pool();
    assert!(after.allocations <= before.allocations + 1, "{before:?} {after:?}");
}

#[test]
fn the_memory_settings_are_checked() {
    let page = MemoryPoolConfig {
        initial_size: 1024 * 1024,
        max_size: 100 * 1024 * 1024,
        chunk_size: 64 * 1024,
        growth_factor: 2.0,
        gc_threshold: 0.8,
    };
    assert_eq!(page.validate(), Ok(()));
    let refused = |config: MemoryPoolConfig| {
        let ConfigError { field, value, .. } = config.validate().unwrap_err();
        (field, value)
    };
    let field = |field, value: &str| (field, value.to_owned());
    for factor in [1.0, 0.0, -2.0, 16.1, f64::NAN, f64::INFINITY] {
        assert_eq!(
            refused(MemoryPoolConfig { growth_factor: factor, ..page }),
            field("growth_factor", &factor.to_string())
        );
    }
    for threshold in [0.0, -0.8, 1.1, f64::NAN, f64::NEG_INFINITY] {
        let config = MemoryPoolConfig { gc_threshold: threshold, ..page };
        assert_eq!(refused(config), field("gc_threshold", &threshold.to_string()));
    }
    assert_eq!(refused(MemoryPoolConfig { initial_size: 0, ..page }), field("initial_size", "0"));
    let larger = page.max_size + 1;
    assert_eq!(refused(MemoryPoolConfig { initial_size: larger, ..page }), field("initial_size", "104857601"));
    assert_eq!(refused(MemoryPoolConfig { max_size: 0, ..page }), field("max_size", "0"));
    assert_eq!(refused(MemoryPoolConfig { chunk_size: 0, ..page }), field("chunk_size", "0"));
    let quarter = MemoryPoolConfig { max_size: MIB, chunk_size: MIB / 4 + 1, ..page };
    assert_eq!(refused(quarter), field("chunk_size", "262145"));
    let refused = Pipeline::builder(Default::default()).memory(MemoryPoolConfig { growth_factor: f64::NAN, ..page });
    let error = refused.start().unwrap_err().to_string();
    assert_eq!(error, "growth_factor is NaN, but takes more than 1, at most 16");
}

#[test]
fn a_record_nearly_as_large_as_the_budget_gets_its_turn_before_small_ones_that_came_later() {
    let memory = MemoryPoolConfig {
        initial_size: 16 << 10,
        max_size: 256 << 10,
        chunk_size: 16 << 10,
        ..MemoryPoolConfig::default()
    };
    const LARGE: usize = 250 << 10;
    let (gate, builder) = held_back(memory);
    let limits = BatchLimits { max_batch_bytes: 16 << 10, on_full: OnFull::Block, ..BatchLimits::default() };
    let pipeline = builder.limits(limits).start().unwrap();
    let scope = scope(pipeline.intake());
    let append =
        |len: usize| pipeline.intake().append(Signal::Logs, &scope, 1, len, |out| out.resize(out.len() + len, 0));
    let wait_until = |is_so: &dyn Fn(&PoolSnapshot) -> bool| {
        while !is_so(&pipeline.memory_pool()) {
            std::thread::yield_now();
        }
    };
    (0..16).for_each(|_| append(16 << 10));
    assert_eq!(pipeline.memory_pool().in_use, 256 << 10);
    let overtaken = std::thread::scope(|threads| {
        threads.spawn(|| append(LARGE));
        wait_until(&|pool| pool.waiting_threads == 1);
        gate.add_permits(1);
        wait_until(&|pool| pool.in_use <= 240 << 10);
        let small = threads.spawn(|| append(100));
        wait_until(&|pool| pool.waiting_threads == 2 || small.is_finished());
        let overtaken = small.is_finished();
        gate.add_permits(1_000);
        overtaken
    });
    assert!(!overtaken, "room for a small one is not yet room for the large one");
    let report = pipeline.shutdown_blocking(DEADLINE);
    assert_eq!((report.ledgers[0].logs.delivered, report.ledgers[0].lost()), (18, 0), "{report}");
}

/// What arrives of a hundred spans, in bytes, and where each record was written: whether something stood before it.
fn sent(zero_copy: bool) -> (Vec<u8>, usize, usize) {
    let segments = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&segments);
    let exporter = Scripted::new("looking", move |batch| {
        seen.lock().push(batch.to_request().segments().to_vec());
        async { Outcome::delivered() }
    });
    let pipeline =
        pipeline(BatchConfig::default(), &exporter).zero_copy(zero_copy).start().expect("the pipeline starts");
    let scope = scope(pipeline.intake());
    let mut written_in_place = 0;
    for number in 0..100_u64 {
        pipeline.intake().append(Signal::Traces, &scope, 1, RECORD, |out| {
            written_in_place += usize::from(!out.is_empty());
            out.extend_from_slice(&[0x12, 8]);
            out.extend_from_slice(&number.to_be_bytes());
        });
    }
    assert!(pipeline.shutdown_blocking(DEADLINE).complete);
    let requests = segments.lock();
    assert_eq!(requests.len(), 1);
    (requests[0].concat(), requests[0].len(), written_in_place)
}

#[test]
fn copying_sends_the_same_bytes_and_copies_each_record_and_each_request() {
    let (shared, segments, written_in_place) = sent(true);
    assert!(segments > 1 && written_in_place == 99, "{segments} {written_in_place}");
    let (copied, segments, written_in_place) = sent(false);
    assert_eq!((segments, written_in_place), (1, 0));
    assert_eq!(copied, shared);
}

#[test]
fn copying_neither_takes_nor_writes_a_record_beyond_the_limit() {
    let exporter = Scripted::accepting();
    let pipeline = pipeline(BatchConfig::default(), &exporter).zero_copy(false).start().unwrap();
    let scope = scope(pipeline.intake());
    pipeline.intake().append(Signal::Logs, &scope, 1, 200 << 20, |_| panic!("must not be written"));
    let ledger = pipeline.shutdown_blocking(DEADLINE).ledgers[0].logs;
    assert_eq!(ledger.dropped[DropReason::RecordTooLarge], 1);
}
