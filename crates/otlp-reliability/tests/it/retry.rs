//! Retry on tokio's paused time: how often, when, and what it says about it.

use std::{cell::RefCell, future::ready, rc::Rc, time::Duration};

use otlp_reliability::{Decision, Event, GiveUp, Jitter, RetryPolicy};
use tokio::time::{Instant, sleep};

use crate::Record;

const SECOND: Duration = Duration::from_secs(1);

/// Exponential from one second, without jitter, so that times are exact.
fn exact() -> RetryPolicy {
    RetryPolicy::new().with_initial_delay(SECOND).with_jitter(Jitter::None)
}

#[tokio::test(start_paused = true)]
async fn pitfall_15_paused_time_moves_the_waits() {
    let started = Instant::now();
    let mut at = Vec::new();
    let retry = exact().with_max_attempts(4).build().unwrap();
    let result: Result<(), usize> = retry
        .execute(|| {
            at.push(started.elapsed());
            ready(Err(at.len()))
        })
        .await;
    assert_eq!(result, Err(4), "the last result");
    assert_eq!(at, [0, 1, 3, 7].map(Duration::from_secs));
}

#[tokio::test]
async fn a_final_result_needs_no_time_and_no_second_attempt() {
    let mut calls = 0;
    let retry = exact().build().unwrap();
    let result: Result<i32, ()> = retry
        .execute(|| {
            calls += 1;
            ready(Ok(calls))
        })
        .await;
    assert_eq!(result, Ok(1));
}

#[tokio::test(start_paused = true)]
async fn one_attempt_means_no_retry() {
    let record = Record::default();
    let retry = exact().with_max_attempts(1).build().unwrap().with_observer(record.clone());
    let result: Result<(), ()> = retry.execute(|| ready(Err(()))).await;
    assert_eq!(result, Err(()));
    let reason = GiveUp::MaxAttempts;
    assert_eq!(record.events(), [Event::AttemptFailed { attempt: 1 }, Event::GaveUp { attempts: 1, reason }]);
}

#[tokio::test(start_paused = true)]
async fn an_observer_hears_of_each_failure_each_wait_and_the_end() {
    let record = Record::default();
    let retry = exact().build().unwrap().with_observer(record.clone());
    let mut calls = 0;
    let result: Result<i32, ()> = retry
        .execute(|| {
            calls += 1;
            ready(if calls < 3 { Err(()) } else { Ok(calls) })
        })
        .await;
    assert_eq!(result, Ok(3));
    assert_eq!(
        record.events(),
        [
            Event::AttemptFailed { attempt: 1 },
            Event::Retrying { attempt: 2, delay: SECOND },
            Event::AttemptFailed { attempt: 2 },
            Event::Retrying { attempt: 3, delay: 2 * SECOND },
            Event::Settled { attempts: 3 },
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn a_delay_of_the_server_is_obeyed_above_the_cap() {
    let started = Instant::now();
    let delays = RefCell::new(vec![Decision::Done, Decision::Retry, Decision::RetryAfter(20 * SECOND)]);
    let policy = exact().with_max_delay(5 * SECOND);
    let retry = policy.build().unwrap().with_classifier(|decision: &Decision| *decision);
    retry.execute(|| ready(delays.borrow_mut().pop().unwrap())).await;
    assert_eq!(started.elapsed(), 25 * SECOND, "twenty seconds as asked, then the cap");
}

#[tokio::test(start_paused = true)]
async fn an_error_that_the_classifier_calls_done_is_returned_at_once() {
    let started = Instant::now();
    let retry = exact().build().unwrap().with_classifier(|result: &Result<(), u16>| match result {
        Err(503) => Decision::Retry,
        _ => Decision::Done,
    });
    assert_eq!(retry.execute(|| ready(Err(400))).await, Err(400));
    assert_eq!(started.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn the_elapsed_limit_counts_the_time_in_the_calls() {
    let started = Instant::now();
    let record = Record::default();
    let policy = exact().with_max_attempts(None).with_max_elapsed(10 * SECOND);
    let retry = policy.build().unwrap().with_observer(record.clone());
    let mut calls = 0;
    let result: Result<(), u32> = retry
        .execute(|| {
            calls += 1;
            let call = calls;
            async move {
                sleep(3 * SECOND).await;
                Err(call)
            }
        })
        .await;
    // Calls run 0..3, 4..7 and 9..12.
    assert_eq!(result, Err(3));
    assert_eq!(started.elapsed(), 12 * SECOND);
    assert_eq!(record.events().last(), Some(&Event::GaveUp { attempts: 3, reason: GiveUp::MaxElapsed }));
}

#[tokio::test(start_paused = true)]
async fn a_retry_whose_wait_would_pass_the_limit_is_not_waited_for() {
    let started = Instant::now();
    let policy = exact().with_max_attempts(None).with_max_elapsed(6 * SECOND);
    let result: Result<(), ()> = policy.build().unwrap().execute(|| ready(Err(()))).await;
    assert_eq!(result, Err(()));
    assert_eq!(started.elapsed(), 3 * SECOND, "waits of 1 s and 2 s; 4 s more would end at 7 s");

    let started = Instant::now();
    let retry = exact().with_max_elapsed(6 * SECOND).build().unwrap();
    let retry = retry.with_classifier(|_: &()| Decision::RetryAfter(7 * SECOND));
    retry.execute(|| ready(())).await;
    assert_eq!(started.elapsed(), Duration::ZERO, "the server's delay alone is too long");
}

#[tokio::test(start_paused = true)]
async fn pitfall_10_concurrent_callers_do_not_come_back_together() {
    let retry = RetryPolicy::new().with_initial_delay(3600 * SECOND).with_max_delay(3600 * SECOND).build().unwrap();
    let started = Instant::now();
    let mut callers = tokio::task::JoinSet::new();
    for _ in 0..100 {
        let retry = retry.clone();
        callers.spawn(async move {
            let mut calls = 0;
            let _: Result<(), ()> = retry
                .execute(|| {
                    calls += 1;
                    ready(if calls == 1 { Err(()) } else { Ok(()) })
                })
                .await;
            started.elapsed().as_secs()
        });
    }
    let returned = callers.join_all().await;
    let distinct: std::collections::HashSet<_> = returned.iter().collect();
    // A hundred draws out of 3,600 seconds: 98.6 distinct ones expected.
    assert!(distinct.len() > 85, "{} distinct of 100", distinct.len());
}

#[tokio::test]
async fn operations_bound_to_one_thread_can_be_retried() {
    let calls = Rc::new(RefCell::new(0));
    let retry = RetryPolicy::constant(Duration::ZERO).build().unwrap();
    let result: Result<(), Rc<str>> = retry
        .execute(|| async {
            *calls.borrow_mut() += 1;
            Err(Rc::from("no"))
        })
        .await;
    assert!(result.is_err());
    assert_eq!(*calls.borrow(), 3);
}
