//! When checks run: at once, at their interval, until they are stopped, and whatever the clock does.

use std::{
    future::Future,
    time::{Duration, Instant},
};

use otlp_reliability::{Health, HealthChecker, HealthError};
use tokio::time::sleep;

use super::{Dependency, SECOND, every};
use crate::clocks::Backwards;

#[tokio::test(start_paused = true)]
async fn pitfall_15_paused_time_moves_the_checks() {
    let dependency = Dependency::default();
    let checker = every(10 * SECOND);
    checker.add(dependency.check("db")).unwrap();
    assert_eq!(checker.status().overall, Health::Unknown);
    checker.start().await.unwrap();
    sleep(Duration::from_millis(1)).await;
    assert_eq!(dependency.looks(), 1, "the first round starts at once");
    assert_eq!(checker.status().overall, Health::Healthy);
    dependency.set_down(true);
    sleep(9 * SECOND).await;
    assert_eq!(dependency.looks(), 1);
    sleep(SECOND).await;
    assert_eq!(dependency.looks(), 2);
    assert_eq!(checker.status().overall, Health::Unhealthy);
    sleep(100 * SECOND).await;
    assert_eq!(dependency.looks(), 12);
    let status = checker.status();
    assert_eq!(status.unchanged_for.as_secs(), 100);
    assert_eq!(status.checks[0].consecutive_failures, 11);
    assert_eq!(status.checks[0].history.len(), 10);
}

#[tokio::test(start_paused = true)]
async fn jitter_shortens_waits_and_spreads_them() {
    let dependency = Dependency::default();
    let checker = HealthChecker::new();
    let check = dependency.check("db").with_interval(10 * SECOND).with_jitter(0.5);
    checker.add(check).unwrap();
    checker.start().await.unwrap();
    sleep(1_000 * SECOND).await;
    // 100 rounds without jitter, 200 at the most; 133 are expected.
    assert!((110..190).contains(&dependency.looks()), "{}", dependency.looks());
}

#[tokio::test(start_paused = true)]
async fn checks_stop_with_stop_with_removal_and_with_the_last_handle() {
    let [removed, stopped] = [Dependency::default(), Dependency::default()];
    let checker = every(SECOND);
    checker.add(removed.check("removed")).unwrap();
    checker.add(stopped.check("stopped")).unwrap();
    checker.start().await.unwrap();
    sleep(SECOND / 2).await;
    checker.remove_check("removed");
    sleep(SECOND).await;
    assert_eq!((removed.looks(), stopped.looks()), (1, 2));
    checker.stop();
    sleep(5 * SECOND).await;
    assert_eq!(stopped.looks(), 2);
    assert_eq!(checker.get_health_status().await, Err(HealthError::NotRunning));
    checker.start().await.unwrap();
    sleep(SECOND / 2).await;
    assert_eq!(stopped.looks(), 3);
    let clone = checker.clone();
    drop(checker);
    sleep(SECOND).await;
    assert_eq!(stopped.looks(), 4, "a clone is left");
    drop(clone);
    sleep(5 * SECOND).await;
    assert_eq!(stopped.looks(), 4);
}

#[tokio::test(start_paused = true)]
async fn a_second_start_starts_nothing_twice_and_a_late_check_runs_at_once() {
    let [early, late] = [Dependency::default(), Dependency::default()];
    let checker = every(SECOND);
    checker.add(early.check("early")).unwrap();
    checker.start().await.unwrap();
    checker.start().await.unwrap();
    sleep(SECOND / 2).await;
    assert_eq!(early.looks(), 1);
    checker.add(late.check("late")).unwrap();
    sleep(Duration::from_millis(1)).await;
    assert_eq!(late.looks(), 1);
    assert!(checker.is_running());
}

#[test]
fn a_start_without_a_runtime_and_a_runtime_that_is_gone_are_errors_and_no_panic() {
    let checker = HealthChecker::new();
    checker.add(Dependency::default().check("db")).unwrap();
    let mut start = std::pin::pin!(checker.start());
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    assert_eq!(start.as_mut().poll(&mut context), std::task::Poll::Ready(Err(HealthError::NoRuntime)));

    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(async {
        checker.start().await.unwrap();
        assert!(checker.get_health_status().await.is_ok());
    });
    drop(runtime);
    assert!(!checker.is_running());
    checker.add(Dependency::default().check("late")).unwrap();
}

#[tokio::test(start_paused = true)]
async fn pitfall_16_a_clock_that_goes_back_counts_as_no_time() {
    let dependency = Dependency::default();
    let base = Instant::now() + 100_000 * 3600 * SECOND;
    let checker = every(SECOND).with_clock(Backwards::from(base));
    checker.add(dependency.check("db")).unwrap();
    checker.start().await.unwrap();
    sleep(10 * SECOND + SECOND / 2).await;
    assert_eq!(dependency.looks(), 11);
    let status = checker.get_health_status().await.unwrap();
    assert_eq!(status.overall, Health::Healthy);
    assert_eq!(status.unchanged_for, Duration::ZERO);
    assert_eq!(status.checks[0].latest.as_ref().unwrap().latency, Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn waits_and_limits_as_long_as_there_are_panic_nothing() {
    let dependency = Dependency::default();
    let checker = every(Duration::MAX).with_timeout(Duration::MAX);
    checker.add(dependency.check("db").with_jitter(0.5)).unwrap();
    let slow = || async {
        sleep(SECOND).await;
        Ok::<_, String>(())
    };
    checker.add_check("slow", slow).await.unwrap();
    checker.start().await.unwrap();
    sleep(2 * SECOND).await;
    assert_eq!(checker.get_health_status().await.unwrap().overall, Health::Healthy);
}
