//! Clocks that are not tokio's: one that counts its use, one that goes back, one whose sleeps can be cut short.

use std::{
    future::Future,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

use otlp_reliability::{
    BlockingPolicy, Clock, Event, GiveUp, HedgeConfig, HedgeDelay, PercentageBudget, Policy, RateLimiterConfig,
    Rejection, RetryPolicy, Timeout, TokioClock,
};
use tokio::sync::watch;

use crate::{Failure, Record};

#[derive(Default)]
struct Counting {
    reads: AtomicU32,
    sleeps: Mutex<Vec<Duration>>,
}

impl Clock for Counting {
    fn now(&self) -> Instant {
        self.reads.fetch_add(1, Ordering::Relaxed);
        TokioClock.now()
    }

    fn sleep(&self, duration: Duration) -> impl Future<Output = ()> + Send {
        self.sleeps.lock().unwrap().push(duration);
        TokioClock.sleep(duration)
    }
}

#[tokio::test(start_paused = true)]
async fn every_wait_goes_through_the_clock_and_nothing_is_read_without_need() {
    let clock = Counting::default();
    let retry = RetryPolicy::constant(Duration::from_secs(1)).build().unwrap().with_clock(&clock);
    let _: Result<(), u8> = retry.execute(|| async { Err(1) }).await;
    assert_eq!(*clock.sleeps.lock().unwrap(), [Duration::from_secs(1); 2]);
    assert_eq!(clock.reads.load(Ordering::Relaxed), 0, "no limit on the elapsed time is set");

    let clock = Counting::default();
    let timeout = Timeout::new(Duration::from_secs(1)).with_clock(&clock);
    let ready: Result<u8, Failure> = timeout.execute(|| async { Ok(1) }).await;
    assert_eq!(ready, Ok(1));
    assert!(clock.sleeps.lock().unwrap().is_empty(), "a ready operation is polled before a timer exists");

    let clock = Counting::default();
    let delay = HedgeDelay::Percentile { percentile: 95.0, initial: Duration::from_secs(1) };
    let hedge = HedgeConfig::new(delay).build().unwrap().with_clock(&clock);
    let ready: Result<u8, Failure> = hedge.execute(|| async { Ok(1) }).await;
    assert_eq!(ready, Ok(1));
    assert!(clock.sleeps.lock().unwrap().is_empty());
    assert_eq!(clock.reads.load(Ordering::Relaxed), 0, "it took no time");
}

/// Each reading is an hour before the last.
pub(crate) struct Backwards(Mutex<Instant>);

impl Backwards {
    pub(crate) fn from(start: Instant) -> Self {
        Backwards(Mutex::new(start))
    }
}

impl Clock for Backwards {
    fn now(&self) -> Instant {
        let mut now = self.0.lock().unwrap();
        *now = now.checked_sub(Duration::from_secs(3600)).unwrap_or(*now);
        *now
    }

    fn sleep(&self, duration: Duration) -> impl Future<Output = ()> + Send {
        TokioClock.sleep(duration)
    }
}

#[tokio::test(start_paused = true)]
async fn pitfall_16_a_clock_that_goes_back_panics_nothing_and_counts_as_no_time() {
    let base = Instant::now() + Duration::from_secs(100 * 3600);
    let policy = RetryPolicy::new().with_max_attempts(5).with_max_elapsed(Duration::from_secs(60));
    let retry = policy.build().unwrap().with_clock(Backwards::from(base));
    let mut calls = 0;
    let result: Result<(), u32> = retry
        .execute(|| {
            calls += 1;
            std::future::ready(Err(calls))
        })
        .await;
    assert_eq!(result, Err(5));
}

/// Tokio's time until the service drains; from then on every sleep ends at once.
struct Draining(watch::Receiver<bool>);

impl Clock for Draining {
    fn now(&self) -> Instant {
        TokioClock.now()
    }

    async fn sleep(&self, duration: Duration) {
        let mut draining = self.0.clone();
        tokio::select! {
            () = TokioClock.sleep(duration) => {}
            // A sender that is gone can no longer say "drain": only the sleep counts.
            Ok(_) = draining.wait_for(|draining| *draining) => {}
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_cuts_sleeps_short_wakes_a_waiting_retry() {
    let (drain, draining) = watch::channel(false);
    let record = Record::default();
    let retry = RetryPolicy::constant(Duration::from_secs(3600)).build().unwrap();
    let retry = retry.with_clock(Draining(draining)).with_observer(record.clone());
    let started = TokioClock.now();
    let waiting = tokio::spawn(async move {
        let mut calls = 0;
        retry
            .execute(|| {
                calls += 1;
                std::future::ready(if calls < 3 { Err(calls) } else { Ok(calls) })
            })
            .await
    });
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(!waiting.is_finished());
    drain.send_replace(true);
    assert_eq!(waiting.await.unwrap(), Ok(3));
    assert_eq!(TokioClock.now() - started, Duration::from_secs(1));
    assert_eq!(record.events().last(), Some(&Event::Settled { attempts: 3 }));
}

#[tokio::test(start_paused = true)]
async fn pitfall_16_no_policy_minds_a_clock_that_goes_back() {
    let backwards = || Backwards::from(Instant::now() + Duration::from_secs(1000 * 3600));
    let limiter = RateLimiterConfig::new(3, Duration::from_secs(1)).build().unwrap().with_clock(backwards());
    let went = (0..100).filter(|_| limiter.try_acquire().is_ok()).count();
    assert_eq!(went, 3, "the burst, and then no time passes");
    assert_eq!(limiter.snapshot().available, 0);

    let budget = PercentageBudget::new(10.0).with_min_per_second(0).build().unwrap().with_clock(backwards());
    (0..100).for_each(|_| budget.deposit());
    assert_eq!((0..100).filter(|_| budget.try_withdraw().is_ok()).count(), 10);

    let delay = HedgeDelay::Percentile { percentile: 95.0, initial: Duration::from_secs(1) };
    let hedge = HedgeConfig::new(delay).build().unwrap().with_clock(backwards());
    for _ in 0..300 {
        let answer: Result<u8, Failure> = hedge
            .run(|| async {
                tokio::task::yield_now().await;
                Ok(1)
            })
            .await;
        assert_eq!(answer, Ok(1));
    }
    assert_eq!(hedge.snapshot().delay, Duration::from_micros(1), "no time passed in any call");
}

#[tokio::test(start_paused = true)]
async fn a_waiter_that_oversleeps_delays_nobody_else() {
    let limiter = RateLimiterConfig::new(1, Duration::from_secs(1)).with_max_wait(Duration::from_secs(10));
    let limiter = limiter.build().unwrap().with_clock(Oversleeping);
    let started = TokioClock.now();
    for _ in 0..3 {
        limiter.acquire().await.unwrap();
    }
    assert_eq!(TokioClock.now() - started, Duration::from_secs(10), "the second call's sleep; the third had none");
    assert_eq!((limiter.snapshot().waiting, limiter.snapshot().waited), (0, 1));
}

/// Time that passes by waiting and in no other way.
struct Manual {
    now: Mutex<Instant>,
    blocks: Mutex<Vec<Duration>>,
}

impl Manual {
    fn new() -> Self {
        Manual { now: Mutex::new(Instant::now()), blocks: Mutex::default() }
    }

    fn blocks(&self) -> Vec<Duration> {
        self.blocks.lock().unwrap().clone()
    }
}

impl Clock for Manual {
    fn now(&self) -> Instant {
        *self.now.lock().unwrap()
    }

    async fn sleep(&self, duration: Duration) {
        self.block(duration);
    }

    fn block(&self, duration: Duration) {
        *self.now.lock().unwrap() += duration;
        self.blocks.lock().unwrap().push(duration);
    }
}

#[test]
fn threads_wait_on_the_clock_between_attempts() {
    let clock = Manual::new();
    let record = Record::default();
    let policy = RetryPolicy::constant(Duration::from_secs(1)).with_max_attempts(None);
    let retry = policy.with_max_elapsed(Duration::from_secs(3)).build().unwrap();
    let retry = retry.with_clock(&clock).with_observer(record.clone());
    let result = retry.call(|| Err::<(), _>(Failure::Refused(1)));
    assert_eq!(result, Err(Failure::Refused(1)));
    assert_eq!(clock.blocks(), [Duration::from_secs(1); 3]);
    assert_eq!(record.events().last(), Some(&Event::GaveUp { attempts: 4, reason: GiveUp::MaxElapsed }));
}

#[test]
fn threads_wait_on_the_clock_for_their_turn() {
    let clock = Arc::new(Manual::new());
    let second = Duration::from_secs(1);
    let limiter = RateLimiterConfig::new(1, second).with_max_wait(second).build().unwrap();
    let limiter = limiter.with_clock(Arc::clone(&clock));
    let calls: Vec<Result<u32, Failure>> = (0..3).map(|call| limiter.call(|| Ok(call))).collect();
    assert_eq!(calls, [Ok(0), Ok(1), Ok(2)]);
    assert_eq!(clock.blocks(), [second; 2]);

    let strict = RateLimiterConfig::new(1, second).build().unwrap().with_clock(clock);
    assert_eq!(strict.call(|| Ok::<_, Failure>(1)), Ok(1));
    let rejection = Rejection::RateLimited { retry_after: second };
    assert_eq!(strict.call(|| Ok::<_, Failure>(2)), Err(Failure::Policy(rejection)));
}

/// Oversleeps: each sleep takes ten times as long as asked, as on a machine that was suspended.
struct Oversleeping;

impl Clock for Oversleeping {
    fn now(&self) -> Instant {
        TokioClock.now()
    }

    fn sleep(&self, duration: Duration) -> impl Future<Output = ()> + Send {
        TokioClock.sleep(duration * 10)
    }
}

#[tokio::test(start_paused = true)]
async fn the_elapsed_time_is_checked_again_after_the_sleep() {
    let record = Record::default();
    let policy = RetryPolicy::constant(Duration::from_secs(1)).with_max_elapsed(Duration::from_secs(5));
    let retry = policy.build().unwrap().with_clock(Oversleeping).with_observer(record.clone());
    let mut calls = 0;
    let result: Result<(), u32> = retry
        .execute(|| {
            calls += 1;
            std::future::ready(Err(calls))
        })
        .await;
    assert_eq!(result, Err(1), "no attempt starts after the limit");
    assert_eq!(
        record.events(),
        [
            Event::AttemptFailed { attempt: 1 },
            Event::Retrying { attempt: 2, delay: Duration::from_secs(1) },
            Event::GaveUp { attempts: 1, reason: GiveUp::MaxElapsed },
        ]
    );
}
