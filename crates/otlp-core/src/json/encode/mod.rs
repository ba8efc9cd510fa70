//! Protobuf to JSON, by views: one pass over the bytes, one buffer that grows.

mod log;
mod metric;
mod point;
mod span;
mod value;
mod writer;

use self::writer::Object;
use crate::{
    EncodedRequest, Signal,
    data::{LogData, MetricData, SpanData},
    wire::{
        self,
        decode::DecodeError,
        view::{LogsView, MetricsView, RequestView, ResourceView, ScopeView, TracesView, View},
    },
};

/// An encoded request as OTLP JSON.
///
/// # Errors
/// If the bytes are no request of their signal.
pub fn request(request: &EncodedRequest) -> Result<Vec<u8>, DecodeError> {
    let bytes = request.to_contiguous();
    // Keys and digits make JSON about this much larger.
    let mut out = Vec::with_capacity(bytes.len() * 5 / 2);
    encode(request.signal(), &bytes, &mut out)?;
    Ok(out)
}

/// Appends the OTLP JSON of the protobuf bytes of an `Export…ServiceRequest`.
///
/// # Errors
/// If the bytes are no request of this signal. What was appended until then is taken back.
///
/// ```
/// use otlp_core::{Signal, data::SpanData, json, wire::encode};
/// let (mut request, mut text) = (Vec::new(), Vec::new());
/// encode::spans(&[SpanData { name: "GET /".into(), ..Default::default() }], &mut request);
/// json::encode(Signal::Traces, &request, &mut text)?;
/// assert_eq!(
///     text,
///     br#"{"resourceSpans":[{"resource":{},"scopeSpans":[{"scope":{},"spans":[{"name":"GET /","kind":1}]}]}]}"#
/// );
/// # Ok::<(), otlp_core::wire::decode::DecodeError>(())
/// ```
pub fn encode(signal: Signal, request: &[u8], out: &mut Vec<u8>) -> Result<(), DecodeError> {
    let start = out.len();
    let written = match signal {
        Signal::Traces => TracesView::parse(request)
            .and_then(|view| put_request(out, &view, ["resourceSpans", "scopeSpans", "spans"], span::put_span)),
        Signal::Metrics => MetricsView::parse(request).and_then(|view| {
            put_request(out, &view, ["resourceMetrics", "scopeMetrics", "metrics"], metric::put_metric)
        }),
        Signal::Logs => LogsView::parse(request)
            .and_then(|view| put_request(out, &view, ["resourceLogs", "scopeLogs", "logRecords"], log::put_log)),
    };
    if written.is_err() {
        out.truncate(start);
    }
    written
}

/// Owned spans as the OTLP JSON of one request.
///
/// # Errors
/// None for data of this crate; see [`encode()`], which it goes through.
pub fn spans(spans: &[SpanData]) -> Result<Vec<u8>, DecodeError> {
    owned(Signal::Traces, |bytes| wire::encode::spans(spans, bytes))
}

/// Owned log records as the OTLP JSON of one request.
///
/// # Errors
/// As [`spans`].
pub fn logs(logs: &[LogData]) -> Result<Vec<u8>, DecodeError> {
    owned(Signal::Logs, |bytes| wire::encode::logs(logs, bytes))
}

/// Owned metrics as the OTLP JSON of one request.
///
/// # Errors
/// As [`spans`].
pub fn metrics(metrics: &[MetricData]) -> Result<Vec<u8>, DecodeError> {
    owned(Signal::Metrics, |bytes| wire::encode::metrics(metrics, bytes))
}

/// By way of protobuf, so that there is one writer of JSON and not two that must agree.
fn owned(signal: Signal, write: impl FnOnce(&mut Vec<u8>)) -> Result<Vec<u8>, DecodeError> {
    let (mut bytes, mut out) = (Vec::new(), Vec::new());
    write(&mut bytes);
    encode(signal, &bytes, &mut out)?;
    Ok(out)
}

/// The three keys are those of the lists of resources, scopes and records.
fn put_request<'a, R: View<'a>>(
    out: &mut Vec<u8>,
    request: &RequestView<'a, R>,
    [resources, scopes, records]: [&str; 3],
    put_record: impl Fn(&mut Object<'_>, &R) -> Result<(), DecodeError>,
) -> Result<(), DecodeError> {
    let mut object = Object::begin(out);
    object.all_messages(resources, request.resources, |object, of_resource| {
        object.object("resource", |object| put_resource(object, &of_resource.resource))?;
        object.all_messages(scopes, of_resource.scopes, |object, of_scope| {
            object.object("scope", |object| put_scope(object, &of_scope.scope))?;
            object.all_messages(records, of_scope.records, &put_record)?;
            object.string("schemaUrl", of_scope.schema_url);
            Ok(())
        })?;
        object.string("schemaUrl", of_resource.schema_url);
        Ok(())
    })?;
    object.end();
    Ok(())
}

fn put_resource(object: &mut Object<'_>, resource: &ResourceView<'_>) -> Result<(), DecodeError> {
    value::put_attributes(object, "attributes", resource.attributes)?;
    object.uint32("droppedAttributesCount", resource.dropped_attributes_count);
    Ok(())
}

fn put_scope(object: &mut Object<'_>, scope: &ScopeView<'_>) -> Result<(), DecodeError> {
    object.string("name", scope.name);
    object.string("version", scope.version);
    value::put_attributes(object, "attributes", scope.attributes)?;
    object.uint32("droppedAttributesCount", scope.dropped_attributes_count);
    Ok(())
}
