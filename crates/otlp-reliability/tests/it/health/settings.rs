//! Settings of checks: as the documentation writes them, taken from the checker, or refused.

use std::{
    future::ready,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use otlp_reliability::{Check, CheckConfig, Health, HealthChecker, HealthError, Importance, Probe, UnifiedError};
use tokio::time::sleep;

use super::Dependency;

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
