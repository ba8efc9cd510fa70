//! Pipelines: the order by its effects, names, figures, and policies of one's own.

use std::{
    future::{pending, ready},
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use otlp_reliability::{
    Bulkhead, BulkheadConfig, CircuitBreaker, CircuitState, ConfigError, Control, Controlled, Event, Fallback,
    HedgeConfig, Misorder, Pipeline, PipelineConfig, Policy, RateLimiterConfig, Rejection, RetryPolicy, Snapshot,
    Timeout, TimeoutConfig, TokenBudget,
};
use tokio::time::Instant;

use crate::{Failure, Record};

const SECOND: Duration = Duration::from_secs(1);

fn retry() -> otlp_reliability::Retry {
    RetryPolicy::constant(SECOND).build().unwrap()
}

#[tokio::test(start_paused = true)]
async fn the_first_policy_is_the_outermost() {
    let per_attempt =
        Pipeline::builder("payments").with("retry", retry()).with("timeout", Timeout::new(5 * SECOND)).build().unwrap();
    let total =
        Pipeline::builder("payments").with("timeout", Timeout::new(5 * SECOND)).with("retry", retry()).build().unwrap();
    assert!(per_attempt.names().eq(["retry", "timeout"]));
    assert!(total.names().eq(["timeout", "retry"]));

    let started = Instant::now();
    let result: Result<(), Failure> = per_attempt.execute(pending).await;
    assert_eq!(result, Err(Failure::Policy(Rejection::Timeout { after: 5 * SECOND })));
    assert_eq!(started.elapsed(), 17 * SECOND, "three attempts of five seconds, two waits of one");

    let started = Instant::now();
    let result: Result<(), Failure> = total.execute(pending).await;
    assert_eq!(result, Err(Failure::Policy(Rejection::Timeout { after: 5 * SECOND })));
    assert_eq!(started.elapsed(), 5 * SECOND);
}

#[tokio::test(start_paused = true)]
async fn events_come_from_the_inside_out() {
    let record = Record::default();
    let pipeline = Pipeline::builder("payments")
        .with("total", Timeout::new(10 * SECOND).with_observer(record.clone()))
        .with("retry", retry().with_observer(record.clone()))
        .with("attempt", Timeout::new(6 * SECOND).with_observer(record.clone()))
        .build()
        .unwrap();
    let result: Result<(), Failure> = pipeline.execute(pending).await;
    assert!(result.is_err());
    assert_eq!(
        record.events(),
        [
            Event::TimedOut { after: 6 * SECOND },
            Event::AttemptFailed { attempt: 1 },
            Event::Retrying { attempt: 2, delay: SECOND },
            Event::TimedOut { after: 10 * SECOND },
        ]
    );
}

#[test]
fn a_closure_without_futures_runs_under_policies_that_need_none() {
    let pipeline = Pipeline::builder("payments")
        .with("retry", RetryPolicy::constant(Duration::ZERO).build().unwrap())
        .with("limit", Bulkhead::new(1))
        .build()
        .unwrap();
    let calls = AtomicU32::new(0);
    let result = pipeline.call(|| match calls.fetch_add(1, Ordering::Relaxed) {
        2 => Ok("paid"),
        call => Err(Failure::Refused(call)),
    });
    assert_eq!(result, Ok("paid"));

    let full = pipeline.call(|| pipeline.call(|| Ok::<_, Failure>(())));
    assert_eq!(full, Err(Failure::Policy(Rejection::Full)), "the permit is held while the closure runs");
}

#[tokio::test(start_paused = true)]
async fn a_pipeline_is_a_policy_and_nests() {
    let attempt = Pipeline::builder("attempt")
        .with("limit", Bulkhead::new(1))
        .with("timeout", Timeout::new(SECOND))
        .build()
        .unwrap();
    let payments = Pipeline::builder("payments").with("retry", retry()).with("attempt", attempt).build().unwrap();
    let started = Instant::now();
    let result: Result<(), Failure> = Policy::run(&payments, pending).await;
    assert!(result.is_err());
    assert_eq!(started.elapsed(), 5 * SECOND);

    let figures = payments.snapshot();
    assert_eq!(figures.name, "payments");
    let Some(Snapshot::Pipeline(attempt)) = figures.stage("attempt") else { panic!("{figures:?}") };
    assert!(matches!(attempt.stage("timeout"), Some(Snapshot::Timeout(figures)) if figures.timed_out == 3));

    let inner = PipelineConfig::new().with("timeout", TimeoutConfig::new(2 * SECOND));
    payments.reload(&PipelineConfig::new().with("attempt", inner)).unwrap();
    let started = Instant::now();
    let result: Result<(), Failure> = payments.execute(pending).await;
    assert!(result.is_err());
    assert_eq!(started.elapsed(), 8 * SECOND);

    let inner = PipelineConfig::new().with("limit", BulkheadConfig::new(0));
    let error = payments.reload(&PipelineConfig::new().with("attempt", inner)).unwrap_err();
    assert_eq!(error.path(), "payments.attempt.limit");
    assert_eq!(error.field(), "max_concurrent");
}

#[tokio::test(start_paused = true)]
async fn pitfall_08_a_call_gives_everything_back_wherever_it_is_dropped() {
    let (bulkhead, budget) = (Bulkhead::new(1), TokenBudget::new(10, 1.0).build().unwrap());
    let pipeline = Pipeline::builder("payments")
        .with("total", Timeout::new(60 * SECOND))
        .with("retry", retry().with_budget(budget.clone()))
        .with("limit", bulkhead.clone())
        .with("breaker", CircuitBreaker::new(100, SECOND))
        .with("attempt", Timeout::new(5 * SECOND))
        .build()
        .unwrap();
    // In the first attempt, in the wait after it, in the second attempt.
    for (seconds, in_flight) in [(2, 1), (5, 0), (8, 1)] {
        let call =
            tokio::time::timeout(seconds * SECOND + SECOND / 2, pipeline.execute(pending::<Result<(), Failure>>));
        let watched = async {
            tokio::time::sleep(seconds * SECOND + SECOND / 4).await;
            assert_eq!(bulkhead.snapshot().in_flight, in_flight, "after {seconds} s");
        };
        assert!(tokio::join!(call, watched).0.is_err());
        assert_eq!(bulkhead.snapshot().in_flight, 0, "dropped after {seconds} s");
    }
    assert_eq!(
        budget.snapshot().available,
        9,
        "the attempt that was made is spent, the one that was not is given back"
    );
}

#[tokio::test(start_paused = true)]
async fn pitfall_06_a_panic_is_a_failure_and_leaves_nothing_behind() {
    let (bulkhead, breaker) = (Bulkhead::new(1), CircuitBreaker::new(1, SECOND));
    let pipeline =
        Pipeline::builder("payments").with("limit", bulkhead.clone()).with("breaker", breaker.clone()).build().unwrap();
    let shared = pipeline.clone();
    let call = tokio::spawn(async move {
        shared.execute(|| async { if true { panic!("in the operation") } else { Ok::<(), Failure>(()) } }).await
    });
    assert!(call.await.unwrap_err().is_panic());
    assert_eq!(breaker.state(), CircuitState::Open);
    assert_eq!(bulkhead.snapshot().in_flight, 0);
    let blocking = pipeline.clone();
    breaker.reset();
    let call = std::thread::spawn(move || blocking.call(|| -> Result<(), Failure> { panic!("in the closure") }));
    assert!(call.join().is_err());
    assert_eq!((breaker.state(), bulkhead.snapshot().in_flight), (CircuitState::Open, 0));
}

#[test]
fn a_stage_that_was_left_out_has_a_place_and_no_figures() {
    let pipeline =
        Pipeline::builder("payments").with("retry", retry()).with("limit", None::<Bulkhead>).build().unwrap();
    assert!(pipeline.names().eq(["retry", "limit"]));
    assert_eq!(pipeline.snapshot().stages.len(), 1);
    assert_eq!(pipeline.call(|| Ok::<_, Failure>(1)), Ok(1));
    let error = pipeline.reload(&PipelineConfig::new().with("limit", BulkheadConfig::new(1))).unwrap_err();
    assert_eq!(error.to_string(), r#"payments.stage = "limit" is not accepted: it takes a stage that has settings"#);
}

#[test]
fn names_are_checked_when_built() {
    let refused = |error: ConfigError| error.to_string();
    let twice = Pipeline::builder("payments").with("retry", retry()).with("retry", retry()).build();
    assert_eq!(
        refused(twice.unwrap_err()),
        r#"payments.stage = "retry" is not accepted: it takes a name that no other stage has"#
    );
    let empty = Pipeline::builder("payments").with("", retry()).build();
    assert_eq!(
        refused(empty.unwrap_err()),
        r#"payments.stage = "" is not accepted: it takes a name that is not empty"#
    );
    assert_eq!(Pipeline::builder("").build().unwrap_err().field(), "name");
    assert!(Pipeline::builder("payments").with("kind", retry()).build().is_err());
}

#[test]
fn orders_that_rarely_mean_what_they_do_are_told() {
    let told = |warnings: Vec<otlp_reliability::OrderWarning>| -> Vec<_> {
        warnings.into_iter().map(|warning| (warning.outer, warning.inner, warning.misorder)).collect()
    };
    let pair = |outer: &str, inner: &str, misorder| (outer.to_owned(), inner.to_owned(), misorder);
    let limited = Pipeline::builder("payments")
        .with("limit", Bulkhead::new(1))
        .with("outer", retry())
        .with("inner", retry())
        .with("hedge", HedgeConfig::new(SECOND).build().unwrap())
        .build()
        .unwrap();
    assert_eq!(
        limited.warnings()[0].to_string(),
        "limit is outside of outer: a call holds its permit while it only waits for its next attempt"
    );
    assert_eq!(
        told(limited.warnings()),
        [
            pair("limit", "outer", Misorder::PermitHeldDuringWaits),
            pair("limit", "inner", Misorder::PermitHeldDuringWaits),
            pair("limit", "hedge", Misorder::PermitSharedByAttempts),
            pair("outer", "inner", Misorder::AttemptsMultiply),
        ]
    );
    let answered = Pipeline::builder("payments")
        .with("rate", RateLimiterConfig::new(1, SECOND).build().unwrap())
        .with("retry", retry())
        .with("breaker", CircuitBreaker::new(1, SECOND))
        .with("fallback", Fallback::value(1))
        .build()
        .unwrap();
    assert_eq!(
        told(answered.warnings()),
        [
            pair("rate", "retry", Misorder::AttemptsNotRateLimited),
            pair("retry", "fallback", Misorder::FailureHiddenByFallback),
            pair("breaker", "fallback", Misorder::FailureHiddenByFallback),
        ]
    );

    let sound = Pipeline::builder("payments")
        .with("total", Timeout::new(SECOND))
        .with("retry", retry())
        .with("rate", RateLimiterConfig::new(1, SECOND).build().unwrap())
        .with("limit", Bulkhead::new(1))
        .with("breaker", CircuitBreaker::new(1, SECOND))
        .with("attempt", Timeout::new(SECOND))
        .build()
        .unwrap();
    assert_eq!(sound.warnings(), []);
}

/// A policy of the service's own, with neither figures nor settings.
#[derive(Default)]
struct CountCalls(AtomicU32);

impl<T, E> Policy<T, E> for CountCalls {
    fn run<F, Fut>(&self, operation: F) -> impl Future<Output = Result<T, E>> + Send
    where
        F: Fn() -> Fut + Send + Sync,
        Fut: Future<Output = Result<T, E>> + Send,
    {
        self.0.fetch_add(1, Ordering::Relaxed);
        operation()
    }
}

impl Controlled for CountCalls {
    fn control(&self) -> Option<Arc<dyn Control>> {
        None
    }
}

#[tokio::test(start_paused = true)]
async fn policies_of_one_s_own_have_a_place_too() {
    let attempts = Arc::new(CountCalls::default());
    let pipeline =
        Pipeline::builder("payments").with("retry", retry()).with("count", Arc::clone(&attempts)).build().unwrap();
    let result = pipeline.execute(|| ready(Err::<(), _>(Failure::Refused(1)))).await;
    assert_eq!(result, Err(Failure::Refused(1)));
    assert_eq!(attempts.0.load(Ordering::Relaxed), 3);
    assert!(pipeline.snapshot().stage("count").is_none());
}
