//! Requests of the official message types, so that the receiver's own are checked by them.

use opentelemetry_proto::tonic::{
    collector::{
        logs::v1::ExportLogsServiceRequest, metrics::v1::ExportMetricsServiceRequest,
        trace::v1::ExportTraceServiceRequest,
    },
    common::v1::{AnyValue, ArrayValue, InstrumentationScope, KeyValue, KeyValueList, any_value::Value},
    logs::v1::{LogRecord, ResourceLogs, ScopeLogs},
    metrics::v1::{Gauge, Metric, NumberDataPoint, ResourceMetrics, ScopeMetrics, metric, number_data_point},
    resource::v1::Resource,
    trace::v1::{ResourceSpans, ScopeSpans, Span, Status, span},
};
use otlp_core::Signal;
use prost::Message;

pub(crate) fn value(value: Value) -> AnyValue {
    AnyValue { value: Some(value) }
}

pub(crate) fn key_value(key: &str, of: Value) -> KeyValue {
    KeyValue { key: key.into(), value: Some(value(of)), ..KeyValue::default() }
}

pub(crate) fn text(key: &str, of: &str) -> KeyValue {
    key_value(key, Value::StringValue(of.into()))
}

pub(crate) fn resource(service: &str) -> Option<Resource> {
    Some(Resource { attributes: vec![text("service.name", service)], ..Resource::default() })
}

/// A span whose ids follow from `number`.
pub(crate) fn span(number: u64) -> Span {
    Span {
        trace_id: [[0; 8], (number / 10 + 1).to_be_bytes()].concat(),
        span_id: (number + 1).to_be_bytes().to_vec(),
        name: format!("span {number}"),
        kind: 2,
        start_time_unix_nano: 1_000 + number,
        end_time_unix_nano: 2_000 + number,
        ..Span::default()
    }
}

pub(crate) fn traces(spans: Vec<Span>) -> Vec<u8> {
    let scope = Some(InstrumentationScope { name: "scope".into(), version: "1.2".into(), ..Default::default() });
    let scope_spans = vec![ScopeSpans { scope, spans, schema_url: String::new() }];
    let group = ResourceSpans { resource: resource("checkout"), scope_spans, schema_url: "https://schema".into() };
    ExportTraceServiceRequest { resource_spans: vec![group] }.encode_to_vec()
}

pub(crate) fn logs(records: Vec<LogRecord>) -> Vec<u8> {
    let scope_logs = vec![ScopeLogs { log_records: records, ..ScopeLogs::default() }];
    let group = ResourceLogs { resource: resource("checkout"), scope_logs, schema_url: String::new() };
    ExportLogsServiceRequest { resource_logs: vec![group] }.encode_to_vec()
}

/// A log record with a uid of `number`.
pub(crate) fn log(number: u64) -> LogRecord {
    LogRecord {
        time_unix_nano: number,
        severity_number: 9,
        body: Some(value(Value::StringValue(format!("record {number}")))),
        attributes: vec![text("log.record.uid", &number.to_string())],
        ..LogRecord::default()
    }
}

pub(crate) fn metrics(metrics: Vec<Metric>) -> Vec<u8> {
    let scope_metrics = vec![ScopeMetrics { metrics, ..ScopeMetrics::default() }];
    let group = ResourceMetrics { resource: resource("checkout"), scope_metrics, schema_url: String::new() };
    ExportMetricsServiceRequest { resource_metrics: vec![group] }.encode_to_vec()
}

/// A gauge of so many points, each a series and a time of its own.
pub(crate) fn gauge(name: &str, points: u64) -> Metric {
    let point = |number: u64| NumberDataPoint {
        time_unix_nano: number,
        attributes: vec![key_value("series", Value::IntValue(number as i64))],
        value: Some(number_data_point::Value::AsInt(number as i64)),
        ..NumberDataPoint::default()
    };
    let data = metric::Data::Gauge(Gauge { data_points: (0..points).map(point).collect() });
    Metric { name: name.into(), unit: "By".into(), data: Some(data), ..Metric::default() }
}

/// A request of `items` items, numbered from `first`.
pub(crate) fn request(signal: Signal, first: u64, items: u64) -> Vec<u8> {
    match signal {
        Signal::Traces => traces((first..first + items).map(span).collect()),
        Signal::Metrics => metrics(vec![gauge(&format!("metric {first}"), items)]),
        Signal::Logs => logs((first..first + items).map(log).collect()),
    }
}

/// The same in JSON, written by hand.
pub(crate) fn json(signal: Signal, items: u64) -> Vec<u8> {
    let resource = r#""resource":{"attributes":[{"key":"service.name","value":{"stringValue":"checkout"}}]}"#;
    let joined = |item: &dyn Fn(u64) -> String| (0..items).map(item).collect::<Vec<_>>().join(",");
    let body = match signal {
        Signal::Traces => {
            let span = |number| {
                format!(
                    r#"{{"traceId":"{:032x}","spanId":"{:016x}","name":"span {number}","kind":2,"startTimeUnixNano":"1000","endTimeUnixNano":"2000"}}"#,
                    number / 10 + 1,
                    number + 1
                )
            };
            format!(r#"{{"resourceSpans":[{{{resource},"scopeSpans":[{{"spans":[{}]}}]}}]}}"#, joined(&span))
        }
        Signal::Metrics => {
            let point = |number| format!(r#"{{"timeUnixNano":"{number}","asInt":"{number}"}}"#);
            format!(
                r#"{{"resourceMetrics":[{{{resource},"scopeMetrics":[{{"metrics":[{{"name":"m","gauge":{{"dataPoints":[{}]}}}}]}}]}}]}}"#,
                joined(&point)
            )
        }
        Signal::Logs => {
            let record =
                |number| format!(r#"{{"timeUnixNano":"{number}","body":{{"stringValue":"record {number}"}}}}"#);
            format!(r#"{{"resourceLogs":[{{{resource},"scopeLogs":[{{"logRecords":[{}]}}]}}]}}"#, joined(&record))
        }
    };
    body.into_bytes()
}

/// A span with everything in it.
pub(crate) fn full_span() -> Span {
    let array =
        Value::ArrayValue(ArrayValue { values: vec![value(Value::IntValue(1)), value(Value::BoolValue(true))] });
    let map = Value::KvlistValue(KeyValueList { values: vec![text("inner", "x")] });
    Span {
        parent_span_id: vec![9; 8],
        trace_state: "a=b".into(),
        flags: 0x301,
        attributes: vec![
            key_value("double", Value::DoubleValue(1.5)),
            key_value("bytes", Value::BytesValue(vec![1, 2])),
            key_value("array", array),
            key_value("map", map),
        ],
        dropped_attributes_count: 1,
        events: vec![span::Event { time_unix_nano: 5, name: "event".into(), ..Default::default() }],
        dropped_events_count: 2,
        links: vec![span::Link { trace_id: vec![7; 16], span_id: vec![8; 8], flags: 1, ..Default::default() }],
        dropped_links_count: 3,
        status: Some(Status { message: "broke".into(), code: 2 }),
        ..span(0)
    }
}
