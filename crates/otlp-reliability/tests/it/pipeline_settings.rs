//! The settings of a running pipeline: reloads as a whole and under load, and settings and figures as data.

use std::{
    future::{pending, ready},
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use otlp_reliability::{
    Bulkhead, BulkheadConfig, Controlled, Event, PercentageBudget, Pipeline, PipelineConfig, PolicyConfig, Rejection,
    RetryBudgetConfig, RetryPolicy, Snapshot, Timeout, TimeoutConfig, TokenBudget,
};

use crate::{Failure, Record};

const SECOND: Duration = Duration::from_secs(1);

fn retry() -> otlp_reliability::Retry {
    RetryPolicy::constant(SECOND).build().unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_reload_changes_all_of_its_stages_or_none() {
    let record = Record::default();
    let timeout = Timeout::new(5 * SECOND);
    let bulkhead = Bulkhead::new(10);
    let pipeline = Pipeline::builder("payments")
        .with("retry", retry())
        .with("attempt", timeout.clone())
        .with("limit", bulkhead.clone())
        .with_observer(record.clone())
        .build()
        .unwrap();
    let other = PipelineConfig::new().with("attempt", TimeoutConfig::new(SECOND));

    for (with_mistake, message) in [
        (
            other.clone().with("retry", RetryPolicy::new().with_max_attempts(0)),
            "payments.retry.max_attempts = 0 is not accepted: it takes 1 or more, or None for no limit",
        ),
        (
            other.clone().with("retyr", RetryPolicy::new()),
            r#"payments.stage = "retyr" is not accepted: it takes the name of a stage; the nearest is "retry""#,
        ),
        (
            other.clone().with("limit", TimeoutConfig::new(SECOND)),
            r#"payments.limit.kind = "timeout" is not accepted: it takes bulkhead"#,
        ),
    ] {
        assert_eq!(pipeline.reload(&with_mistake).unwrap_err().to_string(), message);
        assert_eq!(timeout.after(), 5 * SECOND, "the stage without a mistake has not changed either");
    }
    assert_eq!(record.events(), []);

    let _: Result<(), Failure> = timeout.execute(pending).await;
    let held = bulkhead.try_acquire().unwrap();
    pipeline.reload(&other.with("limit", BulkheadConfig::new(1))).unwrap();
    assert_eq!(record.events(), [Event::Reloaded]);
    assert_eq!(timeout.after(), SECOND);
    assert_eq!(timeout.snapshot().timed_out, 1, "figures go on");
    assert_eq!(bulkhead.snapshot().in_flight, 1, "and so does what is held");
    let result = pipeline.execute(|| ready(Ok::<_, Failure>(()))).await;
    assert_eq!(result, Err(Failure::Policy(Rejection::Full)), "but new calls meet the new settings");
    drop(held);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_calls_run_through_reloads_and_none_fails_because_of_them() {
    let bulkhead = BulkheadConfig::new(4).with_max_waiting(2000).build().unwrap();
    let pipeline = Pipeline::builder("payments")
        .with("total", Timeout::new(3600 * SECOND))
        .with("retry", RetryPolicy::constant(Duration::ZERO).build().unwrap())
        .with("limit", bulkhead.clone())
        .build()
        .unwrap();
    let pipeline = Arc::new(pipeline);
    let mut calls = tokio::task::JoinSet::new();
    for call in 0..1000u32 {
        let pipeline = Arc::clone(&pipeline);
        calls.spawn(async move {
            let attempts = AtomicU32::new(0);
            let operation = || {
                let first = attempts.fetch_add(1, Ordering::Relaxed) == 0;
                async move {
                    tokio::task::yield_now().await;
                    if first && call % 2 == 0 { Err(Failure::Refused(call)) } else { Ok(call) }
                }
            };
            pipeline.execute(operation).await
        });
    }
    let mut reloads = 0;
    while let Some(call) = calls.join_next().await {
        assert!(call.as_ref().unwrap().is_ok(), "{call:?}");
        reloads += 1;
        let settings = PipelineConfig::new()
            .with("total", TimeoutConfig::new((3600 + reloads) * SECOND))
            .with("retry", RetryPolicy::constant(Duration::ZERO).with_max_attempts(2 + reloads % 3))
            .with("limit", BulkheadConfig::new(1 + reloads % 8).with_max_waiting(2000));
        pipeline.reload(&settings).unwrap();
    }
    assert_eq!(reloads, 1000);
    assert_eq!(bulkhead.snapshot().in_flight, 0);
    assert_eq!(bulkhead.snapshot().rejected, 0);
    assert!(matches!(pipeline.snapshot().stage("retry"), Some(Snapshot::Retry(figures)) if figures.retries == 500));
}

#[tokio::test(start_paused = true)]
async fn a_budget_that_stages_share_is_seen_and_reloaded_beside_them() {
    let budget = TokenBudget::new(2, 0.1).build().unwrap();
    let pipeline = Pipeline::builder("payments")
        .with("retry", retry().with_budget(budget.clone()))
        .with_control("budget", &budget)
        .build()
        .unwrap();
    assert!(pipeline.names().eq(["retry", "budget"]));
    let fails = || ready(Err::<(), _>(Failure::Refused(1)));
    let _ = pipeline.execute(fails).await;
    let granted = |pipeline: &otlp_reliability::PipelineSnapshot| match pipeline.stage("budget") {
        Some(Snapshot::RetryBudget(figures)) => figures.granted,
        other => panic!("{other:?}"),
    };
    assert_eq!(granted(&pipeline.snapshot()), 2);
    let none = RetryBudgetConfig::from(PercentageBudget::new(0.0).with_min_per_second(0));
    pipeline.reload(&PipelineConfig::new().with("budget", none)).unwrap();
    let _ = pipeline.execute(fails).await;
    assert_eq!(granted(&pipeline.snapshot()), 2, "no retry is granted any more");
}

#[test]
fn settings_are_for_the_kind_that_they_say() {
    let settings = PolicyConfig::from(RetryBudgetConfig::default());
    assert_eq!(settings.kind(), "retry_budget");
    let error = retry().control().unwrap().accepts(&settings).unwrap_err();
    assert_eq!((error.field(), error.accepted(), error.path()), ("kind", "retry", ""));
}

#[cfg(feature = "serde")]
#[test]
fn settings_and_figures_are_data() {
    let text = r#"{
        "attempt": { "kind": "timeout", "after": "250ms" },
        "inner": { "kind": "pipeline", "limit": { "kind": "bulkhead", "max_concurrent": 3 } },
        "retry": { "kind": "retry", "max_attempts": 5 }
    }"#;
    let settings: PipelineConfig = serde_json::from_str(text).unwrap();
    let expected = PipelineConfig::new()
        .with("attempt", TimeoutConfig::new(Duration::from_millis(250)))
        .with("inner", PipelineConfig::new().with("limit", BulkheadConfig::new(3)))
        .with("retry", RetryPolicy::new().with_max_attempts(5));
    assert_eq!(settings, expected);
    let written = serde_json::to_string(&settings).unwrap();
    assert_eq!(serde_json::from_str::<PipelineConfig>(&written).unwrap(), settings);
    for wrong in [
        r#"{ "retry": { "kind": "retry", "attempts": 5 } }"#,
        r#"{ "retry": { "max_attempts": 5 } }"#,
        r#"{ "retry": { "kind": "again" } }"#,
    ] {
        assert!(serde_json::from_str::<PipelineConfig>(wrong).is_err(), "{wrong}");
    }

    let pipeline = Pipeline::builder("payments").with("limit", Bulkhead::new(2)).build().unwrap();
    let figures = serde_json::to_value(pipeline.snapshot()).unwrap();
    assert_eq!(figures["name"], "payments");
    assert_eq!(figures["stages"][0]["name"], "limit");
    assert_eq!(figures["stages"][0]["snapshot"]["kind"], "bulkhead");
    assert_eq!(figures["stages"][0]["snapshot"]["max_concurrent"], 2);
}
