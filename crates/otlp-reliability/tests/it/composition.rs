//! Policies together, through the one trait: nested, left out, shared, spawned, and with one error type throughout.

use std::{
    future::{pending, ready},
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use otlp_reliability::{Decision, Error, Policy, Rejection, RetryPolicy, Timeout};
#[cfg(feature = "serde")]
use otlp_reliability::{
    HedgeConfig, HedgeDelay, PercentageBudget, PolicyConfig, RateLimiterConfig, TimeoutConfig, TokenBudget,
};
use tokio::time::{Instant, sleep};

use crate::Failure;

const SECOND: Duration = Duration::from_secs(1);

/// Generic over the policy and spawned: only compiles if the trait promises `Send`.
async fn spawned<P>(policy: P, calls: Arc<AtomicU32>) -> Result<u32, Failure>
where
    P: Policy<u32, Failure> + 'static,
{
    let operation = move || {
        let call = calls.fetch_add(1, Ordering::Relaxed) + 1;
        async move { if call < 3 { pending().await } else { Ok(call) } }
    };
    tokio::spawn(async move { policy.run(operation).await }).await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_timeout_inside_a_retry_is_per_attempt() {
    let started = Instant::now();
    let policy = (RetryPolicy::constant(SECOND).build().unwrap(), Timeout::new(5 * SECOND));
    let calls = Arc::new(AtomicU32::new(0));
    assert_eq!(spawned(policy, Arc::clone(&calls)).await, Ok(3));
    assert_eq!(started.elapsed(), 12 * SECOND, "two attempts of 5 s and two waits of 1 s");
}

#[tokio::test(start_paused = true)]
async fn a_timeout_around_a_retry_is_total() {
    let started = Instant::now();
    let per_attempt = Timeout::new(5 * SECOND);
    let policy = (Timeout::new(8 * SECOND), (RetryPolicy::constant(SECOND).build().unwrap(), per_attempt));
    let calls = Arc::new(AtomicU32::new(0));
    let rejection = Rejection::Timeout { after: 8 * SECOND };
    assert_eq!(spawned(Arc::new(policy), Arc::clone(&calls)).await, Err(Failure::Policy(rejection)), "one level deep");
    assert_eq!(started.elapsed(), 8 * SECOND);
    assert_eq!(calls.load(Ordering::Relaxed), 2);
}

#[tokio::test(start_paused = true)]
async fn a_policy_that_is_left_out_changes_nothing() {
    let operation = || async {
        sleep(2 * SECOND).await;
        Ok(1)
    };
    let without: (Option<Timeout>, Option<Timeout>) = (None, None);
    assert_eq!(without.run(operation).await, Ok::<_, Failure>(1));
    let with = (None::<Timeout>, Some(Timeout::new(SECOND)));
    assert!(Policy::<i32, Failure>::run(&with, operation).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn execute_methods_nest_by_closures_too() {
    let retry = RetryPolicy::constant(SECOND).build().unwrap();
    let per_attempt = Timeout::new(SECOND);
    let mut calls = 0;
    let result: Result<(), Error<u32>> = retry
        .execute(|| {
            calls += 1;
            let call = calls;
            per_attempt
                .execute(move || async move { if call == 1 { pending().await } else { Err(Error::Inner(call)) } })
        })
        .await;
    assert_eq!(result, Err(Error::Inner(3)));
}

#[tokio::test(start_paused = true)]
async fn execute_methods_nested_by_closures_can_be_spawned() {
    let retry =
        RetryPolicy::constant(SECOND).build().unwrap().with_classifier(
            |result: &Result<String, Failure>| match result {
                Ok(_) => Decision::Done,
                Err(_) => Decision::RetryAfter(2 * SECOND),
            },
        );
    let per_attempt = Timeout::new(SECOND);
    let payload: Arc<str> = Arc::from("payload");
    let call = tokio::spawn(async move {
        let (payload, per_attempt) = (&payload, &per_attempt);
        let mut calls = 0;
        retry
            .execute(|| {
                calls += 1;
                let call = calls;
                per_attempt.execute(move || async move {
                    if call == 1 {
                        sleep(5 * SECOND).await;
                    }
                    Ok(format!("{payload} {call}"))
                })
            })
            .await
    });
    assert_eq!(call.await.unwrap(), Ok("payload 2".to_owned()));
}

#[tokio::test]
async fn errors_tell_rejections_from_failures() {
    let rejected: Error<Failure> = Rejection::Timeout { after: SECOND }.into();
    assert!(rejected.is_timeout());
    assert!(rejected.rejection().is_some_and(Rejection::is_timeout));
    assert_eq!(rejected.into_inner(), None);
    let failed: Result<(), Error<Failure>> =
        Timeout::new(SECOND).execute(|| ready(Err(Error::Inner(Failure::Refused(7))))).await;
    assert_eq!(failed.unwrap_err().into_inner(), Some(Failure::Refused(7)));
}

#[cfg(feature = "serde")]
#[test]
fn settings_in_a_file_name_their_kind() {
    let kinds = r#"[
        {"kind": "retry", "max_attempts": 5, "initial_delay": "250ms"},
        {"kind": "retry_budget", "algorithm": "percentage", "percent": 5, "period": "2s 500ms"},
        {"kind": "retry_budget", "algorithm": "token_bucket", "max_tokens": 7},
        {"kind": "timeout", "after": "250ms"},
        {"kind": "rate_limiter", "limit_per_period": 10, "max_wait": "250ms"},
        {"kind": "hedge", "delay": {"percentile": {"percentile": 99, "initial": "250ms"}}}
    ]"#;
    let read: Vec<PolicyConfig> = serde_json::from_str(kinds).unwrap();
    let quarter = SECOND / 4;
    let percentile = HedgeDelay::Percentile { percentile: 99.0, initial: quarter };
    let expected = [
        PolicyConfig::Retry(RetryPolicy::new().with_max_attempts(5).with_initial_delay(quarter)),
        PolicyConfig::RetryBudget(PercentageBudget::new(5.0).with_period(10 * quarter).into()),
        PolicyConfig::RetryBudget(TokenBudget::new(7, 0.1).into()),
        PolicyConfig::Timeout(TimeoutConfig::new(quarter)),
        PolicyConfig::RateLimiter(RateLimiterConfig::new(10, SECOND).with_max_wait(quarter)),
        PolicyConfig::Hedge(HedgeConfig::new(percentile)),
    ];
    assert_eq!(read, expected);
    let written = serde_json::to_string(&read).unwrap();
    assert_eq!(serde_json::from_str::<Vec<PolicyConfig>>(&written).unwrap(), expected);
    for unknown in [
        r#"{"kind": "retry", "attempts": 5}"#,
        r#"{"kind": "retry_budget", "algorithm": "percentage", "max_tokens": 7}"#,
        r#"{"kind": "timeout", "after": "1s", "before": "1s"}"#,
        r#"{"kind": "rate_limiter", "rate": 5}"#,
        r#"{"kind": "hedge", "hedges": 5}"#,
    ] {
        assert!(serde_json::from_str::<PolicyConfig>(unknown).is_err(), "{unknown}");
    }
}
