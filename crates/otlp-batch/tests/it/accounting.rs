//! Every item gets exactly one fate, whatever the exporter does.

use std::{future::pending, sync::Arc, time::Duration};

use otlp_batch::{BatchConfig, BatchExporter, BatchLimits, DropReason, Pipeline};
use otlp_core::{Outcome, PartialSuccess, RetryableFailure};

use crate::scripted::{Fates, Scripted, error, numbers, pipeline, resource, spans};

const DEADLINE: Duration = Duration::from_secs(10);

fn run(exporter: &Arc<Scripted>, config: BatchConfig, count: u64, deadline: Duration) -> otlp_batch::SignalLedger {
    run_limited(exporter, config, BatchLimits::default(), count, deadline)
}

fn run_limited(
    exporter: &Arc<Scripted>,
    config: BatchConfig,
    limits: BatchLimits,
    count: u64,
    deadline: Duration,
) -> otlp_batch::SignalLedger {
    let fates = Arc::new(Fates::default());
    let pipeline =
        pipeline(config, exporter).limits(limits).observer(fates.clone()).start().expect("the pipeline starts");
    spans(pipeline.intake(), 0..count);
    let report = pipeline.shutdown_blocking(deadline);
    let ledger = report.ledgers[0].traces;
    assert!(ledger.balances() && ledger.pending == 0 && ledger.accepted == count, "{ledger}");
    let seen: Vec<u64> = fates.sorted().into_iter().map(|(number, _)| number).collect();
    assert_eq!(seen, (0..count).collect::<Vec<_>>(), "each record has exactly one fate");
    ledger
}

#[test]
fn a_partial_success_counts_as_rejected_and_never_as_more_than_was_sent() {
    let exporter = Scripted::new("partial", |_| async {
        Outcome::Delivered(PartialSuccess { rejected: u64::MAX, message: String::new() })
    });
    let ledger = run(&exporter, BatchConfig::default(), 10, DEADLINE);
    assert_eq!((ledger.delivered, ledger.rejected), (0, 10));
    let exporter = Scripted::new("partial", |_| async {
        Outcome::Delivered(PartialSuccess { rejected: 3, message: String::new() })
    });
    let ledger = run(&exporter, BatchConfig::default(), 10, DEADLINE);
    assert_eq!((ledger.delivered, ledger.rejected), (7, 3));
}

#[test]
fn refused_is_rejected_and_given_up_is_dropped() {
    let refusing = Scripted::new("refusing", |_| async { Outcome::Refused(error("no")) });
    assert_eq!(run(&refusing, BatchConfig::default(), 10, DEADLINE).rejected, 10);
    let giving_up = Scripted::new("giving up", |_| async { Outcome::retry(error("later")) });
    let ledger = run(&giving_up, BatchConfig::default(), 10, DEADLINE);
    assert_eq!(ledger.dropped[DropReason::RetriesExhausted], 10);
}

#[test]
fn a_shutdown_at_its_deadline_gives_up_what_is_in_flight_and_what_waits() {
    let exporter = Scripted::new("black hole", |_| pending::<Outcome>());
    let config = BatchConfig { max_batch_size: 10, ..BatchConfig::default() };
    let limits = BatchLimits { max_in_flight: 2, ..BatchLimits::default() };
    let ledger = run_limited(&exporter, config, limits, 100, Duration::from_millis(20));
    assert_eq!(ledger.dropped[DropReason::ShutDown], 100);
    assert_eq!(ledger.acknowledgements_lost, 20, "two batches were under way");
}

#[test]
fn a_lost_acknowledgement_is_counted() {
    let exporter = Scripted::new("resetting", |_| async {
        Outcome::Retry(RetryableFailure { error: error("reset"), after: None, acknowledgement_lost: true })
    });
    assert_eq!(run(&exporter, BatchConfig::default(), 10, DEADLINE).acknowledgements_lost, 10);
}

#[test]
fn a_panicking_exporter_loses_its_batch_and_nothing_else() {
    let exporter = Scripted::new("panicking", |batch| async move {
        assert!(!numbers(&batch).contains(&5), "scripted panic");
        Outcome::delivered()
    });
    let config = BatchConfig { max_batch_size: 10, ..BatchConfig::default() };
    let ledger = run(&exporter, config, 100, DEADLINE);
    assert_eq!((ledger.dropped[DropReason::ExporterPanicked], ledger.delivered), (10, 90));
}

#[test]
fn a_batch_that_is_too_large_is_split_until_it_fits() {
    let exporter = Scripted::new("small", |batch| async move {
        if batch.items() > 3 { Outcome::TooLarge(error("too large")) } else { Outcome::delivered() }
    });
    let ledger = run(&exporter, BatchConfig::default(), 100, DEADLINE);
    assert_eq!(ledger.delivered, 100);
    let mut delivered = exporter.numbers();
    delivered.sort_unstable();
    assert_eq!(delivered, (0..100).collect::<Vec<_>>());
}

#[test]
fn a_single_item_that_is_too_large_is_rejected_and_its_neighbours_arrive() {
    let exporter = Scripted::new("picky", |batch| async move {
        if numbers(&batch).contains(&42) { Outcome::TooLarge(error("too large")) } else { Outcome::delivered() }
    });
    let ledger = run(&exporter, BatchConfig::default(), 100, DEADLINE);
    assert_eq!((ledger.delivered, ledger.rejected), (99, 1));
    assert!(!exporter.numbers().contains(&42));
}

#[test]
fn what_is_recorded_after_the_shutdown_is_counted_as_such() {
    let exporter = Scripted::accepting();
    let pipeline = pipeline(BatchConfig::default(), &exporter).start().unwrap();
    spans(pipeline.intake(), 0..3);
    pipeline.shutdown_blocking(DEADLINE);
    spans(pipeline.intake(), 3..10);
    let again = pipeline.shutdown_blocking(DEADLINE);
    let ledger = again.ledgers[0].traces;
    assert_eq!((ledger.delivered, ledger.dropped[DropReason::ShutDown], ledger.pending), (3, 7, 0));
}

#[test]
fn each_destination_has_a_ledger_of_its_own() {
    let accepting = Scripted::accepting();
    let refusing = Scripted::new("refusing", |_| async { Outcome::Refused(error("no")) });
    let pipeline = pipeline(BatchConfig::default(), &accepting).destination(refusing).start().unwrap();
    spans(pipeline.intake(), 0..10);
    let ledgers = pipeline.shutdown_blocking(DEADLINE).ledgers;
    assert_eq!((ledgers[0].destination.as_str(), ledgers[0].traces.delivered), ("accepting", 10));
    assert_eq!((ledgers[1].destination.as_str(), ledgers[1].traces.rejected), ("refusing", 10));
    assert!(ledgers.iter().all(otlp_batch::Ledger::balances));
}

#[test]
fn dropping_the_pipeline_delivers_and_reports() {
    let exporter = Scripted::accepting();
    let (sender, receiver) = std::sync::mpsc::channel();
    let pipeline = Pipeline::builder(resource())
        .destination(Arc::clone(&exporter) as Arc<dyn BatchExporter>)
        .on_drop(move |report| drop(sender.send(report.clone())))
        .start()
        .unwrap();
    spans(pipeline.intake(), 0..10);
    drop(pipeline);
    assert_eq!(exporter.numbers().len(), 10);
    assert_eq!(receiver.recv().unwrap().ledgers[0].traces.delivered, 10);
}
