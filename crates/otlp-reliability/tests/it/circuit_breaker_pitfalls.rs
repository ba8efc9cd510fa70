//! The pitfalls of circuit breakers, each of which some library has or had.

use std::{
    future::{Future, pending, ready},
    mem,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicU32, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use otlp_reliability::{
    CircuitBreaker, CircuitBreakerConfig, CircuitPermit, CircuitState, Clock, OnCancel, Policy, Rejection, Timeout,
    TokioClock, Verdict, Window,
};
use tokio::time::{advance, sleep};

use crate::{Failure, poll_once};

const SECOND: Duration = Duration::from_secs(1);

fn config() -> CircuitBreakerConfig {
    CircuitBreakerConfig::new().with_consecutive_failures(1)
}

async fn cancelled_after<J, K, O>(breaker: &CircuitBreaker<J, K, O>, after: Duration)
where
    CircuitBreaker<J, K, O>: Policy<(), Failure>,
{
    let result: Result<(), Failure> = Timeout::new(after).execute(|| breaker.run(pending)).await;
    assert_eq!(result, Err(Failure::Policy(Rejection::Timeout { after })));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn pitfall_01_a_thousand_callers_at_half_open_run_exactly_the_permitted_probes() {
    for probes in [1, 3, 10] {
        let breaker = config().with_half_open_probes(probes).build().unwrap();
        breaker.force_open();
        breaker.half_open();
        let running = Arc::new(AtomicU32::new(0));
        let (finish, finished) = tokio::sync::watch::channel(false);
        let mut callers = tokio::task::JoinSet::new();
        for _ in 0..1000 {
            let (breaker, running, mut finished) = (breaker.clone(), Arc::clone(&running), finished.clone());
            callers.spawn(async move {
                let operation = async || {
                    running.fetch_add(1, Ordering::Relaxed);
                    finished.wait_for(|finished| *finished).await.unwrap();
                    Ok(())
                };
                let result: Result<(), Failure> = breaker.execute(operation).await;
                result.is_ok()
            });
        }
        for _ in 0..1000 - probes {
            assert!(!callers.join_next().await.unwrap().unwrap(), "rejected while the probes are out");
        }
        assert_eq!(running.load(Ordering::Relaxed), probes);
        assert_eq!(breaker.state(), CircuitState::HalfOpen);
        finish.send_replace(true);
        assert!(callers.join_all().await.into_iter().all(|ran| ran));
        assert_eq!(breaker.state(), CircuitState::Closed);
    }
}

#[tokio::test(start_paused = true)]
async fn pitfall_02_results_from_before_the_break_decide_nothing_after_it() {
    let breaker = config().with_half_open_probes(1).with_break_duration(SECOND).build().unwrap();
    let early_success = breaker.try_acquire().unwrap();
    let early_failure = breaker.try_acquire().unwrap();
    breaker.try_acquire().unwrap().failure();
    advance(SECOND).await;
    let probe = breaker.try_acquire().unwrap();
    early_success.success();
    assert_eq!(breaker.state(), CircuitState::HalfOpen, "a success of old does not close it");
    early_failure.failure();
    assert_eq!(breaker.state(), CircuitState::HalfOpen, "a failure of old does not open it");
    probe.success();
    assert_eq!(breaker.state(), CircuitState::Closed);

    let of_before = breaker.try_acquire().unwrap();
    breaker.force_open();
    breaker.half_open();
    breaker.try_acquire().unwrap().success();
    of_before.failure();
    assert_eq!(breaker.state(), CircuitState::Closed, "nor does it count in the next closed period");
    assert_eq!(breaker.snapshot().calls_in_window, 0);
    assert_eq!(breaker.snapshot().outdated, 3);
}

#[tokio::test(start_paused = true)]
async fn pitfall_02_a_probe_of_an_earlier_attempt_decides_nothing_in_the_next() {
    let breaker = config().with_half_open_probes(2).build().unwrap();
    for late in [CircuitPermit::success, CircuitPermit::failure, CircuitPermit::ignore] {
        breaker.half_open();
        let early_probe = breaker.try_acquire().unwrap();
        breaker.force_open();
        breaker.half_open();
        let _probe = breaker.try_acquire().unwrap();
        late(early_probe);
        let figures = breaker.snapshot();
        assert_eq!((figures.state, figures.probes), (CircuitState::HalfOpen, 1));
        assert_eq!((figures.probes_succeeded, figures.probes_failed), (0, 0));
    }
}

#[tokio::test(start_paused = true)]
async fn pitfall_05_a_call_cut_off_by_an_outer_timeout_is_a_failure() {
    let breaker = CircuitBreaker::new(2, SECOND);
    cancelled_after(&breaker, SECOND).await;
    assert_eq!(breaker.state(), CircuitState::Closed);
    cancelled_after(&breaker, SECOND).await;
    assert_eq!(breaker.state(), CircuitState::Open);
    assert_eq!(breaker.snapshot().cancelled, 2);
}

#[tokio::test(start_paused = true)]
async fn pitfall_05_with_a_slow_call_duration_impatient_callers_are_told_from_a_hanging_callee() {
    for config in [
        config().with_slow_call_duration(2 * SECOND),
        config().with_slow_call_duration(2 * SECOND).with_slow_call_rate(0.9),
    ] {
        let breaker = config.build().unwrap();
        cancelled_after(&breaker, 2 * SECOND - Duration::from_millis(1)).await;
        assert_eq!(breaker.state(), CircuitState::Closed);
        assert_eq!(breaker.snapshot().failures, 0);
        cancelled_after(&breaker, 2 * SECOND).await;
        assert_eq!(breaker.state(), CircuitState::Open);
    }
}

#[tokio::test(start_paused = true)]
async fn pitfall_05_what_a_cancelled_call_counts_as_can_be_said() {
    let ignoring = config().with_on_cancel(OnCancel::Ignore).build().unwrap();
    cancelled_after(&ignoring, 3600 * SECOND).await;
    assert_eq!(ignoring.state(), CircuitState::Closed);
    let timed = config().with_slow_call_duration(SECOND).with_slow_call_rate(1.0);
    let strict = timed.with_on_cancel(OnCancel::Failure).build().unwrap();
    cancelled_after(&strict, Duration::from_millis(1)).await;
    assert_eq!(strict.state(), CircuitState::Open);
}

#[tokio::test(start_paused = true)]
async fn pitfall_06_a_panic_is_a_failure_and_releases_everything() {
    async fn panicking(breaker: &CircuitBreaker) {
        let breaker = breaker.clone();
        let call = tokio::spawn(async move {
            let operation = async || {
                sleep(SECOND).await;
                if true { panic!("in the operation") } else { Ok::<(), Failure>(()) }
            };
            breaker.execute(operation).await
        });
        assert!(call.await.unwrap_err().is_panic());
    }

    let breaker = CircuitBreaker::new(2, SECOND);
    panicking(&breaker).await;
    panicking(&breaker).await;
    assert_eq!(breaker.state(), CircuitState::Open);
    let figures = breaker.snapshot();
    assert_eq!((figures.failures, figures.cancelled), (2, 0));
    breaker.half_open();
    panicking(&breaker).await;
    assert_eq!(breaker.state(), CircuitState::Open, "a probe that panics has failed");
    breaker.half_open();
    breaker.execute(|| ready(Ok::<(), Failure>(()))).await.unwrap();
    assert_eq!(breaker.state(), CircuitState::Closed);
}

#[tokio::test(start_paused = true)]
async fn pitfall_06_a_judge_that_panics_has_seen_a_failure() {
    let breaker = CircuitBreaker::new(1, SECOND)
        .with_judge(|_: &Result<(), Failure>| if true { panic!("in the judge") } else { Verdict::Success });
    let judged = breaker.clone();
    assert!(tokio::spawn(async move { judged.execute(|| ready(Ok(()))).await }).await.unwrap_err().is_panic());
    assert_eq!(breaker.state(), CircuitState::Open);
}

#[tokio::test(start_paused = true)]
async fn pitfall_07_a_cancelled_or_ignored_probe_gives_its_place_back() {
    let breaker = config().with_half_open_probes(2).with_on_cancel(OnCancel::Ignore).build().unwrap();
    breaker.half_open();
    for _ in 0..5 {
        let ignored = breaker.try_acquire().unwrap();
        {
            let mut cancelled = pin!(breaker.execute(pending::<Result<(), Failure>>));
            assert!(poll_once(cancelled.as_mut()).is_pending());
            assert_eq!(breaker.try_acquire().unwrap_err(), Rejection::Open { retry_after: None }, "both are out");
        }
        ignored.ignore();
    }
    assert_eq!(breaker.snapshot().probes, 0);
    for _ in 0..2 {
        breaker.execute(|| ready(Ok::<(), Failure>(()))).await.unwrap();
    }
    assert_eq!(breaker.state(), CircuitState::Closed);
}

#[tokio::test(start_paused = true)]
async fn pitfall_07_a_probe_that_is_cut_off_opens_it_again() {
    let breaker = CircuitBreaker::new(1, SECOND);
    breaker.half_open();
    cancelled_after(&breaker, SECOND).await;
    assert_eq!(breaker.state(), CircuitState::Open);
}

#[tokio::test(start_paused = true)]
async fn pitfall_07_probes_that_never_end_are_taken_for_lost() {
    let breaker =
        config().with_half_open_probes(1).with_half_open_timeout(5 * SECOND).with_break_duration(SECOND).build();
    let breaker = breaker.unwrap();
    breaker.half_open();
    let lost = breaker.try_acquire().unwrap();
    advance(4 * SECOND).await;
    assert_eq!(breaker.try_acquire().unwrap_err(), Rejection::Open { retry_after: None });
    advance(SECOND).await;
    assert_eq!(breaker.try_acquire().unwrap_err(), Rejection::Open { retry_after: Some(SECOND) });
    advance(SECOND).await;
    let probe = breaker.try_acquire().unwrap();
    mem::forget(lost);
    probe.success();
    assert_eq!(breaker.state(), CircuitState::Closed);

    let patient = config().with_half_open_probes(1).with_half_open_timeout(None).build().unwrap();
    patient.half_open();
    let _out = patient.try_acquire().unwrap();
    advance(1_000_000 * SECOND).await;
    assert_eq!(patient.try_acquire().unwrap_err(), Rejection::Open { retry_after: None });
}

#[tokio::test(start_paused = true)]
async fn pitfall_15_paused_time_moves_the_break() {
    let breaker = CircuitBreaker::new(1, 10 * SECOND);
    breaker.try_acquire().unwrap().failure();
    advance(10 * SECOND - Duration::from_nanos(1)).await;
    assert_eq!(breaker.try_acquire().unwrap_err().retry_after(), Some(Duration::from_nanos(1)));
    advance(Duration::from_nanos(1)).await;
    assert!(breaker.try_acquire().is_ok());
}

/// A clock that is set by hand, and counts how often it is read.
#[derive(Clone)]
struct Manual {
    origin: Instant,
    seconds: Arc<AtomicU64>,
    reads: Arc<AtomicU64>,
}

impl Manual {
    fn at(seconds: u64) -> Self {
        Manual { origin: Instant::now(), seconds: Arc::new(seconds.into()), reads: Arc::default() }
    }

    fn set(&self, seconds: u64) {
        self.seconds.store(seconds, Ordering::Relaxed);
    }

    fn reads(&self) -> u64 {
        self.reads.swap(0, Ordering::Relaxed)
    }
}

impl Clock for Manual {
    fn now(&self) -> Instant {
        self.reads.fetch_add(1, Ordering::Relaxed);
        self.origin + Duration::from_secs(self.seconds.load(Ordering::Relaxed))
    }

    fn sleep(&self, duration: Duration) -> impl Future<Output = ()> + Send {
        TokioClock.sleep(duration)
    }
}

#[test]
fn pitfall_16_a_clock_that_goes_back_only_lets_no_time_pass() {
    let timed = CircuitBreakerConfig::new()
        .with_window(Window::Time { length: 10 * SECOND })
        .with_minimum_calls(4)
        .with_slow_call_duration(SECOND)
        .with_slow_call_rate(1.0)
        .with_break_duration(SECOND);
    // Made at 1000 s, then sent back before that, and forward again.
    let clock = Manual::at(1000);
    let breaker = timed.build().unwrap().with_clock(clock.clone());
    clock.set(1005);
    let permit = breaker.try_acquire().unwrap();
    clock.set(0);
    permit.failure();
    breaker.try_acquire().unwrap().failure();
    clock.set(1004);
    breaker.try_acquire().unwrap().failure();
    assert_eq!(breaker.snapshot().failures_in_window, 3);
    assert_eq!(breaker.snapshot().slow_calls, 0);
    breaker.try_acquire().unwrap().failure();
    assert_eq!(breaker.state(), CircuitState::Open);
    clock.set(0);
    assert!(breaker.try_acquire().unwrap_err().is_open());
    clock.set(2000);
    breaker.try_acquire().unwrap().success();
    assert_eq!(breaker.state(), CircuitState::HalfOpen);
}

#[test]
fn the_clock_is_read_only_where_time_matters() {
    let call = |breaker: &CircuitBreaker<_, Manual>| breaker.try_acquire().unwrap().success();
    let reads = |config: CircuitBreakerConfig| {
        let clock = Manual::at(0);
        let breaker = config.build().unwrap().with_clock(clock.clone());
        clock.reads();
        call(&breaker);
        clock.reads()
    };
    let new = CircuitBreakerConfig::new;
    assert_eq!(reads(new()), 0, "a count window");
    assert_eq!(reads(new().with_failure_rate(None).with_consecutive_failures(3)), 0, "failures in a row");
    assert_eq!(reads(new().with_window(Window::Time { length: SECOND })), 1, "a time window, for the result");
    let slow = new().with_slow_call_duration(SECOND).with_slow_call_rate(0.5);
    assert_eq!(reads(slow.clone()), 2, "slow calls, for the start and the end");
    assert_eq!(reads(slow.with_window(Window::Time { length: SECOND })), 2, "and none more with a time window");
}

#[tokio::test(start_paused = true)]
async fn a_call_that_does_not_wait_is_not_timed_for_its_cancellation() {
    let clock = Manual::at(0);
    let breaker = config().with_slow_call_duration(SECOND).build().unwrap().with_clock(clock.clone());
    clock.reads();
    breaker.execute(|| ready(Ok::<(), Failure>(()))).await.unwrap();
    assert_eq!(clock.reads(), 0);
    let mut waiting = pin!(breaker.execute(pending::<Result<(), Failure>>));
    assert!(poll_once(waiting.as_mut()).is_pending());
    assert!(poll_once(waiting.as_mut()).is_pending());
    assert_eq!(clock.reads(), 1, "once, when it begins to wait");
}

#[tokio::test(start_paused = true)]
async fn pitfall_17_a_window_of_one_call_works() {
    let breaker = CircuitBreakerConfig::new().with_window(Window::Count(1)).with_failure_rate(1.0).build().unwrap();
    for _ in 0..3 {
        breaker.try_acquire().unwrap().success();
    }
    assert_eq!(breaker.state(), CircuitState::Closed);
    breaker.try_acquire().unwrap().failure();
    assert_eq!(breaker.state(), CircuitState::Open);
}
