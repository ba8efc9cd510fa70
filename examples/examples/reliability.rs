//! The policies of the reliability crate around calls of a service that fails: breaker, retry, timeout and bulkhead
//! nested as closures, each call a span; and the health of what the program depends on. The client delivers under
//! policies of its own, which the same registry shows.

#![allow(clippy::print_stdout, reason = "a program for the terminal")]

use std::{
    error::Error,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    time::Duration,
};

use axum::http::StatusCode as HttpStatus;
use otlp::{
    core::EnhancedOtlpClient,
    data::{SpanKind, StatusCode},
    reliability::{self, prelude::*},
};
use otlp_receiver::{Fault, Receiver};

/// A dependency that fails more and more, then recovers: always in the same way, so that the program can be checked.
#[derive(Default)]
struct Payments {
    calls: AtomicU32,
}

impl Payments {
    async fn charge(&self, order: u32) -> Result<String, UnifiedError> {
        let call = self.calls.fetch_add(1, Ordering::Relaxed);
        match order {
            // Every other call fails: a retry helps.
            6..=10 if call.is_multiple_of(2) => Err(UnifiedError::Network("connection reset".to_string())),
            // Down: nothing helps but to leave it alone.
            11..=15 => Err(UnifiedError::System("the ledger of accounts is down".to_string())),
            _ => Ok(format!("order {order} is paid")),
        }
    }
}

async fn database() -> Result<(), UnifiedError> {
    Ok(())
}

async fn cache(is_up: bool) -> Result<(), UnifiedError> {
    if is_up { Ok(()) } else { Err(UnifiedError::System("cache is down".to_string())) }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    reliability::init().await?;
    let receiver = Receiver::builder().start().await?;
    // The backend of the telemetry has its own bad moment; the client's policies get over it.
    receiver.faults().inject(Fault::http(HttpStatus::SERVICE_UNAVAILABLE).times(1));
    let client = EnhancedOtlpClient::builder()
        .with_endpoint(receiver.http_endpoint())
        .with_http_transport()
        .with_service_name("reliability-demo")
        .with_reliability_framework_integration(true)
        .build()
        .await?;

    let circuit_breaker = CircuitBreaker::new(5, Duration::from_secs(10));
    let retry_policy = RetryPolicy::new()
        .with_max_attempts(3)
        .with_initial_delay(Duration::from_millis(5))
        .with_max_delay(Duration::from_millis(50))
        .with_backoff_multiplier(2.0);
    let timeout = Timeout::new(Duration::from_secs(30));
    let bulkhead = Bulkhead::new(10);
    reliability::register("payments", &circuit_breaker)?;

    let payments = Payments::default();
    let tracer = client.tracer("shop");
    let mut paid = 0;
    for order in 1..=20 {
        let mut span = tracer.start_with_kind("charge", SpanKind::Client);
        span.set_attribute("order.id", order);
        let result = circuit_breaker
            .execute_with_retry(&retry_policy, || timeout.execute(|| bulkhead.execute(|| payments.charge(order))))
            .await;
        match result {
            Ok(answer) => {
                paid += 1;
                span.set_status(StatusCode::Ok, "");
                println!("{answer}");
            }
            Err(error) => {
                span.record_error(&error);
                span.set_status(StatusCode::Error, error.to_string());
                println!("order {order} failed: {error}");
            }
        }
        span.end();
    }

    // The health of what the program depends on. A check that fails is tried again so often before it counts.
    let is_cache_up = Arc::new(AtomicBool::new(true));
    let checker = HealthChecker::new()
        .with_check_interval(Duration::from_secs(30))
        .with_timeout(Duration::from_secs(5))
        .with_retry_count(3);
    checker.add_check("database", database).await?;
    let is_up = Arc::clone(&is_cache_up);
    checker.add_check("cache", move || cache(is_up.load(Ordering::Relaxed))).await?;
    checker.start().await?;
    assert_eq!(checker.check_now().await.overall, Health::Healthy);
    is_cache_up.store(false, Ordering::Relaxed);
    println!("health without the cache: {:?}", checker.check_now().await.overall);
    assert_ne!(checker.get_health_status().await?.overall, Health::Healthy);

    let metrics = reliability::get_metrics().await?;
    println!(
        "policies: {}",
        metrics.policies.iter().map(|policy| policy.name.as_ref()).collect::<Vec<&str>>().join(", ")
    );
    assert!(metrics.policy("payments").is_some(), "the program's breaker is in the registry");
    assert!(metrics.policies.iter().any(|policy| policy.name.ends_with("/retry")), "and so are the client's policies");

    let report = client.shutdown(Duration::from_secs(10)).await;
    print!("{report}");
    let spans = receiver.store().spans();
    assert_eq!(spans.len(), 20, "each call is a span, and the bad moment of the backend cost none");
    let failed = spans.iter().filter(|span| span.status.code == StatusCode::Error).count();
    assert_eq!(paid + failed, 20);
    assert!(paid >= 10, "five good, and those that a retry helped");
    let calls = payments.calls.load(Ordering::Relaxed);
    println!("{calls} calls reached the payments service for 20 orders");
    assert!(calls < 40, "the breaker kept calls from a service that was down");
    reliability::shutdown().await?;
    Ok(())
}
