//! One round of checks: tries, limits, panics, cancellation, and callers that share it.

use std::{
    future::{Future, pending, ready},
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

use otlp_reliability::{Check, CheckOutcome, Health, HealthChecker};
use tokio::time::sleep;

use super::{Dependency, SECOND, every};

#[tokio::test(start_paused = true)]
async fn pitfall_06_a_panic_is_a_failure_and_ends_neither_the_check_nor_the_checker() {
    let looks = Arc::new(AtomicU32::new(0));
    let counted = looks.clone();
    let checker = every(SECOND);
    checker
        .add_check("panics", move || {
            let look = counted.fetch_add(1, Ordering::Relaxed);
            assert!(look != 0, "before there is a future");
            async move {
                assert!(look != 1, "in the future");
                Ok::<_, String>(())
            }
        })
        .await
        .unwrap();
    let other = Dependency::default();
    checker.add(other.check("other")).unwrap();
    checker.start().await.unwrap();
    sleep(SECOND / 2).await;
    let status = checker.get_health_status().await.unwrap();
    assert_eq!(status.checks[0].last_error.as_deref(), Some("the check panicked: before there is a future"));
    assert_eq!(status.checks[1].health, Health::Healthy);
    sleep(SECOND).await;
    let status = checker.get_health_status().await.unwrap();
    assert_eq!(status.checks[0].last_error.as_deref(), Some("the check panicked: in the future"));
    assert_eq!(status.checks[0].health, Health::Unhealthy);
    sleep(SECOND).await;
    let status = checker.get_health_status().await.unwrap();
    assert_eq!(status.checks[0].health, Health::Healthy);
    assert_eq!(other.looks(), 3);
}

/// Notes when the future it is part of is dropped.
struct Dropped(Arc<AtomicU32>);

impl Drop for Dropped {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

fn hanging(
    dropped: &Arc<AtomicU32>,
) -> impl Fn() -> std::pin::Pin<Box<dyn Future<Output = CheckOutcome> + Send>> + use<> {
    let dropped = dropped.clone();
    move || {
        let held = Dropped(dropped.clone());
        Box::pin(async move {
            let _held = held;
            pending().await
        })
    }
}

#[tokio::test(start_paused = true)]
async fn a_check_that_hangs_is_cancelled_and_delays_no_other() {
    let dropped = Arc::new(AtomicU32::new(0));
    let checker = every(10 * SECOND).with_timeout(2 * SECOND);
    checker.add_check("hangs", hanging(&dropped)).await.unwrap();
    let other = Dependency::default();
    checker.add(other.check("other")).unwrap();
    checker.start().await.unwrap();
    sleep(SECOND).await;
    assert_eq!(checker.status().checks[1].health, Health::Healthy);
    assert_eq!(checker.status().checks[0].health, Health::Unknown);
    sleep(SECOND + SECOND / 2).await;
    assert_eq!(checker.status().checks[0].last_error.as_deref(), Some("no result after 2s"));
    assert_eq!(dropped.load(Ordering::Relaxed), 1);
}

#[tokio::test(start_paused = true)]
async fn a_failed_check_is_tried_again_within_its_round() {
    let looks = Arc::new(AtomicU32::new(0));
    let counted = looks.clone();
    let checker = HealthChecker::new().with_retry_count(3);
    checker
        .add_check("flaky", move || {
            let look = counted.fetch_add(1, Ordering::Relaxed);
            ready(if look == 2 { Ok(()) } else { Err("not yet") })
        })
        .await
        .unwrap();
    let status = checker.check_now().await;
    assert_eq!((looks.load(Ordering::Relaxed), status.overall), (3, Health::Healthy));
    assert_eq!(status.checks[0].rounds, 1);
    let status = checker.check_now().await;
    assert_eq!((looks.load(Ordering::Relaxed), status.overall), (7, Health::Unhealthy), "four tries, all failed");
    assert_eq!(status.checks[0].consecutive_failures, 1, "one failed round");
}

#[tokio::test(start_paused = true)]
async fn calls_at_the_same_time_share_a_round_that_started_after_they_asked() {
    let looks = Arc::new(AtomicU32::new(0));
    let counted = looks.clone();
    let checker = HealthChecker::new();
    checker
        .add_check("slow", move || {
            counted.fetch_add(1, Ordering::Relaxed);
            async {
                sleep(SECOND).await;
                Ok::<_, String>(())
            }
        })
        .await
        .unwrap();
    let asked: Vec<_> = (0..100)
        .map(|_| {
            let checker = checker.clone();
            tokio::spawn(async move { checker.check_now().await.checks[0].rounds })
        })
        .collect();
    for answer in asked {
        assert!(answer.await.unwrap() >= 1);
    }
    assert!(looks.load(Ordering::Relaxed) <= 2, "{looks:?}");
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_round_leaves_nothing_behind() {
    let dropped = Arc::new(AtomicU32::new(0));
    let checker = HealthChecker::new();
    checker.add_check("hangs", hanging(&dropped)).await.unwrap();
    let cancelled = tokio::time::timeout(SECOND, checker.check_now()).await;
    assert!(cancelled.is_err());
    assert_eq!(dropped.load(Ordering::Relaxed), 1);
    assert_eq!(checker.status().overall, Health::Unknown);
    assert_eq!(checker.check_now().await.overall, Health::Unhealthy, "the next round has its turn");
}

#[tokio::test(start_paused = true)]
async fn a_result_that_comes_after_its_check_was_removed_changes_nothing() {
    let checker = HealthChecker::new();
    let slow = || async {
        sleep(SECOND).await;
        Err("too late")
    };
    checker.add_check("db", slow).await.unwrap();
    let asked = tokio::spawn({
        let checker = checker.clone();
        async move { checker.check_now().await }
    });
    sleep(SECOND / 2).await;
    checker.remove_check("db");
    checker.add(Dependency::default().check("db")).unwrap();
    assert_eq!(asked.await.unwrap().checks[0].rounds, 0, "it is of the check of that name before");
}

#[tokio::test(start_paused = true)]
async fn a_check_may_hold_its_checker_and_be_removed() {
    let checker = HealthChecker::new();
    let held = checker.clone();
    let look = move || ready(if held.status().checks.is_empty() { Err("not there") } else { Ok(()) });
    checker.add(Check::new("self", look)).unwrap();
    checker.start().await.unwrap();
    assert_eq!(checker.check_now().await.overall, Health::Healthy);
    assert!(checker.remove_check("self"));
}
