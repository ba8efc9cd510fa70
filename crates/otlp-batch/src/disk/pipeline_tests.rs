//! The pipeline before a disk that fails: nothing is lost that memory can hold, and somebody hears of it.

use std::{
    io,
    sync::Arc,
    time::{Duration, Instant},
};

use otlp_core::{
    Outcome, Signal,
    data::{Resource, Scope},
};
use parking_lot::Mutex;
use tokio::sync::watch;

use super::{simulated_disk::SimulatedDisk, *};
use crate::{
    Attempts, Batch, BatchConfig, BatchExporter, DropReason, ExportFuture, Pipeline, ReadyFuture, SignalLedger,
};

const DEADLINE: Duration = Duration::from_secs(20);
const MOMENT: Duration = Duration::from_millis(50);

/// A backend that is up or down, and counts.
struct Backend {
    is_up: watch::Sender<bool>,
    items: Mutex<u64>,
}

impl BatchExporter for Backend {
    fn name(&self) -> String {
        "backend".to_owned()
    }

    fn unready(&self, _: Signal) -> Option<ReadyFuture<'_>> {
        let mut is_up = self.is_up.subscribe();
        let is_down = !*is_up.borrow_and_update();
        is_down.then(|| -> ReadyFuture<'_> { Box::pin(async move { drop(is_up.wait_for(|is_up| *is_up).await) }) })
    }

    fn export<'a>(&'a self, batch: &'a Batch, _: &'a Attempts<'a>) -> ExportFuture<'a> {
        *self.items.lock() += batch.items();
        Box::pin(async { Outcome::delivered().into() })
    }
}

struct Program {
    pipeline: Pipeline,
    backend: Arc<Backend>,
    events: Arc<Mutex<Vec<String>>>,
}

impl Program {
    fn start(disk: &SimulatedDisk, is_up: bool) -> Self {
        let backend = Arc::new(Backend { is_up: watch::Sender::new(is_up), items: Mutex::new(0) });
        let events = Arc::new(Mutex::new(Vec::new()));
        let said = Arc::clone(&events);
        let config = BatchConfig { max_batch_size: 10, max_queue_size: 1_000, ..BatchConfig::default() };
        let builder = || {
            let said = Arc::clone(&said);
            Pipeline::builder(Resource::default())
                .batch(config)
                .with_disk_queue(DiskQueueConfig::new("/queue").with_durability(Durability::Always))
                .disk_file_system(Arc::new(disk.clone()))
                .disk_patience(MOMENT)
                .on_disk_event(move |_, event| said.lock().push(format!("{event:?}")))
                .destination(backend.clone())
        };
        // A disk that fails while the queue is opened is an error, and the next start finds all that was there.
        let pipeline = builder().start().or_else(|_| builder().start());
        Program { pipeline: pipeline.expect("the pipeline starts"), backend, events }
    }

    fn record(&self, items: u64) {
        let intake = self.pipeline.intake();
        let scope = intake.scope(&Scope::default());
        (0..items).for_each(|_| intake.append(Signal::Traces, &scope, 1, 2, |out| out.extend_from_slice(&[0x12, 0])));
    }

    fn said(&self, what: &str) -> bool {
        self.events.lock().iter().any(|event| event.contains(what))
    }

    /// Waits until it was said.
    fn wait_for(&self, what: &str) {
        let started = Instant::now();
        while !self.said(what) {
            assert!(started.elapsed() < DEADLINE, "no {what} in {:?}", self.events.lock());
            std::thread::yield_now();
        }
    }

    fn end(&self, deadline: Duration) -> SignalLedger {
        let report = self.pipeline.shutdown_blocking(deadline);
        assert!(report.ledgers[0].balances(), "{report}");
        report.ledgers[0].traces
    }
}

const FOREVER: usize = usize::MAX / 2;

#[test]
fn while_the_disk_is_full_batches_stay_in_memory_and_are_delivered_from_there() {
    let disk = SimulatedDisk::default();
    let program = Program::start(&disk, false);
    disk.fail(0, FOREVER, io::ErrorKind::StorageFull);
    program.record(200);
    program.wait_for("Degraded");
    assert!(!program.pipeline.persist_blocking(MOMENT).durable);
    assert_eq!(program.pipeline.queue_depths(Signal::Traces)[0].waiting_items, 200);
    program.backend.is_up.send_replace(true);
    assert!(program.pipeline.flush_blocking(DEADLINE).complete);
    let ledger = program.end(DEADLINE);
    assert_eq!((ledger.delivered, ledger.dropped.total(), ledger.pending), (200, 0, 0), "{ledger}");
}

#[test]
fn a_disk_that_works_again_keeps_what_memory_had() {
    let disk = SimulatedDisk::default();
    let program = Program::start(&disk, false);
    disk.fail(0, FOREVER, io::ErrorKind::Other);
    program.record(200);
    program.wait_for("Degraded");
    disk.repair();
    assert!(program.pipeline.persist_blocking(DEADLINE).durable);
    program.wait_for("Restored");
    assert_eq!(program.end(MOMENT).pending, 200);
    let next = Program::start(&disk, true);
    let ledger = next.end(DEADLINE);
    assert_eq!((ledger.recovered, ledger.delivered), (200, 200), "{ledger}");
}

#[test]
fn somebody_hears_of_a_disk_that_does_not_answer_and_of_one_that_does_again() {
    let disk = SimulatedDisk::default();
    let program = Program::start(&disk, false);
    disk.hang(true);
    program.record(200);
    program.wait_for("Stalled");
    assert!(!program.pipeline.persist_blocking(MOMENT).durable);
    assert!(!program.said("Restored"));
    disk.hang(false);
    program.wait_for("Restored");
    assert!(program.pipeline.persist_blocking(DEADLINE).durable);
    let stalled = program.events.lock().iter().filter(|event| event.contains("Stalled")).count();
    assert_eq!(stalled, 1, "it is said once");
    assert_eq!(program.end(MOMENT).pending, 200);
}

#[test]
fn a_lost_cursor_is_told() {
    let disk = SimulatedDisk::default();
    let first = Program::start(&disk, false);
    first.record(200);
    assert_eq!(first.end(MOMENT).pending, 200);
    let (cursor, _) = disk.contents().into_iter().find(|(path, _)| path.ends_with("cursor")).expect("a cursor");
    disk.replace(&cursor, vec![1; 9]);
    let second = Program::start(&disk, true);
    second.wait_for("is_cursor_lost: true");
    assert_eq!(second.end(DEADLINE).delivered, 200);
}

#[test]
fn what_memory_cannot_hold_either_is_dropped_and_counted() {
    let disk = SimulatedDisk::default();
    let program = Program::start(&disk, false);
    disk.fail(0, FOREVER, io::ErrorKind::StorageFull);
    program.record(3_000);
    let dropped = program.pipeline.ledgers()[0].traces.dropped[DropReason::QueueFull];
    assert!((1_500..2_500).contains(&dropped), "{dropped}");
    let ledger = program.end(MOMENT);
    assert_eq!(ledger.dropped[DropReason::DiskFailed], 3_000 - dropped, "the process ends, and with it the memory");
    assert_eq!(ledger.pending, 0);
}

#[test]
fn any_single_failure_of_the_disk_loses_nothing() {
    let clean = SimulatedDisk::default();
    let run = |disk: &SimulatedDisk| {
        let first = Program::start(disk, false);
        for _ in 0..4 {
            first.record(20);
            // Tried again until it works.
            assert!(first.pipeline.persist_blocking(DEADLINE).durable);
        }
        let ledger = first.end(MOMENT);
        assert_eq!((ledger.accepted, ledger.pending), (80, 80), "{ledger}");
        let second = Program::start(disk, true);
        assert!(second.pipeline.flush_blocking(DEADLINE).complete);
        let ledger = second.end(DEADLINE);
        let expected = (80, 80, 0, 0);
        assert_eq!((ledger.recovered, ledger.delivered, ledger.dropped.total(), ledger.pending), expected, "{ledger}");
        assert_eq!(*second.backend.items.lock(), 80);
    };
    run(&clean);
    for failing in 1..=clean.operations() {
        println!("operation {failing} fails");
        let disk = SimulatedDisk::default();
        disk.fail(failing, 1, io::ErrorKind::Other);
        run(&disk);
    }
}
