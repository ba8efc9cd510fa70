//! What closes a batch under each strategy, counted where batches arrive.

use std::{
    sync::{Arc, mpsc},
    time::Duration,
};

use otlp_batch::{BatchConfig, BatchStrategy, Intake, MemoryPoolConfig, PipelineBuilder, Producer};
use otlp_core::{Outcome, Signal};

use crate::scripted::{RECORD, Scripted, one_at_a_time, pipeline, record, scope, spans};

const DEADLINE: Duration = Duration::from_secs(10);
/// No timer interferes.
const NEVER: Duration = Duration::from_secs(3600);
/// The timer is always there.
const ALWAYS: Duration = Duration::from_millis(1);

/// A pipeline whose batches close at a hundred items or after `batch_timeout`, and the sizes of the batches that arrive.
fn arriving(strategy: BatchStrategy, batch_timeout: Duration) -> (PipelineBuilder, mpsc::Receiver<u64>) {
    let (sender, sizes) = mpsc::channel();
    let exporter = Scripted::new("counting", move |batch| {
        let _ = sender.send(batch.items());
        async { Outcome::delivered() }
    });
    let config = BatchConfig { max_batch_size: 100, batch_timeout, strategy, ..BatchConfig::default() };
    (pipeline(config, &exporter).limits(one_at_a_time()), sizes)
}

/// The sizes of the batches that 250 items arrive in, the last of them by a flush.
fn by_flush(strategy: BatchStrategy) -> Vec<u64> {
    let (builder, sizes) = arriving(strategy, NEVER);
    let pipeline = builder.start().expect("the pipeline starts");
    spans(pipeline.intake(), 0..250);
    assert!(pipeline.flush_blocking(DEADLINE).complete);
    drop(pipeline);
    sizes.iter().collect()
}

/// Waits until 250 items have arrived without any flush.
fn arrive_by_time(strategy: BatchStrategy) {
    let (builder, sizes) = arriving(strategy, ALWAYS);
    let pipeline = builder.start().expect("the pipeline starts");
    spans(pipeline.intake(), 0..250);
    let mut arrived = 0;
    while arrived < 250 {
        arrived += sizes.recv_timeout(DEADLINE).expect("batches close by time");
    }
}

#[test]
fn by_size_batches_are_full_but_for_the_flushed_rest() {
    assert_eq!(by_flush(BatchStrategy::SizeBased), [100, 100, 50]);
}

#[test]
fn by_time_the_count_closes_nothing() {
    assert_eq!(by_flush(BatchStrategy::TimeBased), [250]);
    arrive_by_time(BatchStrategy::TimeBased);
}

#[test]
fn hybrid_closes_by_either() {
    assert_eq!(by_flush(BatchStrategy::Hybrid), [100, 100, 50]);
    arrive_by_time(BatchStrategy::Hybrid);
}

#[test]
fn by_size_what_is_not_full_waits_however_often_the_clock_ticks() {
    let (builder, sizes) = arriving(BatchStrategy::SizeBased, ALWAYS);
    let (ticks, ticked) = mpsc::channel();
    let pipeline = builder.on_tick(move || _ = ticks.send(())).start().unwrap();
    spans(pipeline.intake(), 0..250);
    assert_eq!((sizes.recv_timeout(DEADLINE), sizes.recv_timeout(DEADLINE)), (Ok(100), Ok(100)));
    // The clock has ticked after the last of the records, and whatever that would bring about is done.
    while ticked.try_recv().is_ok() {}
    (0..3).for_each(|_| ticked.recv_timeout(DEADLINE).unwrap());
    assert!(sizes.try_recv().is_err());
    assert_eq!(pipeline.ledgers()[0].traces.pending, 50);
    assert!(pipeline.shutdown_blocking(DEADLINE).complete);
    assert_eq!(sizes.try_iter().collect::<Vec<_>>(), [50]);
}

#[test]
fn by_size_what_threads_leave_when_they_end_fills_batches() {
    let (builder, sizes) = arriving(BatchStrategy::SizeBased, ALWAYS);
    let pipeline = builder.start().unwrap();
    for thread in 0..20 {
        std::thread::scope(|threads| {
            threads.spawn(|| spans(pipeline.intake(), thread * 10..thread * 10 + 10));
        });
    }
    assert_eq!((sizes.recv_timeout(DEADLINE), sizes.recv_timeout(DEADLINE)), (Ok(100), Ok(100)));
}

#[test]
fn by_size_a_budget_that_open_batches_fill_closes_them() {
    let (sender, arrived) = mpsc::channel();
    let exporter = Scripted::new("counting", move |batch| {
        let _ = sender.send(batch.items());
        async { Outcome::delivered() }
    });
    let config = BatchConfig {
        max_batch_size: 1_000_000,
        max_queue_size: 1_000_000,
        strategy: BatchStrategy::SizeBased,
        ..BatchConfig::default()
    };
    let memory = MemoryPoolConfig {
        initial_size: 16 << 10,
        max_size: 256 << 10,
        chunk_size: 16 << 10,
        ..MemoryPoolConfig::default()
    };
    let pipeline = pipeline(config, &exporter).memory(memory).start().unwrap();
    spans(pipeline.intake(), 0..60_000);
    let accepted = (256 << 10) / RECORD as u64;
    assert!(arrived.recv_timeout(DEADLINE).unwrap() <= accepted);
    assert!(pipeline.memory_pool().refusals > 0);
}

#[test]
fn each_strategy_keeps_a_request_within_its_bytes() {
    for strategy in [BatchStrategy::SizeBased, BatchStrategy::TimeBased, BatchStrategy::Hybrid] {
        let exporter = Scripted::accepting();
        let config =
            BatchConfig { max_batch_size: 1_000_000, max_queue_size: 1_000_000, batch_timeout: NEVER, strategy };
        let limits = otlp_batch::BatchLimits { max_batch_bytes: 16 << 10, ..Default::default() };
        let pipeline = pipeline(config, &exporter).limits(limits).start().unwrap();
        spans(pipeline.intake(), 0..10_000);
        assert!(pipeline.flush_blocking(DEADLINE).complete);
        assert!(exporter.batches().iter().all(|batch| batch.bytes() <= 16 << 10), "{strategy:?}");
        assert_eq!(exporter.numbers().len(), 10_000);
    }
}

#[test]
fn a_collection_of_metrics_goes_on_its_way_at_once() {
    struct OnePoint;
    impl Producer for OnePoint {
        fn produce(&self, intake: &Intake) {
            record(intake, Signal::Metrics, &scope(intake), 7);
        }
    }
    let (builder, sizes) = arriving(BatchStrategy::SizeBased, NEVER);
    let pipeline = builder.metric_interval(Duration::from_millis(5)).start().unwrap();
    pipeline.intake().register(Arc::new(OnePoint));
    assert_eq!((sizes.recv_timeout(DEADLINE), sizes.recv_timeout(DEADLINE)), (Ok(1), Ok(1)));
}

#[test]
fn a_queue_smaller_than_a_batch_is_refused_where_its_size_closes_it() {
    let config = |strategy, max_queue_size| BatchConfig {
        max_batch_size: 100,
        max_queue_size,
        strategy,
        ..BatchConfig::default()
    };
    for strategy in [BatchStrategy::SizeBased, BatchStrategy::Hybrid] {
        assert_eq!(config(strategy, 100).validate(), Ok(()));
        assert_eq!(
            config(strategy, 99).validate().unwrap_err().to_string(),
            "max_queue_size is 99 with max_batch_size 100, but takes at least max_batch_size, unless the strategy is \
             TimeBased: raise it, or lower max_batch_size"
        );
    }
    assert_eq!(config(BatchStrategy::TimeBased, 1).validate(), Ok(()));
}
