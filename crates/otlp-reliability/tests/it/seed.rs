//! The crate as a whole, as a service meets it first: the framework started, the policies nested by closures around a
//! call that fails at random, its figures read, the dependencies watched.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use otlp_reliability::{self as reliability, Snapshot, prelude::*};

/// A dependency that gets worse and then better; how often, and how it fails, is drawn.
#[derive(Clone)]
struct Unreliable(Arc<Mutex<fastrand::Rng>>);

impl Unreliable {
    fn seeded(seed: u64) -> Self {
        Unreliable(Arc::new(Mutex::new(fastrand::Rng::with_seed(seed))))
    }

    async fn call(&self, number: u32) -> Result<String, UnifiedError> {
        let share_of_failures = match number {
            1..=5 => 0.1,
            6..=10 => 0.3,
            11..=15 => 0.5,
            _ => 0.2,
        };
        let mut random = self.0.lock().unwrap();
        if random.f64() >= share_of_failures {
            return Ok(format!("answer to call {number}"));
        }
        Err(match random.u8(0..4) {
            0 => UnifiedError::Network("connection reset".to_string()),
            1 => UnifiedError::Timeout("no answer from upstream".to_string()),
            2 => UnifiedError::System("internal error".to_string()),
            _ => UnifiedError::Business("no such account".to_string()),
        })
    }
}

#[tokio::test(start_paused = true)]
async fn policies_nest_around_a_call_as_closures_and_the_registry_shows_them() -> Result<(), Box<dyn std::error::Error>>
{
    let _turn = crate::registry::TURNS.lock().await;
    reliability::init().await?;

    let circuit_breaker = CircuitBreaker::new(5, Duration::from_secs(10));
    let retry_policy = RetryPolicy::new()
        .with_max_attempts(3)
        .with_initial_delay(Duration::from_millis(100))
        .with_max_delay(Duration::from_secs(5))
        .with_backoff_multiplier(2.0);
    let timeout = Timeout::new(Duration::from_secs(30));
    let bulkhead = Bulkhead::new(10);
    reliability::register("seed.breaker", &circuit_breaker)?;

    let service = Unreliable::seeded(7);
    let mut answers = 0;
    for number in 1..=20 {
        let result = circuit_breaker
            .execute_with_retry(&retry_policy, || timeout.execute(|| bulkhead.execute(|| service.call(number))))
            .await;
        match result {
            Ok(answer) => {
                assert_eq!(answer, format!("answer to call {number}"));
                answers += 1;
            }
            Err(error) => assert!(!error.to_string().is_empty()),
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    // At the worst an attempt fails with one half, so a call with an eighth.
    assert!(answers >= 15, "{answers} of 20");

    let metrics = reliability::get_metrics().await?;
    assert!(matches!(
        metrics.policy("seed.breaker"),
        Some(Snapshot::CircuitBreaker(figures)) if figures.state == CircuitState::Closed
    ));
    assert!(format!("{metrics:?}").contains("seed.breaker"));
    reliability::shutdown().await?;
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn an_outage_opens_the_breaker_and_the_calls_after_it_close_it() {
    let circuit_breaker = CircuitBreaker::new(5, Duration::from_secs(10));
    let retry_policy = RetryPolicy::new().with_max_attempts(3);
    let (timeout, bulkhead) = (Timeout::new(Duration::from_secs(1)), Bulkhead::new(10));
    let (up, calls) = (std::cell::Cell::new(false), std::cell::Cell::new(0));
    let call = || {
        circuit_breaker.execute_with_retry(&retry_policy, || {
            timeout.execute(|| {
                bulkhead.execute(|| async {
                    calls.set(calls.get() + 1);
                    if !up.get() {
                        std::future::pending::<()>().await;
                    }
                    Ok::<_, UnifiedError>(())
                })
            })
        })
    };
    for _ in 0..5 {
        assert!(call().await.unwrap_err().is_timeout());
    }
    assert_eq!(calls.get(), 15);
    assert_eq!(call().await, Err(UnifiedError::System("the circuit breaker is open for 10s".to_string())));
    assert_eq!(calls.get(), 15, "an open breaker leaves the callee alone");

    up.set(true);
    tokio::time::sleep(Duration::from_secs(10)).await;
    assert_eq!(call().await, Ok(()));
    assert_eq!(circuit_breaker.state(), CircuitState::Closed);
    assert_eq!(bulkhead.snapshot().in_flight, 0);
}

#[tokio::test(start_paused = true)]
async fn dependencies_are_watched() -> Result<(), Box<dyn std::error::Error>> {
    let up = Arc::new(std::sync::atomic::AtomicBool::new(true));
    let health_checker = HealthChecker::new()
        .with_check_interval(Duration::from_secs(30))
        .with_timeout(Duration::from_secs(5))
        .with_retry_count(3);

    async fn check_cache() -> Result<(), UnifiedError> {
        tokio::time::sleep(Duration::from_millis(50)).await;
        Ok(())
    }
    let database = Arc::clone(&up);
    let check_database = move || {
        let up = database.load(std::sync::atomic::Ordering::Relaxed);
        async move {
            tokio::time::sleep(Duration::from_millis(100)).await;
            if up { Ok(()) } else { Err(UnifiedError::System("no connection to the database".to_string())) }
        }
    };
    health_checker.add_check("database", check_database).await?;
    health_checker.add_check("cache", check_cache).await?;
    health_checker.start().await?;

    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(health_checker.get_health_status().await?.overall, Health::Healthy);
    up.store(false, std::sync::atomic::Ordering::Relaxed);
    tokio::time::sleep(Duration::from_secs(3600)).await;
    let health_status = health_checker.get_health_status().await?;
    assert_eq!(health_status.overall, Health::Unhealthy);
    assert_eq!(health_status.check("cache").map(|check| check.health), Some(Health::Healthy));
    assert!(format!("{health_status:?}").contains("no connection to the database"));
    Ok(())
}
