//! What the checks say together: thresholds, probes, events, sources, and the status as data.

use std::{
    future::ready,
    sync::{Arc, Mutex},
};

use otlp_reliability::{Bulkhead, Check, CircuitBreaker, Controlled, Event, Health, HealthChecker, Probe};
use tokio::time::sleep;

use super::{Dependency, SECOND, every};
use crate::Failure;

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
