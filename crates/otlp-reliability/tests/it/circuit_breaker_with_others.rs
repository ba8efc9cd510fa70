//! The circuit breaker and other policies: what it sees of their attempts, inside of them and around them.

use std::{
    future::{pending, ready},
    time::Duration,
};

use otlp_reliability::{Bulkhead, CircuitBreaker, CircuitState, Policy, Rejection, RetryPolicy, Timeout};
use tokio::time::Instant;

use crate::Failure;

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test(start_paused = true)]
async fn inside_a_retry_it_sees_each_attempt_and_around_one_a_single_call() {
    let retry = || RetryPolicy::constant(SECOND).with_max_attempts(3).build().unwrap();
    let refuse = || ready(Err::<u32, _>(Failure::Refused(1)));
    let inside = CircuitBreaker::new(100, SECOND);
    assert!(Policy::run(&(retry(), inside.clone()), refuse).await.is_err());
    assert_eq!(inside.snapshot().failures, 3);
    let around = CircuitBreaker::new(100, SECOND);
    let policy = (around.clone(), (retry(), Timeout::new(SECOND)));
    let spawned = tokio::spawn(async move { policy.run(refuse).await });
    assert!(spawned.await.unwrap().is_err());
    assert_eq!(around.snapshot().failures, 1);
}

async fn unreliable_service_call(attempt: u32) -> Result<String, Failure> {
    if attempt.is_multiple_of(2) { Err(Failure::Refused(attempt)) } else { pending().await }
}

#[tokio::test(start_paused = true)]
async fn a_breaker_around_a_retry_around_a_timeout_around_a_bulkhead_is_one_expression() {
    let circuit_breaker = CircuitBreaker::new(2, 60 * SECOND);
    let retry_policy = RetryPolicy::constant(SECOND).with_max_attempts(2);
    let timeout = Timeout::new(5 * SECOND);
    let bulkhead = Bulkhead::new(10);
    let mut results = Vec::new();
    for i in 0..3 {
        let started = Instant::now();
        let result = circuit_breaker
            .execute_with_retry(&retry_policy, || {
                timeout.execute(|| bulkhead.execute(|| unreliable_service_call(i + 1)))
            })
            .await;
        results.push((result, started.elapsed().as_secs()));
    }
    assert_eq!(
        results,
        [
            (Err(Failure::Policy(Rejection::Timeout { after: 5 * SECOND })), 11),
            (Err(Failure::Refused(2)), 1),
            (Err(Failure::Policy(Rejection::Open { retry_after: Some(60 * SECOND) })), 0),
        ],
        "two attempts each, seen as one failure each"
    );
    assert_eq!(circuit_breaker.snapshot().failures, 2);
}

#[tokio::test(start_paused = true)]
async fn a_retry_that_cannot_work_is_answered_before_anything_runs() {
    let breaker = CircuitBreaker::new(1, SECOND);
    let policy = RetryPolicy::new().with_max_attempts(0);
    let operation = || -> std::future::Ready<Result<u32, Failure>> { unreachable!("it must not run") };
    let result = breaker.execute_with_retry(&policy, operation).await;
    assert!(matches!(result, Err(Failure::Policy(Rejection::Misconfigured { field: "max_attempts", .. }))));
    assert_eq!(breaker.state(), CircuitState::Closed);
}
