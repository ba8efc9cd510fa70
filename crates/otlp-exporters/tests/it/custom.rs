//! The user's own exporter: each of its answers acts.

use std::{error::Error, sync::Arc, time::Duration};

use otlp_batch::{DropReason, Ledger};
use otlp_core::data::{LogData, MetricData, SpanData};
use otlp_exporters::{ExportResult, Exporter, Hurry, OwnedDataExporter, Retrying, async_trait};
use otlp_reliability::RetryPolicy;
use parking_lot::Mutex;

use crate::records::{log, metric, pipeline, span};

type Answer = Result<ExportResult, Box<dyn Error + Send + Sync>>;

/// Answers from a list, and remembers what it was given.
struct Scripted {
    answers: Mutex<Vec<fn() -> Answer>>,
    given: Arc<Mutex<Vec<String>>>,
}

impl Scripted {
    fn answer(&self, given: String) -> Answer {
        self.given.lock().push(given);
        self.answers.lock().pop().map_or(Ok(ExportResult::Success), |answer| answer())
    }
}

#[async_trait]
impl Exporter for Scripted {
    async fn export_spans(&self, spans: Vec<SpanData>) -> Answer {
        let names: Vec<String> = spans.iter().map(|one| one.name.clone()).collect();
        assert!(spans.iter().all(|one| one.resource.service_name() == Some("shop") && one.scope.name == "cart"));
        self.answer(names.join(" "))
    }

    async fn export_metrics(&self, metrics: Vec<MetricData>) -> Answer {
        self.answer(format!("{} {}", metrics[0].name, metrics[0].point_count()))
    }

    async fn export_logs(&self, logs: Vec<LogData>) -> Answer {
        self.answer(format!("{:?}", logs[0].body))
    }
}

/// The ledger after three spans met these answers, first to last, and what the exporter was given.
fn three_spans(mut answers: Vec<fn() -> Answer>) -> (Ledger, Vec<String>) {
    answers.reverse();
    let given = Arc::new(Mutex::new(Vec::new()));
    let exporter = Scripted { answers: Mutex::new(answers), given: Arc::clone(&given) };
    let retry = RetryPolicy::new().with_max_attempts(3).with_initial_delay(Duration::from_millis(1)).build().unwrap();
    let pipeline = pipeline(Retrying::new(OwnedDataExporter::new(Box::new(exporter)), retry, Hurry::new()));
    for name in ["a", "b", "c"] {
        span(pipeline.intake(), name);
    }
    let ledger = pipeline.shutdown_blocking(Duration::from_secs(10)).ledgers.remove(0);
    assert!(ledger.balances() && ledger.pending() == 0, "{ledger}");
    let given = given.lock().clone();
    (ledger, given)
}

#[test]
fn success_is_delivered() {
    let (ledger, given) = three_spans(vec![|| Ok(ExportResult::Success)]);
    assert_eq!((ledger.traces.delivered, given), (3, vec!["a b c".to_owned()]));
}

#[test]
fn a_partial_success_rejects_and_is_not_repeated() {
    let partial = || Ok(ExportResult::PartialSuccess { rejected: 2, message: "no".into() });
    let (ledger, given) = three_spans(vec![partial]);
    assert_eq!((ledger.traces.delivered, ledger.traces.rejected, given.len()), (1, 2, 1));
}

#[test]
fn a_failure_is_final() {
    let (ledger, given) = three_spans(vec![|| Ok(ExportResult::Failure)]);
    assert_eq!((ledger.traces.rejected, given.len()), (3, 1));
}

#[test]
fn a_retry_and_an_error_are_repeated_with_the_same_items() {
    let (ledger, given) =
        three_spans(vec![|| Ok(ExportResult::Retry { after: None }), || Err("the disk is full".into())]);
    assert_eq!((ledger.traces.delivered, given), (3, vec!["a b c".to_owned(); 3]));
}

#[test]
fn what_fails_too_often_is_dropped_as_such() {
    let (ledger, given) = three_spans(vec![|| Err("down".into()), || Err("down".into()), || Err("down".into())]);
    assert_eq!((ledger.traces.dropped[DropReason::RetriesExhausted], given.len()), (3, 3));
}

#[test]
fn a_panic_loses_the_batch_and_says_so() {
    let (ledger, _) = three_spans(vec![|| panic!("as the test asks")]);
    assert_eq!(ledger.traces.dropped[DropReason::ExporterPanicked], 3);
}

#[test]
fn metrics_and_logs_arrive_as_owned_data() {
    let given = Arc::new(Mutex::new(Vec::new()));
    let exporter = Scripted { answers: Mutex::default(), given: Arc::clone(&given) };
    let retry = RetryPolicy::new().build().unwrap();
    let pipeline = pipeline(Retrying::new(OwnedDataExporter::new(Box::new(exporter)), retry, Hurry::new()));
    metric(pipeline.intake(), "orders");
    log(pipeline.intake(), "hello");
    let ledger = pipeline.shutdown_blocking(Duration::from_secs(10)).ledgers.remove(0);
    assert_eq!((ledger.metrics.delivered, ledger.logs.delivered), (2, 1));
    let mut given = given.lock().clone();
    given.sort();
    assert_eq!(given, ["String(\"hello\")", "orders 2"]);
}
