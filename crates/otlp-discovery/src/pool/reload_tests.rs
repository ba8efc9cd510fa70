//! Other settings for circuit breakers that are at work, and for those that come.

use otlp_reliability::CircuitBreakerConfig;

use super::{
    tests::{BREAK, balancer, endpoint, fail, pool},
    *,
};

/// After so many failures in a row.
fn failures(count: u32) -> CircuitBreakerConfig {
    CircuitBreakerConfig::new().with_failure_rate(None).with_consecutive_failures(count).with_break_duration(BREAK)
}

#[tokio::test(start_paused = true)]
async fn circuit_breakers_of_the_client_are_reloaded_and_those_that_come_have_the_new_settings() {
    let pool = pool(LoadBalancer::new().or_circuit_breaker(Some(failures(2))), &["a"]);
    fail(&pool, "a");
    assert!(pool.takes_all(), "one failure is none");
    assert!(pool.reload_circuit_breakers(&failures(0)).is_err());
    fail(&pool, "a");
    assert!(!pool.takes_all(), "nothing was taken of what cannot work");
    pool.reload_circuit_breakers(&failures(1)).unwrap();
    pool.found(&[endpoint("b")]);
    fail(&pool, "b");
    assert!(!pool.takes_all());
    pool.found(&[endpoint("b"), endpoint("c")]);
    pool.reload_circuit_breakers(&failures(3)).unwrap();
    fail(&pool, "c");
    assert!(pool.takes_all(), "those that are there have them as well");
}

#[tokio::test(start_paused = true)]
async fn circuit_breakers_that_were_chosen_for_the_service_stay_as_they_are() {
    let pool = pool(balancer().or_circuit_breaker(Some(failures(9))), &["a"]);
    pool.reload_circuit_breakers(&failures(9)).unwrap();
    fail(&pool, "a");
    assert!(!pool.takes_all(), "after one failure, as was chosen");
}
