//! Records that nobody should make: too large, too many, empty.

use otlp_core::data::Severity;
use otlp_core::{Signal, Value};

use crate::setup::{DEADLINE, client, receiver};

#[test]
fn a_200_mb_attribute_costs_the_attribute_and_not_the_span() {
    let receiver = receiver();
    let client = client(&receiver);
    let huge = "x".repeat(200 << 20);
    let mut span = client.tracer("test").start("huge");
    span.set_attribute("small", 1).set_attribute("huge", huge.as_str());
    span.end();
    client.logger("test").record(Severity::Info).body("huge").attribute("huge", huge.as_str()).emit();
    client.meter("test").u64_counter("huge").init().add(1, &[("huge", huge.as_str())]);
    let report = client.shutdown_blocking(DEADLINE);
    assert!(report.ledgers[0].balances() && report.ledgers[0].pending() == 0, "{report}");
    let span = &receiver.store().spans_named("huge")[0];
    assert_eq!((span.attributes.len(), span.dropped_attributes_count), (1, 1));
    let log = &receiver.store().logs()[0];
    assert_eq!((log.attributes.len(), log.dropped_attributes_count), (0, 1));
}

#[test]
fn a_million_attributes_are_counted_beyond_the_limit() {
    let receiver = receiver();
    let client = client(&receiver);
    let mut span = client.tracer("test").start("many");
    for number in 0..1_000_000 {
        span.set_attribute(format!("key {number}"), number);
    }
    span.end();
    client.shutdown_blocking(DEADLINE);
    let span = &receiver.store().spans_named("many")[0];
    assert_eq!((span.attributes.len(), span.dropped_attributes_count), (128, 1_000_000 - 128));
}

#[test]
fn empty_names_arrive_empty() {
    let receiver = receiver();
    let client = client(&receiver);
    let mut span = client.tracer("").start("");
    span.set_attribute("", "");
    span.add_event("", ());
    span.end();
    client.logger("").record(Severity::Unspecified).body("").emit();
    client.meter("").u64_counter("").init().add(1, &[("", "")]);
    let report = client.shutdown_blocking(DEADLINE);
    assert!(report.ledgers[0].balances() && report.ledgers[0].pending() == 0, "{report}");
    assert_eq!(receiver.store().count(Signal::Traces), 1);
    let span = &receiver.store().spans()[0];
    assert_eq!((span.name.as_str(), span.events.len(), span.scope.name.as_str()), ("", 1, ""));
    assert_eq!(receiver.store().logs()[0].body, Value::String(String::new()));
}
