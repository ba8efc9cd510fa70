//! Values that no program should set: each setter of the builder refuses what cannot work by name, value and what is
//! accepted, and with the most extreme values that it takes everything is still delivered.

use std::time::Duration;

use otlp_client::{ClientBuilder, EnhancedOtlpClient};
use otlp_core::data::Severity;
use otlp_discovery::{LoadBalancer, ServiceDiscovery};
use otlp_reliability::CircuitBreakerConfig;
use otlp_sdk::{
    logs::{LogAggregation, LogLimits},
    trace::SpanLimits,
};
use otlp_transport::KeepAlive;

use crate::setup::{DEADLINE, builder, receiver};

type Set = fn(ClientBuilder) -> ClientBuilder;

fn aggregation(change: fn(&mut LogAggregation)) -> LogAggregation {
    let mut aggregation = LogAggregation::default();
    change(&mut aggregation);
    aggregation
}

fn pings(change: fn(&mut KeepAlive)) -> KeepAlive {
    let mut pings = KeepAlive::default();
    change(&mut pings);
    pings
}

#[test]
fn values_that_cannot_work_are_refused_by_name() {
    let cases: [(Set, &str); 27] = [
        (|it| it.with_metric_interval(Duration::ZERO), "metric_interval is 0ns, but takes 1 ms to 1 day"),
        (|it| it.with_metric_interval(Duration::MAX), "metric_interval is 18446744073709551615.999999999s, but takes"),
        (|it| it.with_connect_timeout(Duration::ZERO), "connection_timeout is \"0ns\"; accepted: more than zero"),
        (|it| it.with_connect_timeout(Duration::MAX), "connection_timeout is "),
        (
            |it| it.with_keep_alive_pings(pings(|it| it.interval = Duration::ZERO)),
            "keep-alive interval is \"0ns\"; accepted: 1 ms to 1 day",
        ),
        (|it| it.with_keep_alive_pings(pings(|it| it.interval = Duration::MAX)), "keep-alive interval is"),
        (|it| it.with_keep_alive_pings(pings(|it| it.timeout = Duration::ZERO)), "keep-alive timeout is"),
        (|it| it.with_keep_alive_pings(pings(|it| it.timeout = Duration::MAX)), "keep-alive timeout is"),
        (
            |it| it.with_log_aggregation(aggregation(|it| it.interval = Duration::ZERO)),
            "log_aggregation.interval is 0ns, but takes 1 ms to 1 h",
        ),
        (|it| it.with_log_aggregation(aggregation(|it| it.interval = Duration::MAX)), "log_aggregation.interval is"),
        (|it| it.with_log_aggregation(aggregation(|it| it.max_records = 0)), "log_aggregation.max_records is 0, but"),
        (|it| it.with_log_aggregation(aggregation(|it| it.max_records = usize::MAX)), "log_aggregation.max_records"),
        (|it| it.with_log_aggregation(aggregation(|it| it.max_bytes = 0)), "log_aggregation.max_bytes is 0, but takes"),
        (|it| it.with_log_aggregation(aggregation(|it| it.max_bytes = usize::MAX)), "log_aggregation.max_bytes is"),
        (
            |it| it.with_circuit_breaker(CircuitBreakerConfig::new().with_failure_rate(f64::NAN)),
            "failure_rate = NaN is not accepted",
        ),
        (|it| it.with_bearer_token("s".repeat(1 << 20)), "it has 1048576 bytes, and no receiver takes more than 65536"),
        (|it| it.with_endpoint("localhost:4318"), "the scheme is missing: begin with http:// or https://"),
        (|it| it.with_endpoint("unix:///run/otlp.sock"), "the scheme \"unix\" is not known; accepted: http, https"),
        (
            |it| it.with_endpoint("http://local\nhost:4317"),
            "endpoint \"http://local host:4317\": white space and control",
        ),
        (|it| it.with_endpoint(" http://localhost:4317"), "white space and control characters are no part of a URL"),
        (|it| it.with_endpoint("http://localhost:0"), "nobody listens on port 0; accepted: 1 to 65535"),
        (|it| it.with_endpoint("http://[fe80::1%25eth0]:4317"), "invalid IPv6 address"),
        (|it| it.with_endpoint("http://u:secret@localhost:4317"), "credentials in the URL are not sent"),
        (|it| it.with_service_discovery(found(|it| it.with_dns("a", "a.example", 0))), "dns_port = 0 is not accepted"),
        (
            |it| it.with_service_discovery(found(|it| it.with_service_registry(true))),
            "service_registry = true is not accepted",
        ),
        (|it| it.with_load_balancer(LoadBalancer::new()), "with_load_balancer and a single endpoint contradict"),
        (|it| it.with_header("content-length", "5"), "the transport sets this header itself: remove it"),
    ];
    for (number, (set, expected)) in cases.into_iter().enumerate() {
        let Err(error) = set(builder("http://127.0.0.1:1").0).build_blocking() else { panic!("{number}: {expected}") };
        let error = error.to_string();
        assert!(error.contains(expected), "{number}: {error}\n{expected}");
        assert!(!error.contains("secret"), "{error}");
    }
}

fn found(change: fn(ServiceDiscovery) -> ServiceDiscovery) -> ServiceDiscovery {
    change(ServiceDiscovery::new())
}

#[test]
fn an_endpoint_of_ten_megabytes_makes_no_error_of_ten_megabytes() {
    let long = format!("http://{}:4317", "a".repeat(10 << 20));
    let error = builder(long).0.build_blocking().unwrap_err().to_string();
    assert!(error.len() < 4096 && error.contains("accepted: at most 8192"), "{error:.200}");
}

#[test]
fn with_the_most_extreme_values_that_are_taken_everything_is_delivered() {
    let cases: [(&str, Set); 13] = [
        ("an attempt without limit", |it| it.with_timeout(Duration::ZERO)),
        ("an attempt for ever", |it| it.with_timeout(Duration::MAX)),
        ("no idle connections", |it| it.with_max_idle_connections(0)),
        ("any idle connections", |it| it.with_max_idle_connections(usize::MAX)),
        ("pings once a day", |it| {
            let day = Duration::from_secs(86_400);
            it.with_keep_alive_pings(KeepAlive { interval: day, timeout: day, while_idle: true })
        }),
        ("metrics once a day", |it| it.with_metric_interval(Duration::from_secs(86_400))),
        ("metrics each millisecond", |it| it.with_metric_interval(Duration::from_millis(1))),
        ("any series", |it| it.with_cardinality_limit(usize::MAX)),
        ("any attributes", |it| {
            let most = usize::MAX;
            let limits =
                SpanLimits { attribute_count: most, event_count: most, link_count: most, ..Default::default() };
            it.with_span_limits(limits).with_log_limits(LogLimits { attribute_count: most, ..Default::default() })
        }),
        ("a break for ever", |it| {
            it.with_circuit_breaker(CircuitBreakerConfig::new().with_break_duration(Duration::MAX))
        }),
        ("no break", |it| it.with_circuit_breaker(CircuitBreakerConfig::new().with_break_duration(Duration::ZERO))),
        ("records held for an hour", |it| {
            it.with_log_aggregation(aggregation(|it| it.interval = Duration::from_secs(3600)))
        }),
        ("a drop for ever", |it| it.with_drop_deadline(Duration::MAX)),
    ];
    for (what, set) in cases {
        let receiver = receiver();
        let client = set(builder(receiver.grpc_endpoint()).0.with_grpc_transport()).build_blocking().unwrap();
        record(&client);
        assert!(client.flush_blocking(Duration::MAX).complete, "{what}");
        client.set_metric_interval(Duration::MAX);
        record(&client);
        if what.contains("drop") {
            drop(client);
        } else {
            let report = client.shutdown_blocking(Duration::MAX);
            assert!(report.complete && report.ledgers.iter().all(|ledger| ledger.lost() == 0), "{what}: {report}");
        }
        let store = receiver.store();
        assert_eq!((store.spans().len(), store.logs().len()), (2, 2), "{what}");
        assert!(!store.metrics_named("count").is_empty(), "{what}");
    }
}

fn record(client: &EnhancedOtlpClient) {
    client.tracer("test").start("work").end();
    client.logger("test").record(Severity::Info).body("done").emit();
    client.meter("test").u64_counter("count").init().add(1, &());
}

#[tokio::test]
async fn the_futures_take_any_deadline() {
    let receiver = receiver();
    let client = builder(receiver.grpc_endpoint()).0.with_grpc_transport().build().await.unwrap();
    record(&client);
    assert!(client.persist(Duration::MAX).await.complete);
    assert!(client.flush(Duration::MAX).await.complete);
    // Nothing to wait for is nothing to wait for, whatever the deadline.
    assert!(client.flush(Duration::ZERO).await.ledgers.iter().all(|ledger| ledger.balances()));
    assert!(tokio::time::timeout(DEADLINE, client.shutdown(Duration::MAX)).await.unwrap().complete);
    record(&client);
    let after = client.shutdown(Duration::MAX).await;
    assert!(after.ledgers.iter().all(|ledger| ledger.balances() && ledger.pending() == 0), "{after}");
}
