//! Many threads, threads that end, and runtimes of every kind around the pipeline.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use otlp_batch::{BatchConfig, Intake, Producer};
use otlp_core::Signal;

use crate::scripted::{Scripted, pipeline, record, scope, spans};

const DEADLINE: Duration = Duration::from_secs(10);

fn slow() -> BatchConfig {
    BatchConfig { batch_timeout: Duration::from_secs(3600), ..BatchConfig::default() }
}

#[test]
fn a_flush_covers_what_all_threads_recorded_before_it() {
    let exporter = Scripted::accepting();
    let pipeline = pipeline(slow(), &exporter).start().unwrap();
    let barrier = std::sync::Barrier::new(65);
    std::thread::scope(|threads| {
        for thread in 0..64 {
            let (intake, barrier) = (pipeline.intake(), &barrier);
            threads.spawn(move || {
                spans(intake, thread * 100..(thread + 1) * 100);
                barrier.wait();
                barrier.wait();
            });
        }
        barrier.wait();
        let report = pipeline.flush_blocking(DEADLINE);
        assert!(report.complete);
        assert_eq!(report.ledgers[0].traces.delivered, 6_400);
        barrier.wait();
    });
}

#[test]
fn what_an_ended_thread_recorded_is_not_forgotten() {
    let exporter = Scripted::accepting();
    let pipeline = pipeline(slow(), &exporter).start().unwrap();
    for thread in 0..50 {
        std::thread::scope(|threads| {
            threads.spawn(|| spans(pipeline.intake(), thread * 10..(thread + 1) * 10));
        });
    }
    assert_eq!(pipeline.flush_blocking(DEADLINE).ledgers[0].traces.delivered, 500);
    assert_eq!(pipeline.flush_blocking(DEADLINE).ledgers[0].traces.accepted, 500);
}

#[test]
fn the_ledger_balances_at_every_moment() {
    let exporter = Scripted::accepting();
    let config = BatchConfig { max_batch_size: 50, batch_timeout: Duration::from_millis(1), ..slow() };
    let pipeline = pipeline(config, &exporter).start().unwrap();
    let done = AtomicBool::new(false);
    std::thread::scope(|threads| {
        let watcher = threads.spawn(|| {
            let mut looks = 0u64;
            while !done.load(Ordering::Relaxed) || looks == 0 {
                let ledger = pipeline.ledgers()[0].traces;
                assert!(ledger.balances(), "{ledger}");
                looks += 1;
            }
        });
        let producers: Vec<_> = (0..4)
            .map(|thread| {
                threads.spawn({
                    let intake = pipeline.intake();
                    move || spans(intake, thread * 20_000..(thread + 1) * 20_000)
                })
            })
            .collect();
        producers.into_iter().for_each(|producer| producer.join().unwrap());
        done.store(true, Ordering::Relaxed);
        watcher.join().unwrap();
    });
    assert_eq!(pipeline.shutdown_blocking(DEADLINE).ledgers[0].traces.delivered, 80_000);
}

#[test]
fn blocking_and_async_calls_work_inside_a_current_thread_runtime() {
    let exporter = Scripted::accepting();
    let pipeline = pipeline(slow(), &exporter).start().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        spans(pipeline.intake(), 0..5);
        assert!(pipeline.flush_blocking(DEADLINE).complete);
        spans(pipeline.intake(), 5..10);
        assert!(pipeline.flush(DEADLINE).await.complete);
        spans(pipeline.intake(), 10..15);
        assert_eq!(pipeline.shutdown(Duration::MAX).await.ledgers[0].traces.delivered, 15);
    });
}

#[test]
fn records_made_while_a_thread_local_is_destroyed_are_accepted() {
    struct RecordsLate(Intake);
    impl Drop for RecordsLate {
        fn drop(&mut self) {
            spans(&self.0, [99]);
        }
    }
    thread_local! {
        static LATE: std::cell::RefCell<Option<RecordsLate>> = const { std::cell::RefCell::new(None) };
    }
    let exporter = Scripted::accepting();
    let pipeline = pipeline(slow(), &exporter).start().unwrap();
    let intake = pipeline.intake().clone();
    std::thread::spawn(move || {
        LATE.with(|late| *late.borrow_mut() = Some(RecordsLate(intake.clone())));
        spans(&intake, [1]);
    })
    .join()
    .unwrap();
    pipeline.shutdown_blocking(DEADLINE);
    let mut delivered = exporter.numbers();
    delivered.sort_unstable();
    assert_eq!(delivered, [1, 99]);
}

#[test]
fn a_pipeline_that_ended_lets_go_of_its_producers_and_memory() {
    /// Holds the intake, as a meter provider does.
    struct Holding {
        _intake: Intake,
    }
    impl Producer for Holding {
        fn produce(&self, _: &Intake) {}
    }
    let exporter = Scripted::accepting();
    let pipeline = pipeline(slow(), &exporter).start().unwrap();
    let intake = pipeline.intake().clone();
    let producer = Arc::new(Holding { _intake: intake.clone() });
    let witness = Arc::downgrade(&producer);
    intake.register(producer);
    pipeline.shutdown_blocking(DEADLINE);
    assert!(witness.upgrade().is_none());
    let late = Arc::new(Holding { _intake: intake.clone() });
    let witness = Arc::downgrade(&late);
    intake.register(late);
    assert!(witness.upgrade().is_none());
}

#[test]
fn producers_are_asked_at_each_flush() {
    struct OnePoint(std::sync::atomic::AtomicU64);
    impl Producer for OnePoint {
        fn produce(&self, intake: &Intake) {
            record(intake, Signal::Metrics, &scope(intake), self.0.fetch_add(1, Ordering::Relaxed));
        }
    }
    let exporter = Scripted::accepting();
    let pipeline = pipeline(slow(), &exporter).start().unwrap();
    pipeline.intake().register(Arc::new(OnePoint(0.into())));
    pipeline.flush_blocking(DEADLINE);
    let ledger = pipeline.shutdown_blocking(DEADLINE).ledgers[0].metrics;
    assert_eq!((ledger.accepted, ledger.delivered), (2, 2));
    assert_eq!(exporter.numbers(), [0, 1]);
}
