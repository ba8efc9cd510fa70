//! The layers, driven as services are: made ready, called, cloned, dropped, and stacked with tower's own.

use std::{
    convert::Infallible,
    future::{Future, pending, ready},
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use otlp_reliability::{
    AdaptiveLimitConfig, Aimd, Bulkhead, BulkheadConfig, CircuitBreaker, CircuitBreakerConfig, CircuitState, Error,
    OnCancel, RateLimiterConfig, Rejection, RetryPolicy, Timeout,
    tower::{AdaptiveLimitLayer, BulkheadLayer, CircuitBreakerLayer, RateLimiterLayer, RetryLayer, TimeoutLayer},
};
use tokio::{sync::Semaphore, time::Instant};
use tower::{BoxError, Layer, Service, ServiceBuilder, ServiceExt, service_fn};

use crate::Failure;

const SECOND: Duration = Duration::from_secs(1);

/// A service that answers its request once somebody adds a permit to `gate`, and knows how many calls it is running.
#[derive(Clone)]
pub(crate) struct Gated {
    pub(crate) gate: Arc<Semaphore>,
    running: Arc<AtomicU32>,
}

impl Gated {
    pub(crate) fn new() -> Self {
        Gated { gate: Arc::new(Semaphore::new(0)), running: Arc::default() }
    }

    pub(crate) fn running(&self) -> u32 {
        self.running.load(Ordering::Relaxed)
    }
}

struct Counted(Arc<AtomicU32>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Service<u32> for Gated {
    type Response = u32;
    type Error = Failure;
    type Future = std::pin::Pin<Box<dyn Future<Output = Result<u32, Failure>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: u32) -> Self::Future {
        self.running.fetch_add(1, Ordering::Relaxed);
        let running = Counted(Arc::clone(&self.running));
        let gate = Arc::clone(&self.gate);
        Box::pin(async move {
            let _running = running;
            gate.acquire().await.unwrap().forget();
            Ok(request)
        })
    }
}

#[tokio::test]
async fn pitfall_09_an_idle_ready_clone_holds_no_permit() {
    let inner = Gated::new();
    let bulkhead = Bulkhead::new(1);
    let mut service = BulkheadLayer::new(bulkhead.clone()).layer(inner.clone());
    let mut idle: Vec<_> = (0..10).map(|_| service.clone()).collect();
    for clone in &mut idle {
        clone.ready().await.unwrap();
    }
    assert_eq!(bulkhead.snapshot().in_flight, 0);

    inner.gate.add_permits(1);
    assert_eq!(service.ready().await.unwrap().call(7).await, Ok(7), "ten ready clones are in nobody's way");
    let response = idle[0].call(8);
    assert_eq!(bulkhead.snapshot().in_flight, 1, "from the call on");
    drop(response);
    assert_eq!(bulkhead.snapshot().in_flight, 0);
}

#[tokio::test]
async fn pitfall_08_a_bulkhead_takes_its_permit_back_at_every_await_point() {
    let inner = Gated::new();
    let bulkhead = BulkheadConfig::new(1).with_max_waiting(2).build().unwrap();
    let mut service = BulkheadLayer::new(bulkhead.clone()).layer(inner.clone());
    let figures = || (bulkhead.snapshot().in_flight, bulkhead.snapshot().waiting, inner.running());

    let mut running = task(service.call(1));
    assert!(running.poll().is_pending());
    let mut waiting = task(service.call(2));
    assert!(waiting.poll().is_pending());
    assert_eq!(figures(), (1, 1, 1));
    let mut next = task(service.call(3));
    assert!(next.poll().is_pending());
    drop(waiting);
    assert_eq!(figures(), (1, 1, 1), "the line goes on");
    drop(running);
    assert!(next.poll().is_pending());
    assert_eq!(figures(), (1, 0, 1), "the next call runs");
    inner.gate.add_permits(1);
    assert_eq!(next.poll(), Poll::Ready(Ok(3)));
    assert_eq!(figures(), (0, 0, 0), "given back with the response, not when its future is dropped");
}

#[tokio::test]
async fn a_full_bulkhead_answers_with_the_service_s_own_error() {
    let inner = Gated::new();
    let mut service = BulkheadLayer::new(Bulkhead::new(1)).layer(inner);
    let _running = service.call(1);
    assert_eq!(service.call(2).await, Err(Failure::Policy(Rejection::Full)));
}

#[tokio::test(start_paused = true)]
async fn a_breaker_judges_results_and_rejects_without_calling() {
    let breaker = CircuitBreaker::new(2, 10 * SECOND);
    let calls = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&calls);
    let mut service = CircuitBreakerLayer::new(breaker.clone()).layer(service_fn(move |fails: bool| {
        counted.fetch_add(1, Ordering::Relaxed);
        ready(if fails { Err(Failure::Refused(1)) } else { Ok(()) })
    }));
    for fails in [true, false, true, true] {
        assert_eq!(breaker.state(), CircuitState::Closed);
        assert_eq!(service.ready().await.unwrap().call(fails).await.is_err(), fails);
    }
    assert_eq!(breaker.state(), CircuitState::Open);
    let rejection = Rejection::Open { retry_after: Some(10 * SECOND) };
    assert_eq!(service.ready().await.unwrap().call(false).await, Err(Failure::Policy(rejection)));
    assert_eq!(calls.load(Ordering::Relaxed), 4);
    tokio::time::advance(10 * SECOND).await;
    assert_eq!(service.ready().await.unwrap().call(false).await, Ok(()));
    assert_eq!(breaker.state(), CircuitState::Closed);
}

#[tokio::test(start_paused = true)]
async fn pitfall_07_a_probe_that_is_dropped_makes_room_for_the_next() {
    let inner = Gated::new();
    let breaker =
        CircuitBreakerConfig::new().with_half_open_probes(1).with_on_cancel(OnCancel::Ignore).build().unwrap();
    let mut service = CircuitBreakerLayer::new(breaker.clone()).layer(inner.clone());
    breaker.half_open();
    let mut clones: Vec<_> = (0..10).map(|_| service.clone()).collect();
    for clone in &mut clones {
        clone.ready().await.unwrap();
    }
    let mut probe = task(service.call(1));
    assert!(probe.poll().is_pending());
    assert!(service.call(2).await.is_err(), "one probe at a time");
    drop(probe);
    inner.gate.add_permits(1);
    assert_eq!(service.call(3).await, Ok(3));
    assert_eq!(breaker.state(), CircuitState::Closed);
}

#[tokio::test]
async fn pitfall_06_a_panic_in_the_service_is_a_failure_and_no_cancelled_call() {
    let ignoring = CircuitBreakerConfig::new().with_consecutive_failures(1).with_on_cancel(OnCancel::Ignore);
    let breaker = ignoring.build().unwrap();
    let bulkhead = Bulkhead::new(1);
    let service = ServiceBuilder::new()
        .layer(CircuitBreakerLayer::new(breaker.clone()))
        .layer(BulkheadLayer::new(bulkhead.clone()))
        .service(service_fn(|panics: bool| async move {
            tokio::task::yield_now().await;
            if panics { panic!("in the service") } else { Ok::<(), Failure>(()) }
        }));
    drop(tokio::time::timeout(Duration::ZERO, service.clone().oneshot(false)).await);
    assert_eq!(breaker.state(), CircuitState::Closed);
    let call = tokio::spawn(service.clone().oneshot(true));
    assert!(call.await.unwrap_err().is_panic());
    assert_eq!(breaker.state(), CircuitState::Open);
    assert_eq!(bulkhead.snapshot().in_flight, 0);
}

#[tokio::test(start_paused = true)]
async fn a_rate_limiter_rejects_or_has_the_call_wait_in_its_response() {
    let second = RateLimiterConfig::new(1, SECOND);
    let answer = service_fn(|request: u32| ready(Ok::<_, Failure>(request)));
    let mut rejecting = RateLimiterLayer::new(second.clone().build().unwrap()).layer(answer);
    assert_eq!(rejecting.ready().await.unwrap().call(1).await, Ok(1));
    let rejection = Rejection::RateLimited { retry_after: SECOND };
    assert_eq!(rejecting.ready().await.unwrap().call(2).await, Err(Failure::Policy(rejection)));

    let limiter = second.with_max_wait(2 * SECOND).build().unwrap();
    let mut waiting = RateLimiterLayer::new(limiter.clone()).layer(answer);
    let mut idle = waiting.clone();
    idle.ready().await.unwrap();
    let started = Instant::now();
    assert_eq!(waiting.call(1).await, Ok(1), "an idle ready clone has taken nobody's turn");
    assert_eq!(started.elapsed(), Duration::ZERO);
    let mut dropped = task(waiting.call(2));
    assert!(dropped.poll().is_pending());
    drop(dropped);
    assert_eq!(waiting.call(3).await, Ok(3));
    assert_eq!(started.elapsed(), SECOND, "a dropped call gives its turn back");
    assert_eq!(limiter.snapshot().waiting, 0);
}

#[tokio::test(start_paused = true)]
async fn an_adaptive_limit_measures_calls_and_holds_nothing_for_idle_clones() {
    let inner = Gated::new();
    let settings = AdaptiveLimitConfig::new(Aimd::new()).with_initial_limit(1).with_max_waiting(1);
    let limit = settings.build().unwrap();
    let mut service = AdaptiveLimitLayer::new(limit.clone()).layer(inner.clone());
    let mut idle = service.clone();
    idle.ready().await.unwrap();
    assert_eq!(limit.snapshot().in_flight, 0);

    let mut running = task(service.call(1));
    let mut waiting = task(idle.call(2));
    assert!(running.poll().is_pending() && waiting.poll().is_pending());
    assert_eq!((limit.snapshot().in_flight, limit.snapshot().waiting, inner.running()), (1, 1, 1));
    assert_eq!(service.call(3).await, Err(Failure::Policy(Rejection::Full)));
    inner.gate.add_permits(2);
    assert_eq!(running.poll(), Poll::Ready(Ok(1)));
    assert_eq!(waiting.poll(), Poll::Ready(Ok(2)));
    assert_eq!(limit.snapshot().samples, 2, "both results were learnt from");
    assert_eq!(limit.snapshot().in_flight, 0);
}

#[tokio::test(start_paused = true)]
async fn a_timeout_drops_the_response_before_anybody_hears_of_it() {
    let inner = Gated::new();
    let timeout = Timeout::new(SECOND);
    let mut service = TimeoutLayer::new(timeout.clone()).layer(inner.clone());
    let started = Instant::now();
    let mut response = Box::pin(service.call(1));
    assert_eq!((&mut response).await, Err(Failure::Policy(Rejection::Timeout { after: SECOND })));
    assert_eq!(started.elapsed(), SECOND);
    assert_eq!(inner.running(), 0);
    assert_eq!(timeout.snapshot().timed_out, 1);
    inner.gate.add_permits(1);
    assert_eq!(service.call(2).await, Ok(2));
    assert_eq!(timeout.snapshot().timed_out, 1);
}

#[tokio::test(start_paused = true)]
async fn layers_nest_as_policies_do_and_errors_do_not_pile_up() {
    let per_attempt = Timeout::new(5 * SECOND);
    let retry = RetryPolicy::constant(SECOND).build().unwrap();
    let bulkhead = Bulkhead::new(1);
    let service = ServiceBuilder::new()
        .layer(TimeoutLayer::new(Timeout::new(8 * SECOND)))
        .layer(RetryLayer::new(retry.clone()))
        .layer(TimeoutLayer::new(per_attempt.clone()))
        .layer(BulkheadLayer::new(bulkhead.clone()))
        .map_err(Error::Inner)
        .service(service_fn(|(): ()| pending::<Result<(), Infallible>>()));
    let started = Instant::now();
    let result: Result<(), Error<Infallible>> = service.oneshot(()).await;
    assert_eq!(result, Err(Error::Rejected(Rejection::Timeout { after: 8 * SECOND })), "one level deep");
    assert_eq!(started.elapsed(), 8 * SECOND);
    assert_eq!(per_attempt.snapshot().timed_out, 1, "the second attempt was cut off");
    assert_eq!(retry.snapshot().retries, 1);
    assert_eq!(bulkhead.snapshot().in_flight, 0);
}

#[tokio::test(start_paused = true)]
async fn tower_s_boxed_error_holds_rejections() {
    let service = ServiceBuilder::new()
        .layer(BulkheadLayer::new(Bulkhead::new(1)))
        .layer(TimeoutLayer::new(Timeout::new(SECOND)))
        .map_err(BoxError::from)
        .service(service_fn(|(): ()| pending::<Result<(), Infallible>>()));
    let error = service.oneshot(()).await.unwrap_err();
    assert_eq!(error.downcast_ref(), Some(&Rejection::Timeout { after: SECOND }));
}

/// A future on the heap that is polled by hand.
struct Task<F>(std::pin::Pin<Box<F>>);

fn task<F: Future>(future: F) -> Task<F> {
    Task(Box::pin(future))
}

impl<F: Future> Task<F> {
    fn poll(&mut self) -> Poll<F::Output> {
        self.0.as_mut().poll(&mut Context::from_waker(std::task::Waker::noop()))
    }
}
