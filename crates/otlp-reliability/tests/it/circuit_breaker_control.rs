//! The circuit breaker from outside of its calls: waiting for it, other settings while it runs, its figures, and calls
//! that are dropped.

use std::{
    cell::Cell,
    future::{pending, ready},
    pin::pin,
    time::Duration,
};

use otlp_reliability::{
    CircuitBreaker, CircuitBreakerConfig, CircuitState, Clock, Controlled, OnCancel, PolicyConfig, RetryPolicy,
    Snapshot, TokioClock, Window,
};
use tokio::{
    task::yield_now,
    time::{Instant, advance},
};

use crate::{Failure, Record, poll_once};

const SECOND: Duration = Duration::from_secs(1);

fn config() -> CircuitBreakerConfig {
    CircuitBreakerConfig::new()
}

fn reload(breaker: &CircuitBreaker<impl Sized, impl Clock + 'static, impl Sized>, config: &CircuitBreakerConfig) {
    breaker.control().unwrap().reload(&PolicyConfig::CircuitBreaker(config.clone())).unwrap();
}

/// Waits for the breaker in a task of its own; when it was ready.
fn waiting(breaker: &CircuitBreaker) -> tokio::task::JoinHandle<Duration> {
    let (breaker, started) = (breaker.clone(), Instant::now());
    tokio::spawn(async move {
        breaker.ready().await;
        started.elapsed()
    })
}

#[tokio::test(start_paused = true)]
async fn ready_waits_out_the_break_and_not_a_moment_while_closed() {
    let breaker = CircuitBreaker::new(1, 10 * SECOND);
    assert!(poll_once(pin!(breaker.ready())).is_ready());
    breaker.force_open();
    assert_eq!(waiting(&breaker).await.unwrap(), 10 * SECOND);
    breaker.try_acquire().unwrap().success();
    assert_eq!(breaker.state(), CircuitState::Closed);
    breaker.force_closed();
    assert!(poll_once(pin!(breaker.ready())).is_ready());
}

#[tokio::test(start_paused = true)]
async fn ready_wakes_early_when_the_breaker_is_reset_closed_or_made_half_open() {
    let breaker = CircuitBreaker::new(1, 10 * SECOND);
    for wake in [CircuitBreaker::reset, CircuitBreaker::force_closed, CircuitBreaker::half_open] {
        for close in [CircuitBreaker::force_open, CircuitBreaker::isolate] {
            close(&breaker);
            let waiters = [waiting(&breaker), waiting(&breaker)];
            advance(SECOND).await;
            assert!(waiters.iter().all(|waiter| !waiter.is_finished()));
            wake(&breaker);
            for waiter in waiters {
                assert_eq!(waiter.await.unwrap(), SECOND);
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn ready_waits_longer_when_the_break_begins_anew() {
    let breaker = CircuitBreaker::new(1, 10 * SECOND);
    breaker.force_open();
    let waiter = waiting(&breaker);
    advance(5 * SECOND).await;
    breaker.force_open();
    assert_eq!(waiter.await.unwrap(), 15 * SECOND);
}

#[tokio::test(start_paused = true)]
async fn ready_waits_for_the_probes_and_wakes_when_one_comes_back() {
    let breaker = config().with_half_open_probes(1).with_on_cancel(OnCancel::Ignore).build().unwrap();
    breaker.half_open();
    assert!(poll_once(pin!(breaker.ready())).is_ready(), "a probe is free");
    for end in [CircuitBreaker::reset, CircuitBreaker::half_open] {
        let probe = breaker.try_acquire().unwrap();
        let waiter = waiting(&breaker);
        advance(SECOND).await;
        assert!(!waiter.is_finished());
        drop(probe);
        assert_eq!(waiter.await.unwrap(), SECOND);
        end(&breaker);
        breaker.half_open();
    }
}

#[tokio::test(start_paused = true)]
async fn ready_outlasts_probes_that_are_lost() {
    let config = config().with_half_open_probes(1).with_half_open_timeout(5 * SECOND).with_break_duration(2 * SECOND);
    let breaker = config.build().unwrap();
    breaker.half_open();
    let _lost = breaker.try_acquire().unwrap();
    assert_eq!(waiting(&breaker).await.unwrap(), 7 * SECOND, "given up after 5 s, then a break of 2 s");
    assert!(breaker.try_acquire().is_ok());
}

/// Ends every sleep at once, as in a service that is draining.
struct Drained;

impl Clock for Drained {
    fn now(&self) -> std::time::Instant {
        TokioClock.now()
    }

    async fn sleep(&self, _: Duration) {}
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_ends_sleeps_early_ends_the_waiting() {
    let breaker = config().with_half_open_probes(1).build().unwrap().with_clock(Drained);
    breaker.force_open();
    assert!(poll_once(pin!(breaker.ready())).is_ready());
    breaker.half_open();
    let _out = breaker.try_acquire().unwrap();
    assert!(poll_once(pin!(breaker.ready())).is_ready(), "also while it waits for probes");
}

#[tokio::test(start_paused = true)]
async fn waiting_that_is_dropped_takes_nothing_from_others() {
    let breaker = config().with_half_open_probes(1).with_on_cancel(OnCancel::Ignore).build().unwrap();
    breaker.half_open();
    let probe = breaker.try_acquire().unwrap();
    let dropped = waiting(&breaker);
    let other = waiting(&breaker);
    yield_now().await;
    probe.ignore();
    dropped.abort();
    assert_eq!(other.await.unwrap(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_call_dropped_while_it_waits_has_dropped_its_operation() {
    struct Alive<'a>(&'a Cell<bool>);
    impl Drop for Alive<'_> {
        fn drop(&mut self) {
            self.0.set(false);
        }
    }
    let alive = Cell::new(true);
    let breaker = CircuitBreaker::new(2, SECOND);
    {
        let guard = Alive(&alive);
        let operation = async move || {
            let _guard = guard;
            pending::<Result<(), Failure>>().await
        };
        let mut call = pin!(breaker.execute(operation));
        assert!(poll_once(call.as_mut()).is_pending());
        assert!(alive.get());
    }
    assert!(!alive.get());
    assert_eq!(breaker.snapshot().cancelled, 1);
    drop(breaker.execute(|| ready(Ok::<(), Failure>(()))));
    assert_eq!(breaker.snapshot().cancelled, 1, "a call that never started is none");
}

#[tokio::test(start_paused = true)]
async fn a_retried_call_dropped_between_attempts_is_one_cancelled_call() {
    let breaker = CircuitBreaker::new(1, SECOND);
    let policy = RetryPolicy::constant(SECOND);
    {
        let mut call = pin!(breaker.execute_with_retry(&policy, || ready(Err::<(), _>(Failure::Refused(1)))));
        assert!(poll_once(call.as_mut()).is_pending());
        assert_eq!(breaker.snapshot().failures, 0);
    }
    let figures = breaker.snapshot();
    assert_eq!((figures.cancelled, figures.failures), (1, 1));
    assert_eq!(breaker.state(), CircuitState::Open);
}

#[tokio::test(start_paused = true)]
async fn other_thresholds_apply_to_the_results_that_are_there() {
    let record = Record::default();
    let breaker = config().with_failure_rate(0.9).build().unwrap().with_observer(record.clone());
    for result in [true, false].into_iter().cycle().take(40) {
        let permit = breaker.try_acquire().unwrap();
        if result { permit.success() } else { permit.failure() }
    }
    reload(&breaker, &config().with_failure_rate(0.5));
    assert_eq!(breaker.config().failure_rate(), Some(0.5));
    assert_eq!(breaker.snapshot().calls_in_window, 40, "nothing is lost");
    assert_eq!(breaker.state(), CircuitState::Closed, "a reload itself decides nothing");
    assert_eq!(record.events(), []);
    breaker.try_acquire().unwrap().failure();
    assert_eq!(breaker.state(), CircuitState::Open);
}

#[tokio::test(start_paused = true)]
async fn every_setting_can_be_exchanged() {
    let breaker = config().with_consecutive_failures(5).with_break_duration(SECOND).build().unwrap();
    let running = breaker.try_acquire().unwrap();
    for _ in 0..3 {
        breaker.try_acquire().unwrap().failure();
    }
    let other = config()
        .with_window(Window::Count(2))
        .with_consecutive_failures(4)
        .with_break_duration(7 * SECOND)
        .with_half_open_probes(1)
        .with_half_open_timeout(3 * SECOND)
        .with_slow_call_duration(SECOND)
        .with_slow_call_rate(1.0)
        .with_on_cancel(OnCancel::Ignore);
    reload(&breaker, &other);
    assert_eq!(breaker.snapshot().calls_in_window, 2, "the newest that fit");
    assert_eq!(breaker.snapshot().failures_in_a_row, 3);
    drop(breaker.try_acquire().unwrap());
    assert_eq!(breaker.snapshot().failures, 3, "cancelled calls are ignored now");
    running.failure();
    assert_eq!(breaker.snapshot().open_for, Some(7 * SECOND), "the call under way was the fourth failure");
    advance(7 * SECOND).await;
    let _lost = breaker.try_acquire().unwrap();
    assert_eq!(breaker.try_acquire().unwrap_err().retry_after(), None, "one probe");
    advance(3 * SECOND).await;
    assert_eq!(breaker.try_acquire().unwrap_err().retry_after(), Some(7 * SECOND), "taken for lost");
}

#[tokio::test(start_paused = true)]
async fn fewer_probes_than_have_succeeded_already_are_enough() {
    let breaker = config().with_half_open_probes(5).build().unwrap();
    breaker.half_open();
    for _ in 0..3 {
        breaker.try_acquire().unwrap().success();
    }
    assert_eq!(breaker.state(), CircuitState::HalfOpen);
    reload(&breaker, &config().with_half_open_probes(2));
    assert!(poll_once(pin!(breaker.ready())).is_ready());
    breaker.try_acquire().unwrap().success();
    assert_eq!(breaker.state(), CircuitState::Closed);
    assert_eq!(breaker.snapshot().calls_in_window, 1, "that call was none of the probes");
}

#[tokio::test(start_paused = true)]
async fn settings_that_cannot_work_or_are_for_others_change_nothing() {
    let breaker = config().build().unwrap();
    let control = breaker.control().unwrap();
    let error = control.reload(&PolicyConfig::Retry(RetryPolicy::new())).unwrap_err();
    assert_eq!((error.field(), error.accepted()), ("kind", "circuit_breaker"));
    let bad = PolicyConfig::CircuitBreaker(config().with_failure_rate(2.0));
    assert_eq!(control.reload(&bad).unwrap_err().field(), "failure_rate");
    assert_eq!(breaker.config(), config());
}

#[tokio::test(start_paused = true)]
async fn the_figures_are_the_same_from_every_side() {
    let breaker = config().build().unwrap();
    for _ in 0..4 {
        breaker.try_acquire().unwrap().failure();
    }
    breaker.try_acquire().unwrap().success();
    let figures = breaker.clone().snapshot();
    assert_eq!((figures.calls_in_window, figures.failure_rate()), (5, Some(0.8)));
    assert_eq!(breaker.control().unwrap().snapshot(), Snapshot::CircuitBreaker(figures));
    breaker.reset();
    assert_eq!(breaker.snapshot().failure_rate(), None);
    breaker.half_open();
    breaker.try_acquire().unwrap().success();
    breaker.try_acquire().unwrap().success();
    let figures = breaker.snapshot();
    assert_eq!((figures.probes, figures.probes_succeeded, figures.probes_failed), (2, 2, 0));
}

#[tokio::test(start_paused = true)]
async fn another_clock_makes_a_breaker_without_a_past() {
    let breaker = CircuitBreaker::new(1, SECOND);
    breaker.try_acquire().unwrap().failure();
    let other = breaker.clone().with_clock(Drained);
    assert_eq!((breaker.state(), other.state()), (CircuitState::Open, CircuitState::Closed));
    assert_eq!(other.config(), breaker.config());
}

#[cfg(feature = "serde")]
#[test]
fn figures_are_data() {
    let breaker = config().build().unwrap();
    breaker.try_acquire().unwrap().failure();
    let json = serde_json::to_value(breaker.control().unwrap().snapshot()).unwrap();
    assert_eq!((&json["kind"], &json["state"]), (&"circuit_breaker".into(), &"closed".into()));
    assert_eq!((&json["failures_in_window"], &json["open_for"]), (&1.into(), &serde_json::Value::Null));
}
