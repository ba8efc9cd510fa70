//! The layers of the policies that call a service more than once, or answer in its place.

use std::{
    future::{pending, ready},
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use otlp_reliability::{
    Bulkhead, Error, Fallback, HedgeConfig, Rejection, RetryPolicy,
    tower::{BulkheadLayer, FallbackLayer, HedgeLayer, RetryLayer},
};
use tokio::time::Instant;
use tower::{Layer, Service, ServiceBuilder, ServiceExt, service_fn, util::BoxCloneService};

use crate::{Failure, tower_layers::Gated};

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test(start_paused = true)]
async fn a_retry_calls_the_service_again_with_the_request() {
    let calls = AtomicU32::new(0);
    let calls = &*Box::leak(Box::new(calls));
    let flaky = service_fn(move |request: String| {
        let call = calls.fetch_add(1, Ordering::Relaxed) + 1;
        ready(if call < 3 { Err(call) } else { Ok(format!("{request} {call}")) })
    });
    let retry = RetryPolicy::constant(SECOND).build().unwrap();
    let started = Instant::now();
    let service = RetryLayer::new(retry.clone()).layer(flaky);
    assert_eq!(service.oneshot("order".to_owned()).await, Ok("order 3".to_owned()));
    assert_eq!(started.elapsed(), 2 * SECOND);
    assert_eq!(retry.snapshot().retries, 2);
}

#[tokio::test]
async fn retries_wait_until_the_service_is_ready_and_never_for_their_own_first_attempt() {
    // Tower's own limit gives its permit out when it becomes ready.
    let failing = service_fn(|_: ()| ready(Err::<(), _>("no")));
    let service = ServiceBuilder::new()
        .layer(RetryLayer::new(RetryPolicy::constant(Duration::ZERO).build().unwrap()))
        .concurrency_limit(1)
        .service(failing);
    assert_eq!(service.oneshot(()).await, Err("no"));
}

#[tokio::test(start_paused = true)]
async fn a_hedge_calls_a_second_clone_and_drops_the_slower_call() {
    let (calls, running) = (Arc::new(AtomicU32::new(0)), Arc::new(()));
    let (counted, alive) = (Arc::clone(&calls), Arc::clone(&running));
    let slow_at_first = service_fn(move |request: String| {
        let call = counted.fetch_add(1, Ordering::Relaxed) + 1;
        let alive = Arc::clone(&alive);
        async move {
            let _alive = alive;
            if call == 1 {
                pending::<()>().await;
            }
            Ok::<_, Failure>(format!("{request} {call}"))
        }
    });
    // A service that is not `Sync`, as the boxed ones of tower are not.
    let service = ServiceBuilder::new()
        .layer(HedgeLayer::new(HedgeConfig::new(SECOND).build().unwrap()))
        .service(BoxCloneService::new(slow_at_first));
    let started = Instant::now();
    assert_eq!(service.oneshot("order".to_owned()).await, Ok("order 2".to_owned()));
    assert_eq!(started.elapsed(), SECOND);
    assert_eq!(Arc::strong_count(&running), 1, "neither the service nor an attempt is left");
}

#[tokio::test(start_paused = true)]
async fn a_dropped_hedge_drops_all_attempts() {
    let inner = Gated::new();
    let mut service = HedgeLayer::new(HedgeConfig::new(SECOND).build().unwrap()).layer(inner.clone());
    let call = tokio::spawn(service.call(1));
    tokio::time::sleep(SECOND + SECOND / 2).await;
    assert_eq!(inner.running(), 2);
    call.abort();
    assert!(call.await.unwrap_err().is_cancelled());
    assert_eq!(inner.running(), 0);
}

#[tokio::test]
async fn a_fallback_answers_for_failures_and_rejections_alike() {
    let full = Bulkhead::new(0);
    let fallback = Fallback::from_async_fn(|error: Error<u32>| async move {
        tokio::task::yield_now().await;
        match error {
            Error::Rejected(rejection) => Ok(format!("instead: {rejection}")),
            Error::Inner(code) => Err(Error::Inner(code + 1)),
        }
    });
    let service = |bulkhead: Bulkhead| {
        ServiceBuilder::new()
            .layer(FallbackLayer::new(fallback.clone()))
            .layer(BulkheadLayer::new(bulkhead))
            .map_err(Error::Inner)
            .service(service_fn(|request: u32| ready(if request == 0 { Err(7) } else { Ok("itself".to_owned()) })))
    };
    assert_eq!(service(Bulkhead::new(1)).oneshot(1).await, Ok("itself".to_owned()));
    assert_eq!(service(Bulkhead::new(1)).oneshot(0).await, Err(Error::Inner(8)));
    let rejected = format!("instead: {}", Rejection::Full);
    assert_eq!(service(full).oneshot(1).await, Ok(rejected));
    assert_eq!((fallback.snapshot().fell_back, fallback.snapshot().failed), (1, 1));
}
