//! The policies around an attempt: what opens the breaker, what an open one means for a batch, and what still ends one.

use std::{
    error::Error,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use otlp_batch::{DropReason, Pipeline};
use otlp_core::{
    Signal,
    data::{LogData, MetricData, SpanData},
};
use otlp_exporters::{
    EndpointBreaker, ExportResult, Exporter, Governed, Hurry, JudgeEndpoint, OwnedDataExporter, Retrying, async_trait,
};
use otlp_reliability::{CircuitBreakerConfig, CircuitState, Observer, RetryPolicy, Timeout};

use crate::records::{log, pipeline, span};

type Answer = Result<ExportResult, Box<dyn Error + Send + Sync>>;

const DEADLINE: Duration = Duration::from_secs(20);
const MOMENT: Duration = Duration::from_millis(50);

/// Answers to the names in a batch of spans, and counts how often it is asked.
struct Answering<F> {
    asked: Arc<AtomicU64>,
    answer: F,
}

#[async_trait]
impl<F: Fn(u64, &[&str]) -> Answer + Send + Sync> Exporter for Answering<F> {
    async fn export_spans(&self, spans: Vec<SpanData>) -> Answer {
        let names: Vec<&str> = spans.iter().map(|one| one.name.as_str()).collect();
        (self.answer)(self.asked.fetch_add(1, Ordering::SeqCst), &names)
    }

    async fn export_metrics(&self, _: Vec<MetricData>) -> Answer {
        Ok(ExportResult::Success)
    }

    async fn export_logs(&self, _: Vec<LogData>) -> Answer {
        (self.answer)(self.asked.fetch_add(1, Ordering::SeqCst), &[])
    }
}

fn breaker(settings: CircuitBreakerConfig) -> EndpointBreaker {
    let nobody: Arc<dyn Observer> = Arc::new(());
    settings.build().unwrap().with_judge(JudgeEndpoint).with_observer(nobody)
}

/// Opens after so many failures in a row, for so long; one probe decides.
fn opening(failures: u32, break_duration: Duration) -> EndpointBreaker {
    breaker(
        CircuitBreakerConfig::new()
            .with_failure_rate(None)
            .with_consecutive_failures(failures)
            .with_half_open_probes(1)
            .with_break_duration(break_duration),
    )
}

/// Three attempts.
fn retry() -> RetryPolicy {
    RetryPolicy::new().with_max_attempts(3).with_initial_delay(Duration::from_millis(1))
}

fn start(
    breaker: &EndpointBreaker,
    answer: impl Fn(u64, &[&str]) -> Answer + Send + Sync + 'static,
) -> (Pipeline, Arc<AtomicU64>) {
    let asked = Arc::new(AtomicU64::new(0));
    let exporter = OwnedDataExporter::new(Box::new(Answering { asked: Arc::clone(&asked), answer }));
    let exporter = Retrying::new(exporter, retry().build().unwrap(), Hurry::new());
    let breakers = [Some(breaker.clone()), Some(breaker.clone()), Some(breaker.clone())];
    (pipeline(exporter.with_circuit_breakers(breakers)), asked)
}

#[test]
fn an_outage_that_is_longer_than_the_limits_of_retry_loses_nothing() {
    let breaker = opening(2, Duration::from_millis(1));
    let (pipeline, asked) =
        start(&breaker, |asked, _| if asked < 100 { Err("down".into()) } else { Ok(ExportResult::Success) });
    span(pipeline.intake(), "a");
    log(pipeline.intake(), "b");
    let ledger = pipeline.shutdown_blocking(DEADLINE).ledgers.remove(0);
    assert_eq!((ledger.traces.delivered, ledger.logs.delivered, ledger.lost()), (1, 1, 0), "{ledger}");
    assert_eq!(asked.load(Ordering::SeqCst), 102, "a hundred failures, and one success each");
    assert_eq!(breaker.state(), CircuitState::Closed);
}

#[test]
fn while_the_breaker_is_open_batches_wait_and_a_probe_that_succeeds_lets_them_flow() {
    let breaker = opening(1, Duration::from_secs(3600));
    let (pipeline, asked) =
        start(&breaker, |asked, _| if asked == 0 { Err("down".into()) } else { Ok(ExportResult::Success) });
    span(pipeline.intake(), "a");
    assert!(!pipeline.flush_blocking(MOMENT).complete);
    span(pipeline.intake(), "b");
    log(pipeline.intake(), "c");
    assert!(!pipeline.flush_blocking(MOMENT).complete);
    assert_eq!((asked.load(Ordering::SeqCst), breaker.state()), (1, CircuitState::Open));
    let depth = pipeline.queue_depths(Signal::Traces)[0];
    assert_eq!((depth.waiting_items, depth.in_flight_items), (2, 0));

    breaker.half_open();
    assert!(pipeline.flush_blocking(DEADLINE).complete);
    assert_eq!((asked.load(Ordering::SeqCst), breaker.state()), (4, CircuitState::Closed));
    assert_eq!(pipeline.shutdown_blocking(DEADLINE).ledgers[0].lost(), 0);
}

#[test]
fn what_is_refused_or_throttled_opens_nothing_and_keeps_its_limits() {
    let breaker = opening(1, Duration::from_secs(3600));
    let (pipeline, asked) = start(&breaker, |_, names| match names {
        ["throttled"] => Ok(ExportResult::Retry { after: Some(Duration::from_millis(1)) }),
        _ => Ok(ExportResult::Failure),
    });
    span(pipeline.intake(), "throttled");
    assert!(pipeline.flush_blocking(DEADLINE).complete);
    span(pipeline.intake(), "refused");
    let ledger = pipeline.shutdown_blocking(DEADLINE).ledgers[0].traces;
    assert_eq!((ledger.dropped[DropReason::RetriesExhausted], ledger.rejected), (1, 1), "{ledger}");
    assert_eq!((asked.load(Ordering::SeqCst), breaker.state()), (4, CircuitState::Closed));
}

#[test]
fn a_batch_that_fails_while_its_endpoint_works_ends_by_the_limits_of_retry() {
    let breaker = opening(5, Duration::from_secs(3600));
    let (pipeline, asked) =
        start(&breaker, |_, names| if names == ["poison"] { Err("cannot".into()) } else { Ok(ExportResult::Success) });
    span(pipeline.intake(), "poison");
    assert!(pipeline.flush_blocking(DEADLINE).complete);
    span(pipeline.intake(), "fine");
    let ledger = pipeline.shutdown_blocking(DEADLINE).ledgers[0].traces;
    assert_eq!((ledger.dropped[DropReason::RetriesExhausted], ledger.delivered), (1, 1), "{ledger}");
    assert_eq!((asked.load(Ordering::SeqCst), breaker.state()), (4, CircuitState::Closed));
}

#[test]
fn a_batch_that_opens_the_breaker_alone_again_and_again_is_given_up() {
    let breaker = opening(1, Duration::from_millis(1));
    let (pipeline, _) =
        start(&breaker, |_, names| if names == ["poison"] { Err("crashed".into()) } else { Ok(ExportResult::Success) });
    span(pipeline.intake(), "poison");
    let mut rounds = 0;
    while !pipeline.flush_blocking(MOMENT).complete {
        span(pipeline.intake(), "fine");
        rounds += 1;
        assert!(rounds < 100);
    }
    let ledger = pipeline.shutdown_blocking(DEADLINE).ledgers[0].traces;
    assert_eq!((ledger.dropped[DropReason::RetriesExhausted], ledger.delivered), (1, rounds), "{ledger}");
}

#[test]
fn a_panic_counts_against_the_endpoint() {
    let breaker = opening(1, Duration::from_secs(3600));
    let (pipeline, _) = start(&breaker, |_, _| panic!("as the test asks"));
    span(pipeline.intake(), "a");
    let ledger = pipeline.shutdown_blocking(DEADLINE).ledgers[0].traces;
    assert_eq!((ledger.dropped[DropReason::ExporterPanicked], breaker.state()), (1, CircuitState::Open));
}

#[test]
fn an_attempt_is_abandoned_in_time_and_may_have_delivered() {
    struct Hanging(AtomicU64);
    #[async_trait]
    impl Exporter for Hanging {
        async fn export_spans(&self, _: Vec<SpanData>) -> Answer {
            if self.0.fetch_add(1, Ordering::SeqCst) == 0 {
                std::future::pending::<()>().await;
            }
            Ok(ExportResult::Success)
        }

        async fn export_metrics(&self, _: Vec<MetricData>) -> Answer {
            Ok(ExportResult::Success)
        }

        async fn export_logs(&self, _: Vec<LogData>) -> Answer {
            Ok(ExportResult::Success)
        }
    }
    let exporter = OwnedDataExporter::new(Box::new(Hanging(AtomicU64::new(0))));
    let exporter = Retrying::new(exporter, retry().build().unwrap(), Hurry::new());
    let kinds: Vec<_> = exporter.policies().into_iter().map(|(kind, _)| kind).collect();
    assert_eq!(kinds, ["retry"]);
    let exporter = exporter.with_timeout(Timeout::new(Duration::from_millis(20)));
    let kinds: Vec<_> = exporter.policies().into_iter().map(|(kind, _)| kind).collect();
    assert_eq!(kinds, ["retry", "timeout"]);
    let pipeline = pipeline(exporter);
    span(pipeline.intake(), "a");
    let ledger = pipeline.shutdown_blocking(DEADLINE).ledgers[0].traces;
    assert_eq!((ledger.delivered, ledger.acknowledgements_lost), (1, 1), "{ledger}");
}
