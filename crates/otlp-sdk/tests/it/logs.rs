//! What a log record carries.

use std::{
    collections::HashMap,
    time::{Duration, UNIX_EPOCH},
};

use opentelemetry_proto::tonic::common::v1::any_value::Value as Official;
use otlp_core::{TraceContext, data::Severity};
use otlp_sdk::logs::{LogConfig, LogLimits};

use crate::collected::{Collected, int, of, pair, string};

#[test]
fn a_record_has_its_scope_severity_times_body_and_attributes() {
    let collected = Collected::new();
    let logger = collected.logs(LogConfig::default()).logger_builder("shop").version("1.2").build();
    let before = collected.clock.now().unix_nanos;
    logger
        .record(Severity::Warn)
        .body("card declined")
        .attribute("attempt", 2)
        .attributes([("attempt", 3), ("limit", 5)])
        .event_name("payment.declined")
        .emit();
    let resource = collected.resource_logs().remove(0);
    let scope = resource.scope_logs[0].scope.as_ref().unwrap();
    assert_eq!((scope.name.as_str(), scope.version.as_str()), ("shop", "1.2"));
    let record = &resource.scope_logs[0].log_records[0];
    assert_eq!((record.severity_number, record.severity_text.as_str()), (13, "WARN"));
    assert_eq!(record.body, Some(string("card declined")));
    assert_eq!(record.attributes, [pair("attempt", int(3)), pair("limit", int(5))]);
    assert_eq!(record.event_name, "payment.declined");
    assert!(before <= record.time_unix_nano);
    assert_eq!(record.time_unix_nano, record.observed_time_unix_nano);
    assert!(record.trace_id.is_empty() && record.span_id.is_empty() && record.flags == 0);
    assert_eq!(record.dropped_attributes_count, 0);
}

#[test]
fn times_and_severity_text_can_be_given() {
    let collected = Collected::new();
    let logger = collected.logs(LogConfig::default()).logger("given");
    let at = |seconds| UNIX_EPOCH + Duration::from_secs(seconds);
    let record = logger.record(Severity::Unspecified).severity_text("NOTICE");
    record.timestamp(at(1)).observed_timestamp(at(2)).emit();
    let record = collected.log_record();
    assert_eq!((record.severity_number, record.severity_text.as_str()), (0, "NOTICE"));
    assert_eq!((record.time_unix_nano, record.observed_time_unix_nano), (1_000_000_000, 2_000_000_000));
    assert_eq!(record.body, None);
}

#[test]
fn a_record_belongs_to_the_active_span_unless_told_otherwise() {
    let collected = Collected::new();
    let logger = collected.logs(LogConfig::default()).logger("related");
    let tracer = collected.tracer();
    let (active, other) = (tracer.start("active"), tracer.start("other"));
    let _active = active.enter();
    logger.info("active");
    logger.record(Severity::Info).context(&other.context()).emit();
    logger.record(Severity::Info).context(&TraceContext::default()).emit();
    let records = collected.log_records();
    for (record, span) in records.iter().zip([&active, &other]) {
        assert_eq!(record.trace_id, span.context().trace_id.to_bytes());
        assert_eq!(record.span_id, span.context().span_id.to_bytes());
        assert_eq!(record.flags, 3);
    }
    assert!(records[2].trace_id.is_empty() && records[2].span_id.is_empty());
}

#[test]
fn a_body_of_any_type_arrives_and_the_last_one_counts() {
    let collected = Collected::new();
    let logger = collected.logs(LogConfig::default()).logger("bodies");
    logger.record(Severity::Info).body("first").body(HashMap::from([("k", 1)])).emit();
    logger.error(1.5);
    logger.debug(vec![1u8, 2]);
    logger.fatal("");
    logger.trace(true);
    let bodies: Vec<_> =
        collected.log_records().into_iter().map(|record| record.body.unwrap().value.unwrap()).collect();
    assert!(matches!(&bodies[0], Official::KvlistValue(list) if list.values == [pair("k", int(1))]));
    assert_eq!(
        bodies[1..],
        [
            Official::DoubleValue(1.5),
            Official::BytesValue(vec![1, 2]),
            Official::StringValue(String::new()),
            Official::BoolValue(true)
        ]
    );
}

#[test]
fn limits_and_the_minimum_severity_act() {
    let collected = Collected::new();
    let limits = LogLimits { attribute_count: 2, value_length: Some(3) };
    let logger = collected
        .logs(LogConfig { limits, minimum_severity: Severity::Warn, ..LogConfig::default() })
        .logger("limited");
    assert!(!logger.is_enabled(Severity::Info) && logger.is_enabled(Severity::Unspecified));
    logger.info("below");
    logger.record(Severity::Debug).attribute("a", 1).body("below").emit();
    drop(logger.record(Severity::Error).body("never emitted"));
    logger.record(Severity::Warn).body("whole").attributes([("a", "long"), ("b", "x"), ("c", "y"), ("a", "z")]).emit();
    let record = collected.log_record();
    assert_eq!(record.body, Some(of(Official::StringValue("whole".into()))));
    assert_eq!(record.attributes, [pair("a", string("z")), pair("b", string("x"))]);
    assert_eq!(record.dropped_attributes_count, 1);
}
