//! Custom exporters that misbehave, beside one that does not: every item has its fate, and nobody else is held up.

use std::{
    error::Error,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
        mpsc,
    },
    time::Duration,
};

use otlp_batch::{DropReason, Intake, Ledger, Pipeline};
use otlp_core::data::{LogData, MetricData, Resource, SpanData};
use otlp_exporters::{ExportResult, Exporter, Hurry, OwnedDataExporter, Retrying, async_trait};
use otlp_reliability::{Retry, RetryPolicy, Timeout};
use parking_lot::Mutex;
use tokio::sync::watch;

use crate::records::span;

type Answer = Result<ExportResult, Box<dyn Error + Send + Sync>>;

const DEADLINE: Duration = Duration::from_secs(20);
const MOMENT: Duration = Duration::from_millis(50);
const YEARS: Duration = Duration::from_secs(10 * 365 * 24 * 3600);

/// What an exporter does with spans, given their number.
#[async_trait]
trait Act: Send + Sync {
    async fn act(&self, spans: usize) -> Answer;
}

struct Acting<T>(&'static str, T);

#[async_trait]
impl<T: Act> Exporter for Acting<T> {
    fn name(&self) -> String {
        self.0.to_owned()
    }

    async fn export_spans(&self, spans: Vec<SpanData>) -> Answer {
        self.1.act(spans.len()).await
    }

    async fn export_metrics(&self, _: Vec<MetricData>) -> Answer {
        Ok(ExportResult::Success)
    }

    async fn export_logs(&self, _: Vec<LogData>) -> Answer {
        Ok(ExportResult::Success)
    }
}

/// Counts, and takes everything.
#[derive(Clone)]
struct Working(watch::Sender<usize>);

impl Working {
    fn new() -> Self {
        Working(watch::Sender::new(0))
    }

    /// Waits until it was given so many spans.
    fn wait_for(&self, spans: usize) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let mut given = self.0.subscribe();
        let waited = runtime
            .block_on(async { tokio::time::timeout(DEADLINE, given.wait_for(|given| *given >= spans)).await.is_ok() });
        assert!(waited, "the other destination was held up");
    }
}

#[async_trait]
impl Act for Working {
    async fn act(&self, spans: usize) -> Answer {
        self.0.send_modify(|given| *given += spans);
        Ok(ExportResult::Success)
    }
}

fn retry() -> Retry {
    RetryPolicy::new().with_max_attempts(2).with_initial_delay(Duration::from_millis(1)).build().unwrap()
}

/// A pipeline to an exporter that misbehaves, within a time limit, and one that works.
fn beside(act: impl Act + 'static, limit: Duration) -> (Pipeline, Working, Hurry) {
    let (working, hurry) = (Working::new(), Hurry::new());
    let to = |exporter: Box<dyn Exporter>| Retrying::new(OwnedDataExporter::new(exporter), retry(), hurry.clone());
    let pipeline = Pipeline::builder(Resource::default())
        .destination(Arc::new(to(Box::new(Acting("bad", act))).with_timeout(Timeout::new(limit))))
        .destination(Arc::new(to(Box::new(Acting("good", working.clone())))))
        .start()
        .unwrap();
    (pipeline, working, hurry)
}

/// The ledgers after three spans: of the exporter that misbehaves, and of the other one, which has all of them.
fn three_spans(act: impl Act + 'static, limit: Duration, deadline: Duration) -> Ledger {
    let (pipeline, working, _) = beside(act, limit);
    ["a", "b", "c"].iter().for_each(|name| span(pipeline.intake(), name));
    pipeline.flush_blocking(Duration::ZERO);
    working.wait_for(3);
    ended(pipeline, deadline)
}

/// The ledger of the exporter that misbehaves, after the end.
fn ended(pipeline: Pipeline, deadline: Duration) -> Ledger {
    let report = pipeline.shutdown_blocking(deadline);
    let [bad, good] = <[Ledger; 2]>::try_from(report.ledgers).unwrap();
    assert_eq!((good.destination.as_str(), good.lost()), ("good", 0), "{good}");
    for ledger in [&bad, &good] {
        assert!(ledger.balances() && ledger.pending() == 0, "{ledger}");
    }
    bad
}

struct Panics;

#[async_trait]
impl Act for Panics {
    async fn act(&self, _: usize) -> Answer {
        panic!("scripted")
    }
}

struct Hangs;

#[async_trait]
impl Act for Hangs {
    async fn act(&self, _: usize) -> Answer {
        std::future::pending().await
    }
}

struct Says(fn() -> Answer);

#[async_trait]
impl Act for Says {
    async fn act(&self, _: usize) -> Answer {
        (self.0)()
    }
}

#[test]
fn one_that_panics_loses_its_own_items_alone() {
    assert_eq!(three_spans(Panics, DEADLINE, DEADLINE).traces.dropped[DropReason::ExporterPanicked], 3);
}

#[test]
fn one_that_hangs_is_given_up_after_each_attempt_and_may_have_taken_them() {
    let ledger = three_spans(Hangs, MOMENT, DEADLINE);
    let traces = ledger.traces;
    assert_eq!((traces.dropped[DropReason::RetriesExhausted], traces.acknowledgements_lost), (3, 6), "{traces}");
}

#[test]
fn one_that_hangs_for_ever_does_not_outlast_a_shutdown() {
    let ledger = three_spans(Hangs, YEARS, MOMENT);
    assert_eq!(ledger.traces.dropped[DropReason::ShutDown], 3, "{ledger}");
}

#[test]
fn one_that_refuses_more_than_it_was_given_has_refused_all() {
    let too_many = || Ok(ExportResult::PartialSuccess { rejected: u64::MAX, message: "x".repeat(1 << 20) });
    let ledger = three_spans(Says(too_many), DEADLINE, DEADLINE);
    assert_eq!((ledger.traces.rejected, ledger.traces.delivered), (3, 0), "{ledger}");
}

#[test]
fn one_that_asks_for_a_retry_in_years_is_asked_again_when_everything_has_to_go_out() {
    struct Once(AtomicUsize, mpsc::Sender<()>);

    #[async_trait]
    impl Act for Once {
        async fn act(&self, _: usize) -> Answer {
            if self.0.fetch_add(1, SeqCst) > 0 {
                return Ok(ExportResult::Success);
            }
            let _ = self.1.send(());
            Ok(ExportResult::Retry { after: Some(Duration::MAX) })
        }
    }

    let (sender, asked) = mpsc::channel();
    let (pipeline, working, hurry) = beside(Once(AtomicUsize::new(0), sender), DEADLINE);
    span(pipeline.intake(), "a");
    pipeline.flush_blocking(Duration::ZERO);
    asked.recv_timeout(DEADLINE).unwrap();
    working.wait_for(1);
    // As the client does when it flushes. The wait may begin a moment after the answer.
    while !pipeline.flush_blocking(Duration::from_millis(1)).complete {
        hurry.now();
    }
    assert_eq!(ended(pipeline, DEADLINE).traces.delivered, 1);
}

/// Blocks the thread until the test lets it go.
struct Blocks(Mutex<mpsc::Receiver<()>>, mpsc::Sender<()>);

#[async_trait]
impl Act for Blocks {
    async fn act(&self, _: usize) -> Answer {
        let _ = self.1.send(());
        let _ = self.0.lock().recv();
        Ok(ExportResult::Success)
    }
}

#[test]
fn one_that_blocks_the_thread_blocks_no_program_and_what_it_holds_up_arrives_in_the_end() {
    let (release, gate) = mpsc::channel();
    let (sender, blocked) = mpsc::channel();
    let (pipeline, working, _) = beside(Blocks(Mutex::new(gate), sender), DEADLINE);
    span(pipeline.intake(), "a");
    let report = std::thread::scope(|scope| {
        let flushing = scope.spawn(|| pipeline.flush_blocking(MOMENT));
        blocked.recv_timeout(DEADLINE).unwrap();
        // The program goes on recording, and its flush returns.
        span(pipeline.intake(), "b");
        flushing.join().unwrap()
    });
    assert!(!report.complete && report.ledgers.iter().all(Ledger::balances), "{report}");
    drop(release);
    working.wait_for(2);
    let ledger = ended(pipeline, DEADLINE);
    assert_eq!(ledger.traces.delivered, 2, "{ledger}");
}

#[test]
fn one_that_blocks_the_thread_for_ever_does_not_outlast_a_shutdown() {
    let (release, gate) = mpsc::channel();
    let (sender, blocked) = mpsc::channel();
    let (pipeline, _working, _) = beside(Blocks(Mutex::new(gate), sender), DEADLINE);
    span(pipeline.intake(), "a");
    pipeline.flush_blocking(Duration::ZERO);
    blocked.recv_timeout(DEADLINE).unwrap();
    // Also where nobody has a clock.
    let executor = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let reports = [
        executor.block_on(pipeline.flush(MOMENT)),
        executor.block_on(pipeline.shutdown(MOMENT)),
        pipeline.shutdown_blocking(MOMENT),
    ];
    for report in reports {
        assert!(!report.complete && report.ledgers.iter().all(Ledger::balances), "{report}");
    }
    drop(release);
}

#[test]
fn one_that_blocks_where_it_may_holds_up_nobody() {
    struct BlocksElsewhere(Arc<Mutex<mpsc::Receiver<()>>>);

    #[async_trait]
    impl Act for BlocksElsewhere {
        async fn act(&self, _: usize) -> Answer {
            let gate = Arc::clone(&self.0);
            tokio::task::spawn_blocking(move || gate.lock().recv().is_err()).await?;
            Ok(ExportResult::Success)
        }
    }

    let (release, gate) = mpsc::channel();
    let (pipeline, working, _) = beside(BlocksElsewhere(Arc::new(Mutex::new(gate))), DEADLINE);
    span(pipeline.intake(), "a");
    pipeline.flush_blocking(Duration::ZERO);
    working.wait_for(1);
    drop(release);
    assert_eq!(ended(pipeline, DEADLINE).traces.delivered, 1);
}

#[test]
fn one_that_records_what_it_does_is_given_that_too_and_ends_with_the_client() {
    struct Records(Arc<std::sync::OnceLock<Intake>>, AtomicUsize);

    #[async_trait]
    impl Act for Records {
        async fn act(&self, spans: usize) -> Answer {
            self.1.fetch_add(spans, SeqCst);
            span(self.0.get().unwrap(), "of the exporter itself");
            Ok(ExportResult::Success)
        }
    }

    let intake = Arc::default();
    let (pipeline, working, _) = beside(Records(Arc::clone(&intake), AtomicUsize::new(0)), DEADLINE);
    assert!(intake.set(pipeline.intake().clone()).is_ok());
    span(pipeline.intake(), "a");
    for round in 1..5 {
        pipeline.flush_blocking(DEADLINE);
        working.wait_for(round);
    }
    // What comes after the end of the intake is counted as such, and nothing goes round any more.
    let report = pipeline.shutdown_blocking(DEADLINE);
    for ledger in &report.ledgers {
        assert!(ledger.balances() && ledger.pending() == 0, "{ledger}");
        let traces = &ledger.traces;
        assert!(traces.delivered >= 4 && traces.dropped.total() == traces.dropped[DropReason::ShutDown], "{ledger}");
    }
}
