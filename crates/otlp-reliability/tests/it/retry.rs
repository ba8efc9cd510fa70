//! Retry on tokio's paused time: how often, when, and what it says about it.

use std::{
    cell::{Cell, RefCell},
    future::{pending, ready},
    rc::Rc,
    time::Duration,
};

use otlp_reliability::{
    Controlled, Decision, Error, Event, GiveUp, Jitter, PercentageBudget, PolicyConfig, Rejection, RetryPolicy,
    RetryTransient, Snapshot, Timeout, TimeoutConfig, TokenBudget,
};
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

#[tokio::test(start_paused = true)]
async fn the_figures_tell_what_became_of_the_calls_that_were_retried() {
    let retry = exact().with_max_elapsed(5 * SECOND).build().unwrap();
    let failures = |failures: u32| {
        let (retry, calls) = (&retry, Cell::new(0));
        async move {
            retry
                .execute(|| {
                    calls.set(calls.get() + 1);
                    ready(if calls.get() <= failures { Err(()) } else { Ok(()) })
                })
                .await
        }
    };
    failures(0).await.unwrap();
    assert_eq!(retry.snapshot(), exact().build().unwrap().snapshot(), "nothing for a call that succeeds at once");
    failures(1).await.unwrap();
    failures(2).await.unwrap();
    failures(3).await.unwrap_err();
    retry.control().unwrap().reload(&PolicyConfig::Retry(exact().with_max_elapsed(SECOND / 2))).unwrap();
    failures(1).await.unwrap_err();
    let figures = retry.snapshot();
    assert_eq!((figures.retried, figures.retries, figures.recovered), (3, 5, 2));
    assert_eq!((figures.gave_up_max_attempts, figures.gave_up_max_elapsed, figures.gave_up_budget), (1, 1, 0));
    assert_eq!(retry.control().unwrap().snapshot(), Snapshot::Retry(figures));
}

#[tokio::test(start_paused = true)]
async fn a_reload_is_obeyed_and_keeps_the_figures() {
    let retry = exact().build().unwrap();
    let control = retry.control().unwrap();
    let attempts = |retry: &otlp_reliability::Retry| {
        let (retry, calls) = (retry.clone(), Cell::new(0));
        async move {
            let _: Result<(), ()> = retry
                .execute(|| {
                    calls.set(calls.get() + 1);
                    ready(Err(()))
                })
                .await;
            calls.get()
        }
    };
    assert_eq!(attempts(&retry).await, 3);
    control.reload(&PolicyConfig::Retry(exact().with_max_attempts(5))).unwrap();
    assert_eq!(attempts(&retry).await, 5);
    assert_eq!(retry.policy().max_attempts(), Some(5));
    assert_eq!(control.reload(&PolicyConfig::Retry(exact().with_max_attempts(0))).unwrap_err().field(), "max_attempts");
    let other = control.reload(&PolicyConfig::Timeout(TimeoutConfig::default())).unwrap_err();
    assert_eq!((other.field(), other.accepted()), ("kind", "retry"));
    assert_eq!(attempts(&retry).await, 5, "the old settings stay in force");
    assert_eq!(retry.snapshot().gave_up_max_attempts, 3);
}

#[tokio::test(start_paused = true)]
async fn each_attempt_has_its_own_time() {
    let started = Instant::now();
    let retry = exact().build().unwrap().with_classifier(RetryTransient);
    let per_attempt = Timeout::new(5 * SECOND);
    let mut calls = 0;
    let result: Result<u32, Error<()>> = retry
        .execute_each_within(&per_attempt, || {
            calls += 1;
            let call = calls;
            async move { if call < 3 { pending().await } else { Ok(call) } }
        })
        .await;
    assert_eq!(result, Ok(3));
    assert_eq!(started.elapsed(), 13 * SECOND, "two times five seconds, and waits of one and two");
    assert_eq!(per_attempt.snapshot().timed_out, 2);
    let rejected: Result<(), Error<()>> =
        retry.execute_each_within(&per_attempt, || ready(Err(Rejection::Budget.into()))).await;
    assert_eq!(rejected, Err(Error::Rejected(Rejection::Budget)), "final");
}

#[tokio::test(start_paused = true)]
async fn a_used_up_budget_ends_the_call_with_its_last_result() {
    let started = Instant::now();
    let record = Record::default();
    let budget = TokenBudget::new(1, 0.1).build().unwrap();
    let retry = exact().build().unwrap().with_observer(record.clone()).with_budget(budget.clone());
    let mut calls = 0;
    let result: Result<(), u32> = retry
        .execute(|| {
            calls += 1;
            ready(Err(calls))
        })
        .await;
    assert_eq!(result, Err(2));
    assert_eq!(started.elapsed(), SECOND, "nobody waits for an attempt that may not be made");
    assert_eq!(record.events().last(), Some(&Event::GaveUp { attempts: 2, reason: GiveUp::Budget }));
    assert_eq!(retry.snapshot().gave_up_budget, 1);
    assert_eq!((budget.snapshot().granted, budget.snapshot().refused), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn pitfall_11_a_budget_of_nothing_means_no_retry_at_all() {
    let budget = PercentageBudget::new(0.0).with_min_per_second(0).build().unwrap();
    let retry = exact().build().unwrap().with_budget(budget);
    let calls = Cell::new(0);
    for _ in 0..100 {
        let _: Result<(), ()> = retry
            .execute(|| {
                calls.set(calls.get() + 1);
                ready(Err(()))
            })
            .await;
    }
    assert_eq!(calls.get(), 100);
}

#[tokio::test(start_paused = true)]
async fn pitfall_19_nested_retries_are_bounded_by_the_budget_they_share() {
    const CALLS: u32 = 200;
    let attempts = async |budget: Option<PercentageBudget>| {
        let budget = budget.map(|budget| budget.build().unwrap());
        let level = || {
            let retry = RetryPolicy::constant(Duration::ZERO).with_max_attempts(4).build().unwrap();
            match &budget {
                Some(budget) => retry.with_budget(budget.clone()),
                None => retry,
            }
        };
        let (outer, middle, inner) = (level(), level(), level());
        let attempts = Cell::new(0);
        for _ in 0..CALLS {
            let result: Result<(), ()> = outer
                .execute(|| {
                    middle.execute(|| {
                        inner.execute(|| {
                            attempts.set(attempts.get() + 1);
                            ready(Err(()))
                        })
                    })
                })
                .await;
            assert_eq!(result, Err(()));
        }
        attempts.get()
    };
    assert_eq!(attempts(None).await, 64 * CALLS, "what the budget is for");
    let bounded = attempts(Some(PercentageBudget::new(20.0).with_min_per_second(0))).await;
    // With r retries there are at most 3 calls + 2 r deposits, a fifth of which are r: no more retries than calls.
    assert!(bounded > CALLS && bounded <= 2 * CALLS, "{bounded}");
    let never = attempts(Some(PercentageBudget::new(0.0).with_min_per_second(0))).await;
    assert_eq!(never, CALLS);
}

#[tokio::test(start_paused = true)]
async fn a_call_ends_under_the_settings_of_its_first_failure() {
    let retry = exact().with_max_attempts(2).build().unwrap();
    let control = retry.control().unwrap();
    let call = |retry: otlp_reliability::Retry| async move {
        let mut calls = 0;
        let result: Result<(), u32> = retry
            .execute(|| {
                calls += 1;
                let call = calls;
                async move {
                    sleep(SECOND).await;
                    Err(call)
                }
            })
            .await;
        result.unwrap_err()
    };
    let waiting = tokio::spawn(call(retry.clone()));
    sleep(SECOND + SECOND / 2).await;
    let begun = tokio::spawn(call(retry.clone()));
    sleep(SECOND / 4).await;
    control.reload(&PolicyConfig::Retry(exact().with_max_attempts(None).with_max_elapsed(SECOND * 3))).unwrap();
    assert_eq!(waiting.await.unwrap(), 2, "it waited for its second attempt when the settings changed");
    // Its start was not noted, so its three seconds count from its first failure: the second attempt fails after two of
    // them, and the next wait would take two more.
    assert_eq!(begun.await.unwrap(), 2);
    assert_eq!(retry.snapshot().gave_up_max_elapsed, 1);
}
