//! What is recorded and how contexts travel, circuit breakers, other destinations and health, as a file says them.

use std::{collections::HashMap, time::Duration};

use otlp_core::{
    data::{MetricPoints, Severity, Temporality},
    propagation::Inject,
};
use otlp_receiver::Fault;
use otlp_reliability::Snapshot;

use super::from_yaml::{builder, client_of};
use crate::{
    monitoring::{get, wait_until},
    setup::{DEADLINE, receiver, spans},
};

#[test]
fn the_sampler_of_the_file_chooses_the_spans() {
    for (sampler, recorded) in [
        ("sampler: always_on", 10),
        ("sampler: always_off", 0),
        ("sampler: parentbased_always_off", 0),
        ("sampler: traceidratio, sampler_ratio: 0.0", 0),
        ("sampler: parentbased_traceidratio, sampler_ratio: 1.0", 10),
        ("sampler: parentbased_traceidratio", 10),
    ] {
        let receiver = receiver();
        let client = client_of(&receiver, &format!("telemetry: {{{sampler}}}"));
        spans(&client, 10);
        assert!(client.shutdown_blocking(DEADLINE).complete);
        assert_eq!(receiver.store().spans().len(), recorded, "{sampler}");
    }
}

#[test]
fn contexts_travel_in_the_formats_of_the_file() {
    let receiver = receiver();
    for (names, headers) in [
        ("[b3]", vec!["b3"]),
        ("[tracecontext, jaeger]", vec!["traceparent", "uber-trace-id"]),
        ("[b3multi, baggage]", vec!["x-b3-sampled", "x-b3-spanid", "x-b3-traceid"]),
        ("[]", vec![]),
    ] {
        let client = client_of(&receiver, &format!("telemetry: {{propagators: {names}}}"));
        let span = client.tracer("test").start("call");
        let _active = span.enter();
        let mut carrier: HashMap<String, String> = HashMap::new();
        client.inject(&mut carrier as &mut dyn Inject);
        let mut found: Vec<&str> = carrier.keys().map(String::as_str).collect();
        found.sort_unstable();
        assert_eq!(found, headers, "{names}");
    }
}

#[test]
fn limits_cut_what_spans_and_log_records_hold() {
    let receiver = receiver();
    let text = "
telemetry:
  span_limits: {attribute_count: 1, event_count: 2, link_count: 0, attributes_per_event: 0, attributes_per_link: 0,
    value_length: 3}
  log_limits: {attribute_count: 1, value_length: 2}";
    let client = client_of(&receiver, text);
    let mut span = client.tracer("test").start("work");
    span.set_attribute("a", "abcdef").set_attribute("b", 2);
    for _ in 0..3 {
        span.add_event("event", [("a", 1)]);
    }
    span.end();
    client.logger("test").record(Severity::Info).body("work").attribute("a", "abcdef").attribute("b", 2).emit();
    assert!(client.shutdown_blocking(DEADLINE).complete);
    let span = &receiver.store().spans()[0];
    assert_eq!((span.attributes.len(), span.dropped_attributes_count), (1, 1));
    assert_eq!(span.attributes.get("a").and_then(otlp_core::Value::as_str), Some("abc"));
    assert_eq!((span.events.len(), span.dropped_events_count, span.events[0].attributes.len()), (2, 1, 0));
    let log = &receiver.store().logs()[0];
    assert_eq!((log.attributes.len(), log.dropped_attributes_count), (1, 1));
    assert_eq!(log.attributes.get("a").and_then(otlp_core::Value::as_str), Some("ab"));
}

#[test]
fn metrics_have_the_temporality_and_the_series_of_the_file() {
    let receiver = receiver();
    let client = client_of(&receiver, "telemetry: {temporality: delta, cardinality_limit: 2}");
    let counter = client.meter("test").u64_counter("work").init();
    (0..5).for_each(|number| counter.add(1, &[("number", number)]));
    assert!(client.shutdown_blocking(DEADLINE).complete);
    let metric = &receiver.store().metrics()[0];
    let MetricPoints::Sum { points, temporality, .. } = &metric.points else { panic!("{metric:?}") };
    assert_eq!((points.len(), *temporality), (2, Temporality::Delta));
}

#[test]
fn log_records_are_folded_as_the_file_says() {
    let receiver = receiver();
    let client = client_of(&receiver, "telemetry: {log_aggregation: {interval: 1h, max_records: 1, max_bytes: 1MiB}}");
    for body in ["same", "same", "other", "other"] {
        client.logger("test").record(Severity::Info).body(body).emit();
    }
    assert!(client.shutdown_blocking(DEADLINE).complete);
    assert_eq!((receiver.store().logs().len(), client.folded_log_records()), (3, 1), "there is room for one alone");
}

#[test]
fn circuit_breakers_open_as_the_file_says() {
    let breakers = |text: &str| {
        let client = builder(&format!("endpoint: http://127.0.0.1:1\n{text}")).build_blocking().unwrap();
        spans(&client, 1);
        client.flush_blocking(Duration::from_millis(20));
        let breakers: Vec<_> = client
            .policies()
            .into_iter()
            .filter_map(|policy| match policy.snapshot {
                Snapshot::CircuitBreaker(figures) => Some(figures),
                _ => None,
            })
            .collect();
        breakers
    };
    assert!(breakers("circuit_breaker: {enabled: false}").is_empty());
    let opened =
        breakers("circuit_breaker: {consecutive_failures: 1, initial_break: 1h, max_break: 1h, break_jitter: 0}");
    assert!(opened[0].open_for.is_some_and(|left| left > Duration::from_secs(3000)), "{opened:?}");
    let closed = breakers("circuit_breaker: {consecutive_failures: null, failure_rate: 1.0, minimum_calls: 100}");
    assert!(closed[0].open_for.is_none(), "{closed:?}");
}

#[test]
fn the_console_is_a_destination_if_the_file_says_so() {
    let receiver = receiver();
    for (is_on, expected) in [(true, 2), (false, 1)] {
        let client = client_of(&receiver, &format!("delivery: {{console: {is_on}, drop_deadline: 1s}}"));
        assert_eq!(client.shutdown_blocking(DEADLINE).ledgers.len(), expected);
    }
}

#[test]
fn a_client_that_is_dropped_delivers_as_long_as_the_file_says() {
    // The default would not be enough for the one, and far too much for the other.
    for (deadline, delay, delivered) in [("20s", 1, 3), ("1ms", 60, 0)] {
        let receiver = receiver();
        receiver.faults().inject(Fault::Delay { by: Duration::from_secs(delay), then: None });
        let client = client_of(&receiver, &format!("delivery: {{drop_deadline: {deadline}}}"));
        spans(&client, 3);
        drop(client);
        assert_eq!(receiver.store().spans().len(), delivered, "{deadline}");
    }
}

#[test]
fn health_is_public_and_strict_if_the_file_says_so() {
    let text = |health: &str, host: &str| {
        format!(
            "
endpoint: http://127.0.0.1:1
circuit_breaker: {{consecutive_failures: 1, initial_break: 1h, max_break: 1h}}
monitoring: {{health_check_endpoint: 'http://{host}:0/health'}}
health: {{{health}}}"
        )
    };
    let error = builder(&text("", "0.0.0.0")).build_blocking().unwrap_err().to_string();
    assert!(error.contains("0.0.0.0"), "{error}");
    assert!(builder(&text("public: true", "0.0.0.0")).build_blocking().is_ok());
    for (is_required, status) in [(false, 200), (true, 503)] {
        let text = text(&format!("endpoints_required: {is_required}"), "127.0.0.1");
        let client = builder(&text).build_blocking().unwrap();
        let address = client.monitoring_address().unwrap();
        spans(&client, 1);
        client.flush_blocking(Duration::ZERO);
        wait_until("the breaker is seen", || get(address, "/ready").body.contains("the circuit breaker is open"));
        assert_eq!(get(address, "/ready").status, status);
    }
}
