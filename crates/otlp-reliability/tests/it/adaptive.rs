//! The adaptive limit around calls: what it learns from, what it tells, and that every place comes back.

use std::{
    future::{Future, pending, ready},
    panic::{AssertUnwindSafe, catch_unwind},
    pin::pin,
    sync::atomic::{AtomicBool, Ordering},
    task::Poll,
    time::{Duration, Instant},
};

use otlp_reliability::{
    AdaptiveLimit, AdaptiveLimitConfig, Aimd, BlockingPolicy, Clock, Controlled, Event, Gradient2, Policy,
    PolicyConfig, Rejection, Snapshot, TimeoutConfig, TokioClock, Vegas, Verdict,
};
use tokio::time::{advance, sleep};

use crate::{Failure, Record, poll_once};

const SECOND: Duration = Duration::from_secs(1);

fn aimd() -> AdaptiveLimitConfig {
    AdaptiveLimitConfig::new(Aimd::new()).with_initial_limit(10)
}

async fn fail(limit: &AdaptiveLimit) {
    let result: Result<(), Failure> = limit.execute(|| ready(Err(Failure::Refused(503)))).await;
    assert_eq!(result, Err(Failure::Refused(503)));
}

/// What it has learnt: the limit, the samples, and how many of them were dropped calls.
fn learnt<J, K, O>(limit: &AdaptiveLimit<J, K, O>) -> (u32, u64, u64) {
    let figures = limit.snapshot();
    assert_eq!(figures.in_flight, 0);
    (figures.limit, figures.samples, figures.dropped)
}

#[tokio::test(start_paused = true)]
async fn failures_take_from_the_limit_and_the_observer_hears_of_it() {
    let record = Record::default();
    let limit = aimd().build().unwrap().with_observer(record.clone());
    let result: Result<(), Failure> = limit.execute(|| ready(Err(Failure::Refused(503)))).await;
    assert_eq!(result, Err(Failure::Refused(503)));
    assert_eq!(learnt(&limit), (9, 1, 1));
    assert_eq!(record.events(), [Event::LimitChanged { from: 10, to: 9 }]);
}

#[tokio::test(start_paused = true)]
async fn calls_that_press_on_the_limit_and_succeed_make_it_grow() {
    let limit = aimd().with_max_limit(15).build().unwrap();
    for _ in 0..3 {
        let permits: Vec<_> = std::iter::from_fn(|| limit.try_acquire().ok()).collect();
        assert_eq!(permits.len() as u32, limit.snapshot().limit);
        for permit in permits {
            permit.complete(Verdict::Success);
        }
    }
    assert_eq!(limit.snapshot().limit, 15, "doubled, up to the highest limit");
    assert_eq!(limit.snapshot().rejected, 3);
}

#[tokio::test(start_paused = true)]
async fn the_lowest_limit_holds_whatever_fails() {
    let limit = aimd().with_min_limit(7).build().unwrap();
    for _ in 0..100 {
        fail(&limit).await;
    }
    assert_eq!(learnt(&limit).0, 7);
}

#[tokio::test(start_paused = true)]
async fn the_judge_says_what_is_overload() {
    let limit = aimd().build().unwrap().with_judge(|result: &Result<(), Failure>| match result {
        Ok(()) => Verdict::Success,
        Err(Failure::Refused(404)) => Verdict::Ignore,
        Err(_) => Verdict::Failure,
    });
    for (status, expected) in [(404, (10, 0, 0)), (503, (9, 1, 1))] {
        let _: Result<(), Failure> = limit.run(|| ready(Err(Failure::Refused(status)))).await;
        assert_eq!(learnt(&limit), expected);
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_longer_than_the_timeout_counts_as_dropped_though_it_succeeds() {
    let limit = aimd().with_timeout(SECOND).build().unwrap();
    for (time, expected) in [(SECOND / 2, (10, 1, 0)), (SECOND, (9, 2, 1))] {
        let result: Result<(), Failure> = limit
            .execute(|| async {
                sleep(time).await;
                Ok(())
            })
            .await;
        assert_eq!(result, Ok(()));
        assert_eq!(learnt(&limit), expected);
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_cancelled_late_counts_as_dropped_and_one_cancelled_early_as_nothing() {
    let limit = aimd().with_timeout(SECOND).build().unwrap();
    for (time, expected) in [(SECOND / 2, (10, 0, 0)), (SECOND, (9, 1, 1))] {
        {
            let mut call = pin!(limit.execute(pending::<Result<(), Failure>>));
            assert!(poll_once(call.as_mut()).is_pending());
            advance(time).await;
        }
        assert_eq!(learnt(&limit), expected);
    }
    let permit = limit.acquire().await.unwrap();
    drop(permit);
    assert_eq!(learnt(&limit), (9, 1, 1));
}

#[tokio::test(start_paused = true)]
async fn pitfall_06_a_panic_counts_as_failure_and_gives_the_place_back() {
    let limit = aimd().build().unwrap();
    let call = || limit.call(|| -> Result<(), Failure> { panic!("in the operation") });
    assert!(catch_unwind(AssertUnwindSafe(call)).is_err());
    assert_eq!(learnt(&limit), (9, 1, 1));
}

#[tokio::test(start_paused = true)]
async fn pitfall_08_places_come_back_when_a_call_is_dropped_at_any_await_point() {
    let limit = aimd().with_initial_limit(1).with_max_waiting(2).build().unwrap();
    let inside = limit.try_acquire().unwrap();
    {
        let mut in_line = pin!(limit.execute(pending::<Result<(), Failure>>));
        assert!(poll_once(in_line.as_mut()).is_pending());
        assert_eq!(limit.snapshot().waiting, 1);
    }
    {
        let mut let_in = pin!(limit.execute(pending::<Result<(), Failure>>));
        assert!(poll_once(let_in.as_mut()).is_pending());
        drop(inside);
        assert_eq!(limit.snapshot().in_flight, 1);
    }
    assert_eq!((limit.snapshot().in_flight, limit.snapshot().waiting), (0, 0));
    {
        let mut running = pin!(limit.execute(pending::<Result<(), Failure>>));
        assert!(poll_once(running.as_mut()).is_pending());
    }
    assert_eq!(learnt(&limit), (1, 0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_limit_that_grows_lets_waiters_in() {
    let limit = aimd().with_initial_limit(1).with_max_waiting(20).build().unwrap();
    let mut inside = limit.try_acquire().unwrap();
    let mut waiting: Vec<_> = (0..12).map(|_| Box::pin(limit.acquire())).collect();
    assert!(waiting.iter_mut().all(|call| poll_once(call.as_mut()).is_pending()));
    let mut line = waiting.iter_mut();
    // Ten calls, one at a time, make a round, after which there are two places.
    for _ in 0..10 {
        inside.complete(Verdict::Success);
        let Some(Poll::Ready(Ok(next))) = line.next().map(|call| poll_once(call.as_mut())) else {
            panic!("it was the next one's turn")
        };
        inside = next;
    }
    let second = line.next().map(|call| poll_once(call.as_mut()));
    assert!(matches!(second, Some(Poll::Ready(Ok(_)))), "a second place");
    assert!(line.next().is_some_and(|call| poll_once(call.as_mut()).is_pending()), "and no third");
}

#[tokio::test(start_paused = true)]
async fn a_reload_with_a_higher_limit_lets_waiters_in() {
    let limit = aimd().with_initial_limit(1).with_max_waiting(5).build().unwrap();
    let _inside = limit.try_acquire().unwrap();
    let mut waiting = pin!(limit.acquire());
    assert!(poll_once(waiting.as_mut()).is_pending());
    let settings = aimd().with_initial_limit(3).with_min_limit(3).with_max_waiting(5);
    limit.control().unwrap().reload(&PolicyConfig::AdaptiveLimit(settings)).unwrap();
    assert!(poll_once(waiting.as_mut()).is_ready());
}

#[tokio::test(start_paused = true)]
async fn the_line_is_bounded_in_length_and_time() {
    let record = Record::default();
    let settings = aimd().with_initial_limit(1).with_max_waiting(1).with_max_wait(SECOND);
    let limit = settings.build().unwrap().with_observer(record.clone());
    let _inside = limit.try_acquire().unwrap();
    let mut waiting = pin!(limit.acquire());
    assert!(poll_once(waiting.as_mut()).is_pending());
    assert_eq!(limit.acquire().await.unwrap_err(), Rejection::Full);
    advance(2 * SECOND).await;
    assert!(matches!(poll_once(waiting.as_mut()), Poll::Ready(Err(Rejection::Full))));
    let figures = limit.snapshot();
    assert_eq!((figures.rejected, figures.timed_out, figures.waited, figures.waiting), (2, 1, 1, 0));
    assert_eq!(record.events(), [Event::Rejected(Rejection::Full); 2]);
}

#[tokio::test(start_paused = true)]
async fn a_reload_keeps_what_was_learnt_and_obeys_the_new_bounds() {
    let limit = aimd().build().unwrap();
    let control = limit.control().unwrap();
    fail(&limit).await;
    assert_eq!(learnt(&limit), (9, 1, 1));

    let reload = |settings| control.reload(&PolicyConfig::AdaptiveLimit(settings));
    reload(aimd().with_initial_limit(50)).unwrap();
    assert_eq!(learnt(&limit).0, 9, "the initial limit is for the beginning");
    reload(aimd().with_max_limit(5).with_initial_limit(5)).unwrap();
    assert_eq!(learnt(&limit).0, 5);
    reload(AdaptiveLimitConfig::new(Vegas::new())).unwrap();
    assert_eq!(learnt(&limit), (5, 1, 1), "another algorithm goes on from there");

    assert_eq!(reload(aimd().with_min_limit(0)).unwrap_err().field(), "min_limit");
    assert_eq!(control.reload(&PolicyConfig::Timeout(TimeoutConfig::default())).unwrap_err().field(), "kind");
    let Snapshot::AdaptiveLimit(figures) = control.snapshot() else { panic!("another kind") };
    assert_eq!(figures, limit.snapshot());
}

#[tokio::test(start_paused = true)]
async fn another_clock_means_another_limit_with_the_same_settings() {
    let limit = aimd().build().unwrap();
    fail(&limit).await;
    assert_eq!(learnt(&limit).0, 9);
    assert_eq!(learnt(&limit.with_clock(TokioClock)), (10, 0, 0));
}

/// A clock that is an hour ahead at its first look, and then not.
struct Receding {
    start: Instant,
    looked: AtomicBool,
}

impl Clock for Receding {
    fn now(&self) -> Instant {
        if self.looked.swap(true, Ordering::Relaxed) { self.start } else { self.start + 3600 * SECOND }
    }

    fn sleep(&self, _: Duration) -> impl Future<Output = ()> + Send {
        pending()
    }
}

#[test]
fn pitfall_16_a_clock_that_goes_back_is_a_call_that_took_no_time() {
    for algorithm in [AdaptiveLimitConfig::new(Vegas::new()), AdaptiveLimitConfig::new(Gradient2::new())] {
        let clock = Receding { start: Instant::now(), looked: AtomicBool::new(false) };
        let limit = algorithm.build().unwrap().with_clock(clock);
        for _ in 0..100 {
            assert_eq!(limit.call(|| Ok::<_, Failure>(1)), Ok(1));
        }
        assert_eq!(learnt(&limit), (20, 100, 0));
    }
}

#[tokio::test(start_paused = true)]
async fn pitfall_15_latency_is_measured_in_paused_time() {
    // A server that takes a second for ten calls at once and longer for more: the limit stays near ten.
    let limit = AdaptiveLimitConfig::new(Vegas::new())
        .with_initial_limit(40)
        .with_timeout(3600 * SECOND)
        .with_max_waiting(100)
        .build()
        .unwrap();
    let clients = (0..60).map(|_| {
        let limit = limit.clone();
        tokio::spawn(async move {
            for _ in 0..60 {
                let _: Result<(), Failure> = limit
                    .run(|| async {
                        sleep(SECOND * limit.snapshot().in_flight.max(10) / 10).await;
                        Ok(())
                    })
                    .await;
            }
        })
    });
    for client in clients.collect::<Vec<_>>() {
        client.await.unwrap();
    }
    let found = limit.snapshot().limit;
    assert!((5..=20).contains(&found), "{found}");
}
