//! A pipeline to an exporter, and records for it.

use std::sync::Arc;

use otlp_batch::{BatchExporter, Intake, Pipeline};
use otlp_core::{
    KeyValue, Signal, SpanId, TraceId,
    data::{LogData, MetricData, MetricPoints, Number, NumberPoint, Resource, Scope, Severity, SpanData},
    wire::encode,
};

pub(crate) fn pipeline(exporter: impl BatchExporter + 'static) -> Pipeline {
    let resource = Resource { attributes: vec![KeyValue::new("service.name", "shop")].into(), ..Resource::default() };
    Pipeline::builder(resource).destination(Arc::new(exporter)).start().unwrap()
}

fn append(intake: &Intake, signal: Signal, items: u32, content: &[u8]) {
    let scope = intake.scope(&Scope { name: "cart".into(), ..Scope::default() });
    intake.append(signal, &scope, items, encode::bytes_len(2, content.len()), |out| encode::put_bytes(out, 2, content));
}

/// A span of this name.
pub(crate) fn span(intake: &Intake, name: &str) {
    span_of(intake, 1, name);
}

/// A span of this name, in a trace whose id has this byte sixteen times.
pub(crate) fn span_of(intake: &Intake, trace: u8, name: &str) {
    let span = SpanData {
        trace_id: TraceId::from_bytes([trace; 16]),
        span_id: SpanId::from_bytes([2; 8]),
        name: name.into(),
        start_time: 1_000_000,
        end_time: 3_000_000,
        attributes: vec![KeyValue::new("items", 3)].into(),
        ..SpanData::default()
    };
    let mut content = Vec::new();
    encode::span(&span, &mut content);
    append(intake, Signal::Traces, 1, &content);
}

/// A log record with this body.
pub(crate) fn log(intake: &Intake, body: &str) {
    let log = LogData { severity: Severity::Warn, body: body.into(), ..LogData::default() };
    let mut content = Vec::new();
    encode::log(&log, &mut content);
    append(intake, Signal::Logs, 1, &content);
}

/// A counter with two series.
pub(crate) fn metric(intake: &Intake, name: &str) {
    let point = |region: &str, value| NumberPoint {
        attributes: vec![KeyValue::new("region", region)].into(),
        value: Some(Number::I64(value)),
        ..NumberPoint::default()
    };
    let points = vec![point("eu", 2), point("us", 5)];
    let metric = MetricData { name: name.into(), points: MetricPoints::Gauge { points }, ..MetricData::default() };
    let mut content = Vec::new();
    encode::metric(&metric, &mut content);
    append(intake, Signal::Metrics, 2, &content);
}
