//! The health endpoint as an orchestrator sees it.

use std::{net::TcpListener, time::Duration};

use otlp_client::{EnhancedOtlpClient, MonitoringConfig};
use otlp_reliability::CircuitBreakerConfig;

use super::{get, request, served, wait_until};
use crate::setup::{DEADLINE, builder, receiver, spans};

#[test]
fn a_healthy_client_answers_at_its_paths_and_nowhere_else() {
    let receiver = receiver();
    let client = builder(receiver.grpc_endpoint()).0.with_grpc_transport().with_monitoring(served());
    let client = client.build_blocking().unwrap();
    let address = client.monitoring_address().unwrap();
    assert!(address.ip().is_loopback() && address.port() > 0);
    wait_until("the checks have run", || get(address, "/ready").status == 200);
    let live = get(address, "/health");
    assert_eq!(live.status, 200);
    assert!(live.head.contains("content-type: application/health+json"), "{}", live.head);
    assert!(
        live.body.starts_with(r#"{"status":"pass","checks":{"background thread":[{"status":"pass""#),
        "{}",
        live.body
    );
    let ready = get(address, "/ready?verbose");
    assert!(ready.body.contains(&format!("\"endpoint {}\"", receiver.grpc_endpoint())), "{}", ready.body);
    for name in ["queues", "memory"] {
        assert!(ready.body.contains(name), "{}", ready.body);
    }
    assert_eq!(get(address, "/").status, 404);
    let head = request(address, "HEAD /health HTTP/1.1\r\nhost: x\r\n\r\n");
    assert_eq!((head.status, head.body.as_str()), (200, ""));
    let post = request(address, "POST /health HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n");
    assert_eq!(post.status, 405);
    assert!(post.head.contains("allow: get, head"), "{}", post.head);
}

#[test]
fn an_endpoint_that_is_down_degrades_the_client_or_makes_it_unready_if_that_is_asked_for() {
    for is_required in [false, true] {
        let breaker = CircuitBreakerConfig::new()
            .with_failure_rate(None)
            .with_consecutive_failures(1)
            .with_break_duration(Duration::from_secs(3600));
        let client = builder("http://127.0.0.1:1")
            .0
            .with_grpc_transport()
            .with_circuit_breaker(breaker)
            .with_monitoring(served())
            .with_endpoints_required_for_readiness(is_required)
            .build_blocking()
            .unwrap();
        let address = client.monitoring_address().unwrap();
        spans(&client, 1);
        client.flush_blocking(Duration::ZERO);
        wait_until("the breaker is seen", || get(address, "/ready").body.contains("the circuit breaker is open"));
        assert_eq!(get(address, "/ready").status, if is_required { 503 } else { 200 });
        assert_eq!(get(address, "/health").status, 200, "a restart would not help");
    }
}

#[test]
fn of_receivers_that_are_balanced_over_one_that_works_is_enough() {
    let (first, second) = (receiver(), receiver());
    let breaker = CircuitBreakerConfig::new()
        .with_failure_rate(None)
        .with_consecutive_failures(1)
        .with_break_duration(Duration::from_secs(3600));
    let client = EnhancedOtlpClient::builder()
        .without_environment()
        .with_endpoints([first.grpc_endpoint(), second.grpc_endpoint()])
        .with_grpc_transport()
        .with_circuit_breaker(breaker)
        .with_diagnostics(|_| {})
        .with_monitoring(served())
        .with_endpoints_required_for_readiness(true)
        .build_blocking()
        .unwrap();
    let address = client.monitoring_address().unwrap();
    spans(&client, 1);
    assert!(client.flush_blocking(DEADLINE).complete);
    wait_until("the checks have run", || get(address, "/ready").status == 200);
    second.kill_blocking();
    wait_until("one is seen to be down", || {
        spans(&client, 1);
        client.flush_blocking(Duration::from_millis(20));
        get(address, "/ready").body.contains("1 of 2 receivers are down")
    });
    assert_eq!(get(address, "/ready").status, 200);
    first.kill_blocking();
    wait_until("both are seen to be down", || {
        spans(&client, 1);
        client.flush_blocking(Duration::from_millis(20));
        get(address, "/ready").status == 503
    });
    assert!(get(address, "/ready").body.contains("all receivers are down"));
}

#[test]
fn checks_of_the_program_stand_beside_those_of_the_client() {
    let client = builder("http://127.0.0.1:1").0.with_monitoring(served()).build_blocking().unwrap();
    let address = client.monitoring_address().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let checker = runtime.block_on(client.get_health_checker()).unwrap();
    runtime.block_on(checker.add_check("database", || async { Err::<(), _>("gone") })).unwrap();
    wait_until("the check has run", || get(address, "/ready").body.contains("gone"));
    assert_eq!(get(address, "/ready").status, 503);
    assert!(checker.is_running());
}

#[test]
fn without_an_endpoint_the_checks_run_where_they_are_started() {
    let client = builder("http://127.0.0.1:1").0.build_blocking().unwrap();
    assert_eq!(client.monitoring_address(), None);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let checker = client.get_health_checker().await.unwrap();
        assert!(checker.get_health_status().await.is_err(), "nobody started them");
        checker.start().await.unwrap();
        let status = checker.check_now().await;
        assert_eq!(status.overall, otlp_reliability::Health::Healthy, "{status:?}");
        client.shutdown(Duration::from_secs(1)).await;
        let status = checker.check_now().await;
        assert_eq!(status.overall, otlp_reliability::Health::Unhealthy, "{status:?}");
    });
}

#[test]
fn a_port_that_is_taken_is_an_error_of_the_build_that_names_it() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let config = MonitoringConfig { health_check_endpoint: Some(format!("http://{address}/health")), ..served() };
    let error = builder("http://127.0.0.1:1").0.with_monitoring(config).build_blocking().unwrap_err().to_string();
    assert!(error.starts_with(&format!("health_check_endpoint: cannot listen on {address}: ")), "{error}");
}

#[test]
fn other_machines_may_ask_only_if_that_is_said() {
    let config = || MonitoringConfig { health_check_endpoint: Some("http://0.0.0.0:0/health".into()), ..served() };
    let error = builder("http://127.0.0.1:1").0.with_monitoring(config()).build_blocking().unwrap_err().to_string();
    assert!(error.contains("http://0.0.0.0:0/health") && error.contains("with_monitoring_public(true)"), "{error}");
    let client = builder("http://127.0.0.1:1").0.with_monitoring(config()).with_monitoring_public(true);
    let client = client.build_blocking().unwrap();
    assert!(client.monitoring_address().unwrap().ip().is_unspecified());
}

#[test]
fn the_port_is_free_again_after_the_shutdown() {
    let client = builder("http://127.0.0.1:1").0.with_monitoring(served()).build_blocking().unwrap();
    let address = client.monitoring_address().unwrap();
    client.shutdown_blocking(Duration::from_secs(5));
    wait_until("the listener is gone", || std::net::TcpStream::connect(address).is_err());
}
