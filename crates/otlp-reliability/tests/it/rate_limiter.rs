//! Rate limiter on tokio's paused time: who goes when, who is told to come back when, and what a reload keeps.

use std::{cell::Cell, future::ready, time::Duration};

use otlp_reliability::{
    Controlled, Event, Policy, PolicyConfig, RateLimiter, RateLimiterConfig, Rejection, RetryPolicy, RetryTransient,
};
use tokio::{task::yield_now, time::Instant};

use crate::{Failure, Record};

const SECOND: Duration = Duration::from_secs(1);

fn limited(retry_after: Duration) -> Result<(), Rejection> {
    Err(Rejection::RateLimited { retry_after })
}

/// One per second, the second and later ones waiting.
fn patient() -> RateLimiter {
    RateLimiterConfig::new(1, SECOND).with_max_wait(3600 * SECOND).build().unwrap()
}

#[tokio::test(start_paused = true)]
async fn pitfall_15_paused_time_brings_the_calls_back_exactly() {
    let limiter = RateLimiterConfig::new(2, SECOND).build().unwrap();
    assert_eq!([(); 3].map(|()| limiter.try_acquire()), [Ok(()), Ok(()), limited(SECOND / 2)]);
    tokio::time::advance(SECOND / 2 - Duration::from_nanos(1)).await;
    assert_eq!(limiter.try_acquire(), limited(Duration::from_nanos(1)));
    tokio::time::advance(Duration::from_nanos(1)).await;
    assert_eq!([(); 2].map(|()| limiter.try_acquire()), [Ok(()), limited(SECOND / 2)]);
    tokio::time::advance(3600 * SECOND).await;
    assert_eq!([(); 3].map(|()| limiter.try_acquire().is_ok()), [true, true, false], "no more than the burst");
}

#[tokio::test(start_paused = true)]
async fn several_calls_go_together_or_not_at_all() {
    let limiter = RateLimiterConfig::new(10, SECOND).with_burst(4).build().unwrap();
    assert_eq!(limiter.try_acquire_n(3), Ok(()));
    assert_eq!(limiter.try_acquire_n(3), limited(SECOND / 5));
    assert_eq!(limiter.try_acquire_n(1), Ok(()), "what was refused took nothing");
    for never in [0, 5, u32::MAX] {
        assert!(matches!(limiter.try_acquire_n(never), Err(Rejection::Misconfigured { field: "calls", .. })));
    }
}

#[tokio::test(start_paused = true)]
async fn the_fastest_and_the_slowest_rates_work() {
    let fast = RateLimiterConfig::new(1_000_000_000, SECOND).with_burst(1).build().unwrap();
    assert_eq!(fast.try_acquire(), Ok(()));
    assert_eq!(fast.try_acquire(), limited(Duration::from_nanos(1)));
    let day = 24 * 3600 * SECOND;
    let slow = RateLimiterConfig::new(1, day).build().unwrap();
    assert_eq!(slow.try_acquire(), Ok(()));
    assert_eq!(slow.try_acquire(), limited(day));
    tokio::time::advance(day).await;
    assert_eq!(slow.try_acquire(), Ok(()));
    assert_eq!(fast.try_acquire_n(1), Ok(()));
}

#[tokio::test(start_paused = true)]
async fn waiters_go_one_per_interval_in_the_order_of_arrival() {
    let limiter = patient();
    let started = Instant::now();
    let (went, mut order) = tokio::sync::mpsc::unbounded_channel();
    for caller in 0..4u64 {
        let (limiter, went) = (limiter.clone(), went.clone());
        tokio::spawn(async move {
            limiter.acquire().await.unwrap();
            went.send((caller, started.elapsed())).unwrap();
        });
        yield_now().await;
    }
    assert_eq!((limiter.snapshot().waiting, limiter.snapshot().waited), (3, 3));
    for caller in 0..4 {
        assert_eq!(order.recv().await, Some((caller, Duration::from_secs(caller))));
    }
    assert_eq!((limiter.snapshot().waiting, limiter.snapshot().waited), (0, 3));
}

#[tokio::test(start_paused = true)]
async fn who_would_wait_too_long_is_turned_away_at_once() {
    let record = Record::default();
    let limiter = RateLimiterConfig::new(1, SECOND).with_max_wait(SECOND).build().unwrap();
    let limiter = limiter.with_observer(record.clone());
    let started = Instant::now();
    limiter.acquire().await.unwrap();
    let (waits, refused) = tokio::join!(limiter.acquire(), limiter.acquire());
    assert_eq!((waits, refused), (Ok(()), limited(2 * SECOND)));
    assert_eq!(started.elapsed(), SECOND);
    assert_eq!(record.events(), [Event::Rejected(Rejection::RateLimited { retry_after: 2 * SECOND })]);
    assert_eq!(limiter.snapshot().rejected, 1);
}

#[tokio::test(start_paused = true)]
async fn callers_that_all_give_up_do_not_close_the_limiter() {
    let limiter = patient();
    limiter.acquire().await.unwrap();
    // A hundred at a time, each waiting for less long than its turn is away, for a hundred rounds.
    for _ in 0..100 {
        let mut callers = tokio::task::JoinSet::new();
        for _ in 0..100 {
            let limiter = limiter.clone();
            callers.spawn(async move { tokio::time::timeout(SECOND / 200, limiter.acquire()).await.is_ok() });
        }
        callers.join_all().await;
    }
    let started = Instant::now();
    limiter.acquire().await.unwrap();
    assert!(started.elapsed() <= SECOND, "{:?}", started.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_call_is_not_run_when_it_is_turned_away() {
    let limiter = RateLimiterConfig::new(1, SECOND).build().unwrap();
    let calls = Cell::new(0);
    let call = || {
        calls.set(calls.get() + 1);
        ready(Ok::<_, Failure>(()))
    };
    assert_eq!(limiter.execute(call).await, Ok(()));
    let rejection = Rejection::RateLimited { retry_after: SECOND };
    assert_eq!(limiter.execute(call).await, Err(Failure::Policy(rejection)));
    assert_eq!(calls.get(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_retry_waits_as_long_as_the_limiter_says() {
    let started = Instant::now();
    let limiter = RateLimiterConfig::new(1, 5 * SECOND).build().unwrap();
    let retry = RetryPolicy::constant(Duration::ZERO).with_max_attempts(2).build().unwrap();
    let policy = (retry.with_classifier(RetryTransient), limiter);
    for _ in 0..3 {
        let result: Result<(), otlp_reliability::Error<()>> = policy.run(|| ready(Ok(()))).await;
        assert_eq!(result, Ok(()));
    }
    assert_eq!(started.elapsed(), 10 * SECOND);
}

#[tokio::test(start_paused = true)]
async fn a_reload_keeps_the_calls_that_were_made_and_obeys_at_once() {
    let limiter = RateLimiterConfig::new(4, 4 * SECOND).build().unwrap();
    let control = limiter.control().unwrap();
    let reload = |settings: RateLimiterConfig| control.reload(&PolicyConfig::RateLimiter(settings));
    assert_eq!(limiter.try_acquire_n(3), Ok(()));
    reload(RateLimiterConfig::new(10, SECOND)).unwrap();
    assert_eq!(limiter.snapshot().available, 7);
    assert_eq!(limiter.settings(), RateLimiterConfig::new(10, SECOND));
    assert_eq!(limiter.try_acquire_n(7), Ok(()));
    assert_eq!(limiter.acquire().await, limited(SECOND / 10));
    reload(RateLimiterConfig::new(10, SECOND).with_max_wait(SECOND)).unwrap();
    assert_eq!(limiter.acquire().await, Ok(()), "now it waits");
    assert_eq!(reload(RateLimiterConfig::new(0, SECOND)).unwrap_err().field(), "limit_per_period");
    assert_eq!(control.reload(&PolicyConfig::Retry(RetryPolicy::new())).unwrap_err().accepted(), "rate_limiter");
    assert_eq!(limiter.snapshot().rejected, 1, "counters stay");
}
