//! A call dropped at each of its await points leaves nothing behind and does nothing more.

use std::{cell::Cell, future::pending, pin::pin, time::Duration};

use otlp_reliability::{Fallback, HedgeConfig, Policy, RateLimiterConfig, RetryPolicy, Timeout, TokenBudget};

use crate::{Failure, Record, poll_once};

const SECOND: Duration = Duration::from_secs(1);

/// Counts how many operations are running.
struct Running<'a>(&'a Cell<u32>);

impl<'a> Running<'a> {
    fn start(count: &'a Cell<u32>) -> Self {
        count.set(count.get() + 1);
        Running(count)
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_retry_dropped_during_an_attempt_drops_the_attempt() {
    let running = Cell::new(0);
    let record = Record::default();
    let retry = RetryPolicy::constant(SECOND).build().unwrap().with_observer(record.clone());
    {
        let mut call = pin!(retry.execute(|| async {
            let _running = Running::start(&running);
            pending::<Result<(), ()>>().await
        }));
        assert!(poll_once(call.as_mut()).is_pending());
        assert_eq!(running.get(), 1);
    }
    assert_eq!(running.get(), 0);
    assert_eq!(record.events(), []);
}

#[tokio::test(start_paused = true)]
async fn a_retry_dropped_while_waiting_starts_nothing_more() {
    let calls = Cell::new(0);
    let retry = RetryPolicy::constant(SECOND).build().unwrap();
    {
        let mut call = pin!(retry.execute(|| async {
            calls.set(calls.get() + 1);
            Err::<(), ()>(())
        }));
        assert!(poll_once(call.as_mut()).is_pending());
        assert_eq!(calls.get(), 1);
    }
    tokio::time::advance(10 * SECOND).await;
    assert_eq!(calls.get(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_timeout_dropped_while_its_operation_runs_drops_the_operation() {
    let running = Cell::new(0);
    let timeout = Timeout::new(SECOND);
    {
        let mut call = pin!(timeout.execute(|| async {
            let _running = Running::start(&running);
            pending::<Result<(), Failure>>().await
        }));
        assert!(poll_once(call.as_mut()).is_pending());
        assert_eq!(running.get(), 1);
    }
    assert_eq!(running.get(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_timeout_that_fires_has_dropped_the_operation_before_it_returns() {
    let running = Cell::new(0);
    let result: Result<(), Failure> = Timeout::new(SECOND)
        .execute(|| async {
            let _running = Running::start(&running);
            pending().await
        })
        .await;
    assert!(result.is_err());
    assert_eq!(running.get(), 0);
}

#[tokio::test(start_paused = true)]
async fn dropping_the_outermost_policy_drops_the_innermost_attempt() {
    let (attempts, mut attempted) = tokio::sync::mpsc::unbounded_channel();
    let policy =
        (Timeout::new(60 * SECOND), (RetryPolicy::constant(SECOND).build().unwrap(), Timeout::new(5 * SECOND)));
    let call = tokio::spawn(async move {
        policy
            .run(|| {
                // Closed when the attempt is dropped.
                let (alive, closed) = tokio::sync::oneshot::channel::<()>();
                attempts.send(closed).unwrap();
                async move {
                    let _alive = alive;
                    pending::<Result<(), Failure>>().await
                }
            })
            .await
    });
    let first = attempted.recv().await.unwrap();
    let second = attempted.recv().await.unwrap();
    assert!(first.await.is_err(), "timed out");
    call.abort();
    assert!(call.await.unwrap_err().is_cancelled());
    assert!(second.await.is_err(), "dropped with the call");
    assert!(attempted.recv().await.is_none(), "and no third");
}

#[tokio::test(start_paused = true)]
async fn a_panic_in_the_operation_passes_through_and_leaves_the_policy_usable() {
    let policy = std::sync::Arc::new((RetryPolicy::constant(SECOND).build().unwrap(), Timeout::new(SECOND)));
    let shared = std::sync::Arc::clone(&policy);
    let call = tokio::spawn(async move {
        shared.run(|| async { if true { panic!("in the operation") } else { Ok::<(), Failure>(()) } }).await
    });
    assert!(call.await.unwrap_err().is_panic());
    assert_eq!(policy.run(|| async { Ok::<_, Failure>(2) }).await, Ok(2));
}

#[tokio::test(start_paused = true)]
async fn a_retry_dropped_while_waiting_gives_its_attempt_back_to_the_budget() {
    let budget = TokenBudget::new(2, 0.1).build().unwrap();
    let retry = RetryPolicy::constant(SECOND).build().unwrap().with_budget(budget.clone());
    {
        let mut call = pin!(retry.execute(|| async { Err::<(), ()>(()) }));
        assert!(poll_once(call.as_mut()).is_pending());
        assert_eq!(budget.snapshot().available, 1);
    }
    assert_eq!(budget.snapshot().available, 2);
    {
        let calls = Cell::new(0);
        let mut call = pin!(retry.execute(|| async {
            calls.set(calls.get() + 1);
            if calls.get() == 1 { Err::<(), ()>(()) } else { pending().await }
        }));
        assert!(poll_once(call.as_mut()).is_pending());
        tokio::time::advance(SECOND).await;
        assert!(poll_once(call.as_mut()).is_pending());
        assert_eq!(calls.get(), 2);
    }
    assert_eq!(budget.snapshot().available, 1, "an attempt that was made is spent");
    assert_eq!(retry.snapshot().retries, 1);
}

#[tokio::test(start_paused = true)]
async fn pitfall_08_a_call_dropped_in_the_limiters_line_gives_its_place_back() {
    let limiter = RateLimiterConfig::new(1, SECOND).with_max_wait(60 * SECOND).build().unwrap();
    limiter.acquire().await.unwrap();
    let calls = Cell::new(0);
    {
        let mut call = pin!(limiter.execute(|| async {
            calls.set(calls.get() + 1);
            Ok::<_, Failure>(())
        }));
        assert!(poll_once(call.as_mut()).is_pending());
        assert_eq!(limiter.snapshot().waiting, 1);
    }
    assert_eq!((limiter.snapshot().waiting, calls.get()), (0, 0));
    let started = tokio::time::Instant::now();
    limiter.acquire().await.unwrap();
    assert_eq!(started.elapsed(), SECOND, "and not two");
}

#[tokio::test(start_paused = true)]
async fn a_limited_call_dropped_while_it_runs_drops_the_operation() {
    let running = Cell::new(0);
    let limiter = RateLimiterConfig::new(1, SECOND).build().unwrap();
    {
        let mut call = pin!(limiter.execute(|| async {
            let _running = Running::start(&running);
            pending::<Result<(), Failure>>().await
        }));
        assert!(poll_once(call.as_mut()).is_pending());
        assert_eq!(running.get(), 1);
    }
    assert_eq!(running.get(), 0);
    assert!(limiter.try_acquire().is_err(), "it has gone, and counts");
}

#[tokio::test(start_paused = true)]
async fn a_hedge_dropped_at_any_point_drops_all_attempts() {
    let running = Cell::new(0);
    let hedge = HedgeConfig::new(SECOND).with_max_hedges(2).build().unwrap();
    for attempts in 1..=3 {
        {
            let mut call = pin!(hedge.execute(|| async {
                let _running = Running::start(&running);
                pending::<Result<(), Failure>>().await
            }));
            assert!(poll_once(call.as_mut()).is_pending());
            for _ in 1..attempts {
                tokio::time::advance(SECOND).await;
                assert!(poll_once(call.as_mut()).is_pending());
            }
            assert_eq!(running.get(), attempts);
        }
        assert_eq!(running.get(), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_hedge_that_has_its_answer_has_dropped_the_other_attempts() {
    let running = Cell::new(0);
    let attempts = Cell::new(0);
    let hedge = HedgeConfig::new(SECOND).build().unwrap();
    let answer: Result<u32, Failure> = hedge
        .execute(|| {
            attempts.set(attempts.get() + 1);
            let attempt = attempts.get();
            let running = &running;
            async move {
                let _running = Running::start(running);
                if attempt == 1 { pending().await } else { Ok(attempt) }
            }
        })
        .await;
    assert_eq!(answer, Ok(2));
    assert_eq!(running.get(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_fallback_dropped_in_either_half_drops_what_runs() {
    let running = Cell::new(0);
    let fallback = Fallback::value(()).with_observer(Record::default());
    {
        let mut call = pin!(fallback.execute(|| async {
            let _running = Running::start(&running);
            pending::<Result<(), Failure>>().await
        }));
        assert!(poll_once(call.as_mut()).is_pending());
        assert_eq!(running.get(), 1);
    }
    assert_eq!(running.get(), 0);

    let (alive, closed) = tokio::sync::oneshot::channel::<()>();
    let alive = std::sync::Mutex::new(Some(alive));
    let fallback = Fallback::from_async_fn(move |_: Failure| {
        let alive = alive.lock().unwrap().take();
        async move {
            let _alive = alive;
            pending().await
        }
    });
    {
        let mut call = pin!(fallback.execute(|| async { Err::<(), _>(Failure::Refused(1)) }));
        assert!(poll_once(call.as_mut()).is_pending());
    }
    assert!(closed.await.is_err(), "dropped with the call");
    assert_eq!((fallback.snapshot().fell_back, fallback.snapshot().failed), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn pitfall_06_a_panic_leaves_every_policy_usable() {
    let limiter = RateLimiterConfig::new(10, SECOND).build().unwrap();
    let budget = TokenBudget::new(2, 0.1).build().unwrap();
    let hedge = HedgeConfig::new(SECOND).build().unwrap().with_budget(budget.clone());
    let policy = std::sync::Arc::new((Fallback::value(1), (limiter.clone(), hedge)));
    let shared = std::sync::Arc::clone(&policy);
    let call = tokio::spawn(async move {
        shared.run(|| async { if true { panic!("in the operation") } else { Ok::<i32, Failure>(0) } }).await
    });
    assert!(call.await.unwrap_err().is_panic());
    assert_eq!(policy.run(|| async { Ok::<_, Failure>(2) }).await, Ok(2));
    assert_eq!((limiter.snapshot().available, limiter.snapshot().waiting), (8, 0));
    assert_eq!(budget.snapshot().available, 2);
}
