//! All signals over all transports and compressions: the Collector's files have every item, equal in every field.

use otlp_core::{Value, data::Severity};
use otlp_transport::{Compression, Protocol};
use serde_json::json;

use super::{Collector, lines};
use crate::{
    client::{DEADLINE, Kept, builder},
    telemetry::record,
};

/// Sends with each compression, one client after the other, and compares.
fn arrives(protocol: Protocol) {
    let Some(mut collector) = Collector::start("") else { return };
    let kept = Kept::default();
    for compression in [Compression::None, Compression::Gzip, Compression::Zstd] {
        let (builder, said) = builder(format!("http://{}", collector.address(protocol)));
        let client = builder
            .with_protocol(protocol)
            .with_compression(compression)
            .with_resource_attribute("compression", format!("{compression:?}"))
            .with_custom_exporter(Box::new(kept.clone()))
            .build_blocking()
            .unwrap();
        record(&client, 200);
        let report = client.shutdown_blocking(DEADLINE);
        assert!(report.complete && report.ledgers.iter().all(|one| one.lost() == 0), "{report}{:?}", said.lock());
        let ledger = &report.ledgers[0];
        let delivered = [&ledger.traces, &ledger.metrics, &ledger.logs].map(|one| one.delivered);
        assert_eq!(delivered, [600, 8, 200], "{report}");
    }
    let sent = kept.take();
    assert_eq!(sent.counts(), [1_800, 24, 600]);
    sent.assert_equals(&collector.received());
}

#[test]
fn over_grpc() {
    arrives(Protocol::Grpc);
}

#[test]
fn over_http_with_protobuf() {
    arrives(Protocol::HttpProtobuf);
}

#[test]
fn over_http_with_json() {
    arrives(Protocol::HttpJson);
}

/// Beside the comparison, which reads the files with our decoder: the very words of the Collector.
#[test]
fn what_a_span_and_a_log_record_are_in_the_words_of_the_collector() {
    let Some(mut collector) = Collector::start("") else { return };
    let (builder, _) = builder(format!("http://{}", collector.address(Protocol::Grpc)));
    let client = builder.with_grpc_transport().build_blocking().unwrap();
    let mut span = client.tracer("shop").start("pay");
    let context = span.context();
    span.set_attribute("big", i64::MAX).set_attribute("goods", Value::from(vec!["tea", "\u{7c73}"]));
    span.end();
    client.logger("shop").record(Severity::Warn).body("declined").context(&context).emit();
    assert!(client.shutdown_blocking(DEADLINE).complete);
    drop(collector.received());
    let first = |signal: &str| -> serde_json::Value {
        serde_json::from_str(&lines(collector.server.folder(), signal)[0]).unwrap()
    };
    let traces = first("traces");
    let span = &traces["resourceSpans"][0]["scopeSpans"][0]["spans"][0];
    assert_eq!(span["traceId"], context.trace_id.to_string());
    assert_eq!((&span["spanId"], &span["name"]), (&json!(context.span_id.to_string()), &json!("pay")));
    let goods = json!({"arrayValue": {"values": [{"stringValue": "tea"}, {"stringValue": "\u{7c73}"}]}});
    let attributes = json!([
        {"key": "big", "value": {"intValue": i64::MAX.to_string()}},
        {"key": "goods", "value": goods},
    ]);
    assert_eq!(span["attributes"], attributes);
    let log = &first("logs")["resourceLogs"][0]["scopeLogs"][0]["logRecords"][0];
    assert_eq!((&log["body"]["stringValue"], &log["severityNumber"]), (&json!("declined"), &json!(13)));
    assert_eq!((&log["traceId"], &log["spanId"]), (&span["traceId"], &span["spanId"]));
}
