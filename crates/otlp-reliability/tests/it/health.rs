//! Health checks on paused time: schedules, limits, thresholds, probes, and checks that misbehave.

use std::{
    future::{Future, pending, ready},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

use otlp_reliability::{
    Bulkhead, Check, CheckConfig, CheckOutcome, CircuitBreaker, Clock, Controlled, Event, Health, HealthChecker,
    HealthError, Importance, Probe, TokioClock, UnifiedError,
};
use tokio::time::sleep;

use crate::Failure;

const SECOND: Duration = Duration::from_secs(1);

/// A dependency that a test takes down and brings back, and that counts how often it was looked at.
#[derive(Clone, Default)]
struct Dependency {
    down: Arc<AtomicBool>,
    looks: Arc<AtomicU32>,
}

impl Dependency {
    fn set_down(&self, down: bool) {
        self.down.store(down, Ordering::Relaxed);
    }

    fn looks(&self) -> u32 {
        self.looks.load(Ordering::Relaxed)
    }

    fn look(&self) -> Result<(), UnifiedError> {
        self.looks.fetch_add(1, Ordering::Relaxed);
        let down = self.down.load(Ordering::Relaxed);
        if down { Err(UnifiedError::Network("refused".to_string())) } else { Ok(()) }
    }

    fn check(&self, name: &'static str) -> Check {
        let dependency = self.clone();
        Check::new(name, move || ready(dependency.look())).with_jitter(0.0)
    }
}

fn every(interval: Duration) -> HealthChecker {
    HealthChecker::new().with_defaults(CheckConfig::new().with_interval(interval).with_jitter(0.0))
}

#[tokio::test(start_paused = true)]
async fn the_page_of_the_documentation_works_as_it_is_written() -> Result<(), Box<dyn std::error::Error>> {
    async fn check_database_health() -> Result<(), UnifiedError> {
        sleep(Duration::from_millis(100)).await;
        Ok(())
    }
    async fn check_cache_health() -> Result<(), UnifiedError> {
        sleep(Duration::from_millis(50)).await;
        Err(UnifiedError::System("Cache service down".to_string()))
    }
    let health_checker = HealthChecker::new()
        .with_check_interval(Duration::from_secs(30))
        .with_timeout(Duration::from_secs(5))
        .with_retry_count(3);
    health_checker.add_check("database", check_database_health).await?;
    health_checker.add_check("cache", check_cache_health).await?;
    health_checker.start().await?;
    sleep(Duration::from_secs(60)).await;

    let health_status = health_checker.get_health_status().await?;
    assert_eq!(health_status.overall, Health::Unhealthy);
    let database = health_status.check("database").unwrap();
    assert_eq!(database.health, Health::Healthy);
    assert_eq!(database.latest.as_ref().unwrap().latency, Duration::from_millis(100));
    let cache = health_status.check("cache").unwrap();
    assert_eq!(cache.last_error.as_deref(), Some("system error: Cache service down"));
    assert_eq!(cache.latest.as_ref().unwrap().latency, Duration::from_millis(50), "of the last try alone");
    Ok(())
}

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
async fn changes_are_heard_in_order_of_each_check_and_of_all_together() {
    let heard = Arc::new(Mutex::new(Vec::new()));
    let record = heard.clone();
    let checker = every(SECOND).with_observer(move |check: Option<&str>, event: Event| {
        let Event::HealthChanged { from, to } = event else { panic!("{event:?}") };
        record.lock().unwrap().push((check.map(str::to_string), from, to));
    });
    let [db, mail] = [Dependency::default(), Dependency::default()];
    checker.add(db.check("db").with_fall(2)).unwrap();
    checker.add(mail.check("mail").optional().with_rise(2)).unwrap();
    let take = || std::mem::take(&mut *heard.lock().unwrap());
    let of = |name: &str, from, to| (Some(name.to_string()), from, to);
    use Health::{Degraded, Healthy, Unhealthy, Unknown};

    checker.check_now().await;
    assert_eq!(take(), [of("db", Unknown, Healthy), (None, Unknown, Healthy), of("mail", Unknown, Healthy)]);
    checker.check_now().await;
    assert_eq!(take(), [], "nothing changed");
    mail.set_down(true);
    checker.check_now().await;
    assert_eq!(take(), [of("mail", Healthy, Unhealthy), (None, Healthy, Degraded)]);
    db.set_down(true);
    checker.check_now().await;
    assert_eq!(take(), [], "one failure is not enough");
    checker.check_now().await;
    assert_eq!(take(), [of("db", Healthy, Unhealthy), (None, Degraded, Unhealthy)]);
    assert!(checker.remove_check("db"));
    assert!(!checker.remove_check("db"));
    assert_eq!(take(), [(None, Unhealthy, Degraded)]);
    mail.set_down(false);
    checker.check_now().await;
    assert_eq!(take(), []);
    checker.check_now().await;
    assert_eq!(take(), [of("mail", Unhealthy, Healthy), (None, Degraded, Healthy)]);
}

#[tokio::test(start_paused = true)]
async fn an_observer_may_ask_the_checker() {
    let checker = HealthChecker::new();
    let asked = Arc::new(Mutex::new(Vec::new()));
    let (answers, weak) = (asked.clone(), checker.clone());
    let checker = checker.with_observer(move |_: Option<&str>, _: Event| {
        answers.lock().unwrap().push(weak.status().overall);
    });
    checker.add(Dependency::default().check("db")).unwrap();
    checker.check_now().await;
    assert_eq!(*asked.lock().unwrap(), [Health::Healthy; 2]);
}

#[tokio::test(start_paused = true)]
async fn liveness_and_readiness_are_asked_apart() {
    let [database, event_loop] = [Dependency::default(), Dependency::default()];
    let checker = HealthChecker::new();
    checker.add(database.check("database").readiness()).unwrap();
    checker.add(event_loop.check("event loop").liveness()).unwrap();
    database.set_down(true);
    let status = checker.check_now().await;
    assert_eq!(status.health(Probe::Liveness), Health::Healthy);
    assert_eq!(status.health(Probe::Readiness), Health::Unhealthy);
    assert_eq!(status.render(Probe::Liveness).status_code, 200);
    assert_eq!(status.render(Probe::Readiness).status_code, 503);
    assert!(!status.render(Probe::Liveness).body.contains("database"));
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
async fn what_cannot_work_is_refused_by_name() {
    let checker = HealthChecker::new().with_check_interval(Duration::ZERO);
    let error = checker.add_check("db", || ready(Ok::<_, String>(()))).await.unwrap_err();
    assert_eq!(error.to_string(), "health check \"db\": interval = 0ns is not accepted: it takes more than zero");
    let checker = HealthChecker::new();
    checker.add(Dependency::default().check("db")).unwrap();
    let twice = checker.add(Dependency::default().check("db")).unwrap_err();
    assert_eq!(twice, HealthError::DuplicateCheck("db".into()));
    let config = CheckConfig::new().with_rise(0);
    assert!(checker.add(Dependency::default().check("cache").with_config(config)).is_err());
    assert_eq!(checker.status().checks.len(), 1);
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

#[tokio::test(start_paused = true)]
async fn a_check_takes_from_its_checker_what_it_does_not_set_itself() {
    let tries = Arc::new(AtomicU32::new(0));
    let counted = tries.clone();
    let failing = Check::new("db", move || {
        counted.fetch_add(1, Ordering::Relaxed);
        ready(Err("down"))
    });
    let defaults = CheckConfig::new().with_retry_count(2).with_importance(Importance::Optional).with_history(1);
    let checker = HealthChecker::new().with_defaults(defaults);
    checker.add(failing.with_history(2).with_probe(Probe::All)).unwrap();
    for _ in 0..3 {
        checker.check_now().await;
    }
    let status = checker.status();
    assert_eq!(tries.load(Ordering::Relaxed), 9);
    assert_eq!(status.overall, Health::Degraded);
    assert_eq!(status.health(Probe::Liveness), Health::Degraded);
    assert_eq!(status.checks[0].history.len(), 2);
}

/// Each reading is an hour before the last.
struct Backwards(Mutex<Instant>);

impl Clock for Backwards {
    fn now(&self) -> Instant {
        let mut now = self.0.lock().unwrap();
        *now = now.checked_sub(3600 * SECOND).unwrap_or(*now);
        *now
    }

    fn sleep(&self, duration: Duration) -> impl Future<Output = ()> + Send {
        TokioClock.sleep(duration)
    }
}

#[tokio::test(start_paused = true)]
async fn pitfall_16_a_clock_that_goes_back_counts_as_no_time() {
    let dependency = Dependency::default();
    let base = Instant::now() + 100_000 * 3600 * SECOND;
    let checker = every(SECOND).with_clock(Backwards(Mutex::new(base)));
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

#[tokio::test(start_paused = true)]
async fn a_circuit_breaker_is_a_health_source_that_never_keeps_its_own_probe_away() {
    let breaker = CircuitBreaker::new(1, 10 * SECOND);
    let checker = HealthChecker::new();
    checker.add(Check::circuit_breaker("payments", breaker.control().unwrap()).unwrap()).unwrap();
    checker.start().await.unwrap();
    let health = async || {
        sleep(SECOND).await;
        checker.get_health_status().await.unwrap().overall
    };
    assert_eq!(health().await, Health::Healthy);
    let failed: Result<(), Failure> = breaker.execute(|| ready(Err(Failure::Refused(1)))).await;
    assert!(failed.is_err());
    assert_eq!(health().await, Health::Unhealthy);
    sleep(10 * SECOND).await;
    assert_eq!(health().await, Health::Degraded, "the break is over: ready for the call that probes");
    breaker.isolate();
    assert_eq!(health().await, Health::Unhealthy);
    breaker.reset();
    assert_eq!(health().await, Health::Healthy);

    let bulkhead = Bulkhead::new(1).control().unwrap();
    let error = Check::circuit_breaker("payments", bulkhead).unwrap_err();
    assert_eq!((error.field(), error.value()), ("control", "\"bulkhead\""));
}

#[cfg(feature = "serde")]
#[tokio::test(start_paused = true)]
async fn a_status_is_data() {
    let dependency = Dependency::default();
    let checker = HealthChecker::new();
    checker.add(dependency.check("db")).unwrap();
    let status = serde_json::to_value(checker.check_now().await).unwrap();
    assert_eq!(status["overall"], "healthy");
    assert_eq!(status["checks"][0]["latest"]["outcome"], "pass");
    assert_eq!(status["checks"][0]["importance"], "critical");
}
