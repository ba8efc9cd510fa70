//! Hedge on tokio's paused time: when further attempts start, which answer counts, and what it costs not to need any.

use std::{
    future::ready,
    sync::atomic::{AtomicU32, Ordering::Relaxed},
    time::Duration,
};

use otlp_reliability::{
    Controlled, Event, Hedge, HedgeConfig, HedgeDelay, Policy, PolicyConfig, RetryPolicy, TokenBudget,
};
use tokio::{
    task::yield_now,
    time::{Instant, sleep},
};

use crate::{Failure, Record};

const SECOND: Duration = Duration::from_secs(1);

/// Attempts that take so many seconds, one after the other, and then succeed with their number or fail.
struct Script {
    attempts: AtomicU32,
    seconds: &'static [(u64, bool)],
}

impl Script {
    fn of(seconds: &'static [(u64, bool)]) -> Self {
        Script { attempts: AtomicU32::new(0), seconds }
    }

    async fn attempt(&self) -> Result<u32, Failure> {
        let attempt = self.attempts.fetch_add(1, Relaxed);
        let (seconds, succeeds) = self.seconds[attempt as usize];
        sleep(Duration::from_secs(seconds)).await;
        if succeeds { Ok(attempt + 1) } else { Err(Failure::Refused(attempt + 1)) }
    }

    fn attempts(&self) -> u32 {
        self.attempts.load(Relaxed)
    }
}

fn after_five(max_hedges: u32) -> Hedge {
    HedgeConfig::new(5 * SECOND).with_max_hedges(max_hedges).build().unwrap()
}

#[tokio::test(start_paused = true)]
async fn an_answer_in_time_starts_nothing() {
    let script = Script::of(&[(4, true)]);
    let hedge = after_five(3);
    assert_eq!(hedge.execute(|| script.attempt()).await, Ok(1));
    assert_eq!((script.attempts(), hedge.snapshot().hedges), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn the_first_success_wins_whichever_attempt_it_is_of() {
    let started = Instant::now();
    let record = Record::default();
    let script = Script::of(&[(60, true), (60, true), (1, true)]);
    let hedge = after_five(3).with_observer(record.clone());
    assert_eq!(hedge.execute(|| script.attempt()).await, Ok(3));
    assert_eq!(started.elapsed(), 11 * SECOND);
    assert_eq!(record.events(), [Event::Hedged { attempt: 2 }, Event::Hedged { attempt: 3 }]);

    let script = Script::of(&[(7, true), (60, true)]);
    assert_eq!(hedge.execute(|| script.attempt()).await, Ok(1), "the first one may still win");
    let figures = hedge.snapshot();
    assert_eq!((figures.hedged, figures.hedges, figures.won, figures.refused), (2, 3, 1, 0));
}

#[tokio::test(start_paused = true)]
async fn no_more_attempts_are_started_than_allowed() {
    let started = Instant::now();
    let script = Script::of(&[(60, true), (60, true), (60, true)]);
    assert_eq!(after_five(2).execute(|| script.attempt()).await, Ok(1));
    assert_eq!(script.attempts(), 3);
    assert_eq!(started.elapsed(), 60 * SECOND);
}

#[tokio::test(start_paused = true)]
async fn an_error_of_the_only_attempt_is_returned_at_once() {
    let script = Script::of(&[(1, false), (1, true)]);
    assert_eq!(after_five(3).execute(|| script.attempt()).await, Err(Failure::Refused(1)));
    assert_eq!(script.attempts(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_error_beside_another_attempt_lets_that_one_decide() {
    let script = Script::of(&[(6, false), (3, true)]);
    assert_eq!(after_five(1).execute(|| script.attempt()).await, Ok(2));
    let script = Script::of(&[(60, true), (1, false)]);
    assert_eq!(after_five(1).execute(|| script.attempt()).await, Ok(1));
    let script = Script::of(&[(6, false), (3, false)]);
    assert_eq!(after_five(1).execute(|| script.attempt()).await, Err(Failure::Refused(2)), "the last one");
    let script = Script::of(&[(60, false), (1, false)]);
    assert_eq!(after_five(1).execute(|| script.attempt()).await, Err(Failure::Refused(1)));
}

#[tokio::test(start_paused = true)]
async fn pitfall_19_hedges_are_bounded_by_the_budget() {
    let budget = TokenBudget::new(10, 0.1).build().unwrap();
    let hedge = HedgeConfig::new(SECOND).with_max_hedges(3).build().unwrap().with_budget(budget);
    let attempts = AtomicU32::new(0);
    for _ in 0..100 {
        let slow = || async {
            attempts.fetch_add(1, Relaxed);
            sleep(60 * SECOND).await;
            Ok::<_, Failure>(())
        };
        assert_eq!(hedge.execute(slow).await, Ok(()));
    }
    // Ten tokens at the start and a tenth per call; not three hundred.
    let hedges = attempts.load(Relaxed) - 100;
    assert!((19..=20).contains(&hedges), "{hedges}");
    assert!(hedge.snapshot().refused > 80);
}

#[tokio::test(start_paused = true)]
async fn the_delay_follows_the_percentile_of_recent_calls() {
    let delay = HedgeDelay::Percentile { percentile: 90.0, initial: 100 * SECOND };
    let hedge = HedgeConfig::new(delay).build().unwrap();
    let call = |seconds| {
        let hedge = &hedge;
        async move {
            let answer = || async move {
                sleep(Duration::from_secs(seconds)).await;
                Ok::<_, Failure>(())
            };
            hedge.execute(answer).await.unwrap();
        }
    };
    assert_eq!(hedge.snapshot().delay, 100 * SECOND);
    for index in 0..128 {
        call(if index % 8 == 0 { 50 } else { 1 }).await;
    }
    let delay = hedge.snapshot().delay;
    assert!(delay >= 50 * SECOND && delay <= 50 * SECOND * 9 / 8, "an eighth takes 50 s: {delay:?}");
    assert_eq!(hedge.snapshot().hedges, 0);
    for _ in 0..2048 {
        call(1).await;
    }
    let delay = hedge.snapshot().delay;
    assert!(delay >= SECOND && delay <= SECOND * 9 / 8, "{delay:?}");
    call(3).await;
    assert_eq!(hedge.snapshot().hedges, 1);
}

#[tokio::test(start_paused = true)]
async fn a_reload_keeps_what_was_measured_and_obeys_at_once() {
    let hedge = HedgeConfig::new(SECOND).build().unwrap();
    let control = hedge.control().unwrap();
    let reload = |settings| control.reload(&PolicyConfig::Hedge(settings));
    let attempts = AtomicU32::new(0);
    let slow = || async {
        attempts.fetch_add(1, Relaxed);
        sleep(10 * SECOND).await;
        Ok::<_, Failure>(())
    };
    hedge.execute(slow).await.unwrap();
    reload(HedgeConfig::new(2 * SECOND).with_max_hedges(3)).unwrap();
    assert_eq!(hedge.settings().max_hedges(), 3);
    hedge.execute(slow).await.unwrap();
    assert_eq!(attempts.load(Relaxed), 2 + 4);
    assert_eq!(hedge.snapshot().hedges, 4, "counters stay");
    let percentile = HedgeDelay::Percentile { percentile: 99.0, initial: 20 * SECOND };
    reload(HedgeConfig::new(percentile)).unwrap();
    assert_eq!(hedge.snapshot().delay, 20 * SECOND);
    assert_eq!(reload(HedgeConfig::new(Duration::ZERO)).unwrap_err().field(), "delay");
    assert_eq!(control.reload(&PolicyConfig::Retry(RetryPolicy::new())).unwrap_err().accepted(), "hedge");
}

#[test]
fn a_ready_operation_needs_no_runtime() {
    let hedge = after_five(1);
    let mut call = std::pin::pin!(hedge.execute(|| ready(Ok::<_, Failure>(1))));
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    assert_eq!(call.as_mut().poll(&mut context), std::task::Poll::Ready(Ok(1)));
}

#[tokio::test(start_paused = true)]
async fn a_hedge_goes_around_and_into_other_policies_and_can_be_spawned() {
    let script = std::sync::Arc::new(Script::of(&[(60, true), (1, false), (60, true), (1, true)]));
    let policy = (RetryPolicy::constant(SECOND).build().unwrap(), after_five(1));
    let operation = {
        let script = std::sync::Arc::clone(&script);
        move || {
            let script = std::sync::Arc::clone(&script);
            async move { script.attempt().await }
        }
    };
    let answer = tokio::spawn(async move { policy.run(operation).await }).await.unwrap();
    assert_eq!(answer, Ok(1), "an error of the second attempt leaves the first");
    assert_eq!(script.attempts(), 2);
}

#[tokio::test(start_paused = true)]
async fn an_operation_that_uses_up_the_cooperative_budget_is_still_hedged() {
    let call = tokio::spawn(async {
        let attempts = AtomicU32::new(0);
        let greedy = || {
            let attempt = attempts.fetch_add(1, Relaxed);
            async move {
                if attempt == 0 {
                    loop {
                        tokio::task::consume_budget().await;
                    }
                }
                Ok::<_, Failure>(attempt)
            }
        };
        HedgeConfig::new(SECOND).build().unwrap().execute(greedy).await
    });
    yield_now().await;
    tokio::time::advance(2 * SECOND).await;
    for _ in 0..100 {
        yield_now().await;
    }
    assert!(call.is_finished(), "the timer was never seen");
    assert_eq!(call.await.unwrap(), Ok(1));
}
