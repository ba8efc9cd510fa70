//! The circuit breaker's states: what opens it, what closes it, and what calls and observers get to see.

use std::{
    future::{Future, ready},
    panic::{AssertUnwindSafe, catch_unwind},
    time::Duration,
};

use otlp_reliability::{
    BlockingPolicy, BreakDuration, CircuitBreaker, CircuitBreakerConfig, CircuitState, Event, Judge, Observer,
    Rejection, Verdict, Window,
};
use tokio::time::{advance, sleep};

use crate::{Failure, Record};

const SECOND: Duration = Duration::from_secs(1);

fn config() -> CircuitBreakerConfig {
    CircuitBreakerConfig::new()
}

async fn succeed<J, O>(breaker: &CircuitBreaker<J, impl otlp_reliability::Clock, O>) -> Result<u32, Failure>
where
    J: Judge<Result<u32, Failure>>,
    O: Observer,
{
    breaker.execute(|| ready(Ok(1))).await
}

async fn fail<J, O>(breaker: &CircuitBreaker<J, impl otlp_reliability::Clock, O>) -> Result<u32, Failure>
where
    J: Judge<Result<u32, Failure>>,
    O: Observer,
{
    breaker.execute(|| ready(Err(Failure::Refused(1)))).await
}

fn open_for(retry_after: impl Into<Option<Duration>>) -> Result<u32, Failure> {
    Err(Failure::Policy(Rejection::Open { retry_after: retry_after.into() }))
}

fn change(from: CircuitState, to: CircuitState) -> Event {
    Event::StateChanged { from, to }
}

#[tokio::test(start_paused = true)]
async fn opens_after_failures_in_a_row_rejects_for_the_break_and_closes_after_a_probe() {
    let record = Record::default();
    let breaker = CircuitBreaker::new(3, 10 * SECOND).with_observer(record.clone());
    for _ in 0..2 {
        fail(&breaker).await.unwrap_err();
    }
    succeed(&breaker).await.unwrap();
    for _ in 0..3 {
        assert_eq!(breaker.state(), CircuitState::Closed);
        assert_eq!(fail(&breaker).await, Err(Failure::Refused(1)), "the operation's own error passes through");
    }
    advance(4 * SECOND).await;
    assert_eq!(succeed(&breaker).await, open_for(6 * SECOND));
    advance(6 * SECOND).await;
    assert_eq!(breaker.state(), CircuitState::Open, "until a call comes");
    assert_eq!(succeed(&breaker).await, Ok(1));
    assert_eq!(breaker.state(), CircuitState::Closed);
    use CircuitState::{Closed, HalfOpen, Open};
    assert_eq!(
        record.events(),
        [
            change(Closed, Open),
            Event::Rejected(Rejection::Open { retry_after: Some(6 * SECOND) }),
            change(Open, HalfOpen),
            change(HalfOpen, Closed),
        ]
    );
    let figures = breaker.snapshot();
    assert_eq!((figures.openings, figures.rejected, figures.failures), (1, 1, 5));
}

#[tokio::test(start_paused = true)]
async fn zero_failures_count_as_one() {
    let breaker = CircuitBreaker::new(0, SECOND);
    fail(&breaker).await.unwrap_err();
    assert_eq!(breaker.state(), CircuitState::Open);
}

#[tokio::test(start_paused = true)]
async fn the_shortest_and_the_longest_break_work() {
    let none = CircuitBreaker::new(1, Duration::ZERO);
    fail(&none).await.unwrap_err();
    assert_eq!(succeed(&none).await, Ok(1), "probes at once");
    let endless = CircuitBreaker::new(1, Duration::MAX);
    fail(&endless).await.unwrap_err();
    advance(1_000_000 * SECOND).await;
    assert!(matches!(succeed(&endless).await, Err(Failure::Policy(Rejection::Open { retry_after: Some(_) }))));
}

#[tokio::test(start_paused = true)]
async fn the_failure_rate_waits_for_the_minimum_of_calls() {
    let breaker = config().with_failure_rate(0.5).with_minimum_calls(10).build().unwrap();
    for _ in 0..9 {
        fail(&breaker).await.unwrap_err();
    }
    assert_eq!(breaker.state(), CircuitState::Closed);
    succeed(&breaker).await.unwrap();
    assert_eq!(breaker.state(), CircuitState::Open, "nine of ten");
}

#[tokio::test(start_paused = true)]
async fn pitfall_03_a_window_of_a_hundred_opens_after_fifty_failures_whatever_was_before() {
    let breaker =
        config().with_window(Window::Count(100)).with_failure_rate(0.5).with_minimum_calls(100).build().unwrap();
    for _ in 0..10_000 {
        succeed(&breaker).await.unwrap();
    }
    for _ in 0..49 {
        fail(&breaker).await.unwrap_err();
    }
    assert_eq!(breaker.state(), CircuitState::Closed);
    assert_eq!(breaker.snapshot().failure_rate(), Some(0.49));
    fail(&breaker).await.unwrap_err();
    assert_eq!(breaker.state(), CircuitState::Open);
}

#[tokio::test(start_paused = true)]
async fn a_time_window_forgets_what_is_too_old() {
    let window = Window::Time { length: 10 * SECOND };
    let breaker = config().with_window(window).with_failure_rate(0.5).with_minimum_calls(4).build().unwrap();
    for _ in 0..3 {
        fail(&breaker).await.unwrap_err();
    }
    advance(10 * SECOND).await;
    fail(&breaker).await.unwrap_err();
    assert_eq!(breaker.state(), CircuitState::Closed, "one call in the window");
    assert_eq!(breaker.snapshot().failures_in_window, 1);
    for _ in 0..3 {
        fail(&breaker).await.unwrap_err();
    }
    assert_eq!(breaker.state(), CircuitState::Open);
}

#[tokio::test(start_paused = true)]
async fn slow_calls_open_it_even_if_they_succeed() {
    let breaker = config()
        .with_failure_rate(None)
        .with_slow_call_duration(2 * SECOND)
        .with_slow_call_rate(0.5)
        .with_minimum_calls(4)
        .build()
        .unwrap();
    let call = async |duration: Duration| {
        let result: Result<(), Failure> = breaker
            .execute(|| async {
                sleep(duration).await;
                Ok(())
            })
            .await;
        result.unwrap();
    };
    for duration in [SECOND, 2 * SECOND, SECOND] {
        call(duration).await;
    }
    assert_eq!(breaker.snapshot().slow_calls_in_window, 1);
    assert_eq!(breaker.state(), CircuitState::Closed);
    call(3 * SECOND).await;
    assert_eq!(breaker.snapshot().slow_calls, 2);
    assert_eq!(breaker.state(), CircuitState::Open);

    advance(60 * SECOND).await;
    call(2 * SECOND).await;
    assert_eq!(breaker.state(), CircuitState::Open, "a slow probe is a failed one");
}

#[tokio::test(start_paused = true)]
async fn so_many_probes_must_succeed_and_the_verdict_comes_as_soon_as_it_is_certain() {
    let probing = config().with_half_open_probes(4).with_half_open_successes(2).build().unwrap();
    for (results, verdict) in [
        ("ss", CircuitState::Closed),
        ("ffss", CircuitState::Closed),
        ("sfs", CircuitState::Closed),
        ("fff", CircuitState::Open),
        ("ffsf", CircuitState::Open),
    ] {
        probing.half_open();
        for result in results.chars() {
            assert_eq!(probing.state(), CircuitState::HalfOpen, "{results}");
            let _ = if result == 's' { succeed(&probing).await } else { fail(&probing).await };
        }
        assert_eq!(probing.state(), verdict, "{results}");
    }
    let strict = config().with_half_open_probes(2).build().unwrap();
    strict.half_open();
    succeed(&strict).await.unwrap();
    fail(&strict).await.unwrap_err();
    assert_eq!(strict.state(), CircuitState::Open, "all of them, if nothing else is said");
}

#[tokio::test(start_paused = true)]
async fn breaks_grow_until_a_recovery() {
    let breaks = BreakDuration::growing(SECOND, 5 * SECOND);
    let breaker = config().with_consecutive_failures(1).with_break_duration(breaks).build().unwrap();
    for seconds in [1, 2, 4, 5, 5] {
        fail(&breaker).await.unwrap_err();
        assert_eq!(breaker.snapshot().open_for, Some(seconds * SECOND));
        advance(seconds * SECOND).await;
    }
    for _ in 0..3 {
        succeed(&breaker).await.unwrap();
    }
    assert_eq!(breaker.state(), CircuitState::Closed);
    fail(&breaker).await.unwrap_err();
    assert_eq!(breaker.snapshot().open_for, Some(SECOND), "as at first");
}

#[tokio::test(start_paused = true)]
async fn forced_states_hold_until_they_are_taken_back() {
    let record = Record::default();
    let breaker = CircuitBreaker::new(1, 10 * SECOND).with_observer(record.clone());
    breaker.isolate();
    advance(3600 * SECOND).await;
    assert_eq!(succeed(&breaker).await, open_for(None), "nobody knows how long");
    breaker.force_closed();
    for _ in 0..5 {
        fail(&breaker).await.unwrap_err();
    }
    assert_eq!(breaker.state(), CircuitState::ForcedClosed);
    assert_eq!(breaker.snapshot().failures, 0, "nothing is watched");
    breaker.reset();
    assert_eq!(succeed(&breaker).await, Ok(1));
    breaker.force_open();
    advance(5 * SECOND).await;
    assert_eq!(succeed(&breaker).await, open_for(5 * SECOND));
    breaker.force_open();
    assert_eq!(succeed(&breaker).await, open_for(10 * SECOND), "the break begins anew");
    breaker.half_open();
    assert_eq!(succeed(&breaker).await, Ok(1));
    assert_eq!(breaker.state(), CircuitState::Closed);
    breaker.reset();
    let changes: Vec<Event> =
        record.events().into_iter().filter(|event| matches!(event, Event::StateChanged { .. })).collect();
    use CircuitState::{Closed, ForcedClosed, HalfOpen, Isolated, Open};
    assert_eq!(
        changes,
        [
            change(Closed, Isolated),
            change(Isolated, ForcedClosed),
            change(ForcedClosed, Closed),
            change(Closed, Open),
            change(Open, HalfOpen),
            change(HalfOpen, Closed),
        ],
        "and nothing where nothing changed"
    );
}

#[tokio::test(start_paused = true)]
async fn a_reset_forgets_the_results() {
    let breaker = config().with_consecutive_failures(3).build().unwrap();
    fail(&breaker).await.unwrap_err();
    fail(&breaker).await.unwrap_err();
    assert_eq!((breaker.snapshot().failures_in_a_row, breaker.snapshot().calls_in_window), (2, 2));
    breaker.reset();
    let figures = breaker.snapshot();
    assert_eq!((figures.failures_in_a_row, figures.calls_in_window, figures.failures), (0, 0, 2));
    fail(&breaker).await.unwrap_err();
    assert_eq!(breaker.state(), CircuitState::Closed);
}

#[tokio::test(start_paused = true)]
async fn the_judge_says_what_a_failure_is() {
    let breaker = CircuitBreaker::new(2, SECOND).with_judge(|result: &Result<u32, Failure>| match result {
        Ok(0) => Verdict::Failure,
        Err(Failure::Refused(404)) => Verdict::Ignore,
        _ => Verdict::Success,
    });
    let call = async |result: Result<u32, Failure>| {
        let _ = breaker.execute(|| ready(result)).await;
        breaker.snapshot().failures_in_a_row
    };
    assert_eq!(call(Ok(0)).await, 1, "a success that is none");
    assert_eq!(call(Err(Failure::Refused(404))).await, 1, "neither ends the row nor makes it longer");
    assert_eq!(call(Err(Failure::Refused(1))).await, 0);
    for _ in 0..2 {
        call(Ok(0)).await;
    }
    assert_eq!(breaker.state(), CircuitState::Open);
}

#[test]
fn closures_without_futures_run_under_it_too() {
    let breaker = CircuitBreaker::new(2, 3600 * SECOND);
    assert_eq!(breaker.call(|| Ok::<_, Failure>(1)), Ok(1));
    let panicked =
        catch_unwind(AssertUnwindSafe(|| breaker.call(|| -> Result<u32, Failure> { panic!("in the call") })));
    assert!(panicked.is_err());
    assert_eq!(breaker.call(|| Err::<u32, _>(Failure::Refused(1))), Err(Failure::Refused(1)));
    assert!(matches!(breaker.call(|| Ok::<u32, _>(1)), Err(Failure::Policy(Rejection::Open { retry_after: Some(_) }))));
}

#[tokio::test(start_paused = true)]
async fn permits_serve_loops_that_are_no_closures() {
    let breaker = CircuitBreaker::new(2, SECOND);
    breaker.try_acquire().unwrap().record(&Err::<(), _>(Failure::Refused(1)));
    breaker.try_acquire().unwrap().ignore();
    breaker.try_acquire().unwrap().success();
    breaker.try_acquire().unwrap().failure();
    drop(breaker.try_acquire().unwrap());
    assert_eq!(breaker.try_acquire().unwrap_err(), Rejection::Open { retry_after: Some(SECOND) });
    let figures = breaker.snapshot();
    assert_eq!((figures.failures, figures.cancelled), (3, 1));
}

#[tokio::test(start_paused = true)]
async fn owned_permits_outlive_the_scope_that_took_them() {
    let breaker = CircuitBreaker::new(2, SECOND);
    let permit = breaker.try_acquire_owned().unwrap();
    tokio::spawn(async move { permit.failure() }).await.unwrap();
    drop(breaker.try_acquire_owned().unwrap());
    assert_eq!(breaker.try_acquire_owned().unwrap_err(), Rejection::Open { retry_after: Some(SECOND) });
    breaker.half_open();
    breaker.try_acquire_owned().unwrap().ignore();
    breaker.try_acquire_owned().unwrap().record(&Ok::<(), Failure>(()));
    assert_eq!(breaker.state(), CircuitState::Closed);
}

#[tokio::test(start_paused = true)]
async fn handles_share_the_breaker_and_each_reports_to_its_own_observer() {
    let (first, second) = (Record::default(), Record::default());
    let breaker = CircuitBreaker::new(1, SECOND);
    let one = breaker.clone().with_observer(first.clone());
    let other = breaker.clone().with_observer(second.clone());
    fail(&one).await.unwrap_err();
    assert_eq!(succeed(&other).await, open_for(SECOND));
    assert_eq!(first.events(), [change(CircuitState::Closed, CircuitState::Open)]);
    assert_eq!(second.events(), [Event::Rejected(Rejection::Open { retry_after: Some(SECOND) })]);
    assert_eq!(breaker.snapshot().rejected, 1);
}

#[tokio::test]
async fn operations_bound_to_one_thread_can_run_under_it() {
    let shared = std::rc::Rc::new(std::cell::Cell::new(0));
    let breaker = CircuitBreaker::new(1, SECOND);
    let operation = async || {
        shared.set(shared.get() + 1);
        Ok::<_, Failure>(())
    };
    breaker.execute(operation).await.unwrap();
    assert_eq!(shared.get(), 1);
}

#[test]
fn its_futures_can_be_spawned() {
    fn is_send<F: Future + Send>(future: F) -> F {
        future
    }
    let breaker = CircuitBreaker::new(1, SECOND);
    drop(is_send(breaker.execute(|| ready(Ok::<u32, Failure>(1)))));
    drop(is_send(breaker.ready()));
}
