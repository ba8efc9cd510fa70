//! How much memory a request will take once it is decoded, known before it is.
//!
//! An empty span is two bytes on the wire and hundreds in memory, so a limit on bytes of a request alone bounds
//! nothing. The estimate is an upper bound of the structures' own sizes; texts are as long as on the wire.

use std::mem::size_of;

use otlp_core::{Signal, data};

use crate::{
    count::{Malformed, next_length_delimited},
    message::{common, logs, metrics, trace},
};

/// As deep as prost decodes nested messages.
const MAX_DEPTH: u32 = 100;
/// An upper bound of what one JSON object decodes to, and of what one element of an array of numbers does.
const JSON_OBJECT: usize = 1024;
const JSON_ELEMENT: usize = 32;

/// The messages of OTLP, as far as their sizes or what is in them differ.
#[derive(Clone, Copy)]
enum Node {
    Request(Signal),
    ResourceGroup(Signal),
    ScopeGroup(Signal),
    /// A resource or a scope; the number is that of the field of its attributes.
    Owner(u64),
    Span,
    Event,
    Link,
    Log,
    Metric,
    Points(fn(u64) -> Option<Node>),
    NumberPoint,
    HistogramPoint,
    ExponentialPoint,
    SummaryPoint,
    Quantile,
    Exemplar,
    Buckets,
    KeyValue,
    AnyValue,
    /// An array or a list of key-values: its field 1.
    Values(fn() -> Node),
    /// Packed numbers, of at least one byte each on the wire.
    Numbers,
}

impl Node {
    /// What field `number` of this message is, if it is a message or numbers.
    fn child(self, number: u64) -> Option<Node> {
        let attributes = |field| (number == field).then_some(Node::KeyValue);
        match (self, number) {
            (Node::Request(signal), 1) => Some(Node::ResourceGroup(signal)),
            (Node::ResourceGroup(_), 1) => Some(Node::Owner(1)),
            (Node::ResourceGroup(signal), 2) => Some(Node::ScopeGroup(signal)),
            (Node::ScopeGroup(_), 1) => Some(Node::Owner(3)),
            (Node::ScopeGroup(Signal::Traces), 2) => Some(Node::Span),
            (Node::ScopeGroup(Signal::Logs), 2) => Some(Node::Log),
            (Node::ScopeGroup(Signal::Metrics), 2) => Some(Node::Metric),
            (Node::Owner(field), _) => attributes(field),
            (Node::Span, 11) => Some(Node::Event),
            (Node::Span, 13) => Some(Node::Link),
            (Node::Span, _) => attributes(9),
            (Node::Event, _) => attributes(3),
            (Node::Link, _) => attributes(4),
            (Node::Log, 5) => Some(Node::AnyValue),
            (Node::Log, _) => attributes(6),
            (Node::Metric, 5 | 7) => Some(Node::Points(|field| (field == 1).then_some(Node::NumberPoint))),
            (Node::Metric, 9) => Some(Node::Points(|field| (field == 1).then_some(Node::HistogramPoint))),
            (Node::Metric, 10) => Some(Node::Points(|field| (field == 1).then_some(Node::ExponentialPoint))),
            (Node::Metric, 11) => Some(Node::Points(|field| (field == 1).then_some(Node::SummaryPoint))),
            (Node::Metric, _) => attributes(12),
            (Node::Points(point), field) => point(field),
            (Node::NumberPoint, 5) | (Node::HistogramPoint, 8) | (Node::ExponentialPoint, 11) => Some(Node::Exemplar),
            (Node::NumberPoint | Node::SummaryPoint | Node::Exemplar, 7) => Some(Node::KeyValue),
            (Node::HistogramPoint, 6 | 7) | (Node::Buckets, 2) => Some(Node::Numbers),
            (Node::HistogramPoint, _) => attributes(9),
            (Node::ExponentialPoint, 8 | 9) => Some(Node::Buckets),
            (Node::ExponentialPoint, _) => attributes(1),
            (Node::SummaryPoint, 6) => Some(Node::Quantile),
            (Node::KeyValue, 2) => Some(Node::AnyValue),
            (Node::AnyValue, 5) => Some(Node::Values(|| Node::AnyValue)),
            (Node::AnyValue, 6) => Some(Node::Values(|| Node::KeyValue)),
            (Node::Values(element), 1) => Some(element()),
            _ => None,
        }
    }

    /// What it takes by itself: as the derived message, and as owned data.
    fn bytes(self, content: usize) -> usize {
        match self {
            Node::Request(_) | Node::Points(_) | Node::Values(_) => 0,
            // The others are never as large: groups, owners and the vectors within.
            Node::ResourceGroup(_) | Node::ScopeGroup(_) | Node::Owner(_) => 256,
            Node::Span => size_of::<trace::Span>() + size_of::<data::SpanData>(),
            Node::Event => size_of::<trace::Event>() + size_of::<data::SpanEvent>(),
            Node::Link => size_of::<trace::Link>() + size_of::<data::SpanLink>(),
            Node::Log => size_of::<logs::LogRecord>() + size_of::<data::LogData>(),
            Node::Metric => size_of::<metrics::Metric>() + size_of::<data::MetricData>(),
            Node::NumberPoint => size_of::<metrics::NumberDataPoint>() + size_of::<data::NumberPoint>(),
            Node::HistogramPoint => size_of::<metrics::HistogramDataPoint>() + size_of::<data::HistogramPoint>(),
            Node::ExponentialPoint => {
                size_of::<metrics::ExponentialHistogramDataPoint>() + size_of::<data::ExponentialHistogramPoint>()
            }
            Node::SummaryPoint => size_of::<metrics::SummaryDataPoint>() + size_of::<data::SummaryPoint>(),
            Node::Quantile => size_of::<metrics::ValueAtQuantile>() + size_of::<data::QuantileValue>(),
            Node::Exemplar => size_of::<metrics::Exemplar>() + size_of::<data::Exemplar>(),
            Node::Buckets => size_of::<metrics::Buckets>(),
            Node::KeyValue => size_of::<common::KeyValue>() + size_of::<otlp_core::KeyValue>(),
            Node::AnyValue => size_of::<common::AnyValue>() + size_of::<otlp_core::Value>(),
            Node::Numbers => content * size_of::<u64>(),
        }
    }
}

/// About how many bytes the decoded request takes beside its texts.
pub(crate) fn protobuf(signal: Signal, request: &[u8]) -> Result<usize, Malformed> {
    weigh(Node::Request(signal), request, MAX_DEPTH)
}

fn weigh(node: Node, mut content: &[u8], depth: u32) -> Result<usize, Malformed> {
    let mut bytes = node.bytes(content.len());
    if matches!(node, Node::Numbers) {
        return Ok(bytes);
    }
    let Some(depth) = depth.checked_sub(1) else { return Err(Malformed) };
    while let Some((number, field)) = next_length_delimited(&mut content)? {
        if let Some(child) = node.child(number) {
            bytes += weigh(child, field, depth)?;
        }
    }
    Ok(bytes)
}

/// About how many bytes the decoded request takes beside its texts. Braces and commas within texts count as well: an
/// upper bound is wanted.
pub(crate) fn json(request: &[u8]) -> usize {
    let of = |byte| match byte {
        b'{' => JSON_OBJECT,
        b',' | b'[' => JSON_ELEMENT,
        _ => 0,
    };
    request.iter().copied().map(of).sum()
}

#[cfg(test)]
mod tests {
    use prost::Message;

    use super::*;
    use crate::message::collector::ExportTraceServiceRequest;

    #[test]
    fn two_bytes_of_an_empty_span_or_attribute_weigh_what_they_take_in_memory() {
        let request = |span: trace::Span, spans| {
            let scope_spans = vec![trace::ScopeSpans { spans: vec![span; spans], ..Default::default() }];
            let group = trace::ResourceSpans { scope_spans, ..Default::default() };
            ExportTraceServiceRequest { resource_spans: vec![group] }.encode_to_vec()
        };
        let spans = protobuf(Signal::Traces, &request(trace::Span::default(), 1000)).unwrap();
        assert!(spans >= 1000 * size_of::<data::SpanData>(), "{spans}");

        let attributes = vec![common::KeyValue::default(); 1000];
        let one = protobuf(Signal::Traces, &request(trace::Span { attributes, ..Default::default() }, 1)).unwrap();
        assert!(one >= 1000 * size_of::<otlp_core::KeyValue>(), "{one}");
    }

    #[test]
    fn values_nested_too_deep_are_refused_without_recursion_to_their_end() {
        let mut value = common::AnyValue::default();
        for _ in 0..200 {
            let array = common::ArrayValue { values: vec![value] };
            value = common::AnyValue { value: Some(common::any_value::Value::Array(array)) };
        }
        let record = logs::LogRecord { body: Some(value), ..Default::default() };
        let scope_logs = vec![logs::ScopeLogs { log_records: vec![record], ..Default::default() }];
        let group = logs::ResourceLogs { scope_logs, ..Default::default() };
        let request = crate::message::collector::ExportLogsServiceRequest { resource_logs: vec![group] };
        assert_eq!(protobuf(Signal::Logs, &request.encode_to_vec()), Err(Malformed));
    }
}
