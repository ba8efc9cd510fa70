//! Trees of spans, encoded by hand.

use std::ops::Range;

use super::{Chunks, Producer, now, wire};
use crate::{
    Failure,
    content::{
        CACHED_KEY, CHILDREN_PER_TREE, EVENT_NAME, EVENT_SIZE_KEY, EVENT_TEXT, SIZE_KEY, SPAN_CONSTANTS, SPAN_NAME,
        SPAN_TEXTS, STATUS_KEY, TOTAL_KEY, numbers,
    },
    stopwatch::Stopwatch,
};

pub(super) struct Spans {
    pub(super) chunks: Chunks,
}

impl Producer for Spans {
    fn produce(&mut self, indices: Range<u64>, stopwatch: &mut Stopwatch) {
        for index in indices {
            tree(&mut self.chunks.open, index, stopwatch);
            self.chunks.close_if_full();
        }
    }

    fn flush(&mut self) -> Result<(), Failure> {
        self.chunks.flush()
    }
}

/// Appends a tree.
pub(super) fn tree(out: &mut Vec<u8>, index: u64, stopwatch: &mut Stopwatch) {
    let trace_id = fastrand::u128(1..).to_be_bytes();
    let root_id = fastrand::u64(1..).to_be_bytes();
    let root_start = now();
    for child in 0..CHILDREN_PER_TREE {
        let started = stopwatch.start();
        let id = fastrand::u64(1..).to_be_bytes();
        span(out, &trace_id, &id, Some(&root_id), now(), index + child);
        stopwatch.stop(started);
    }
    span(out, &trace_id, &root_id, None, root_start, index);
}

/// Appends a span that ends now.
#[inline]
fn span(out: &mut Vec<u8>, trace_id: &[u8; 16], id: &[u8; 8], parent: Option<&[u8; 8]>, start: u64, index: u64) {
    let (status, size, total, cached) = numbers(index);
    wire::nested::<2>(out, 0x12, |out| {
        wire::bytes(out, 0x0a, trace_id);
        wire::bytes(out, 0x12, id);
        if let Some(parent) = parent {
            wire::bytes(out, 0x22, parent);
        }
        wire::bytes(out, 0x2a, SPAN_NAME.as_bytes());
        wire::uint(out, 0x30, 3);
        wire::fixed64(out, 0x39, start);
        for (key, value) in SPAN_CONSTANTS.into_iter().chain(SPAN_TEXTS) {
            wire::text_attribute(out, 0x4a, key, value);
        }
        wire::int_attribute(out, 0x4a, STATUS_KEY, status);
        wire::int_attribute(out, 0x4a, SIZE_KEY, size);
        wire::float_attribute(out, 0x4a, TOTAL_KEY, total);
        wire::bool_attribute(out, 0x4a, CACHED_KEY, cached);
        wire::nested::<1>(out, 0x5a, |out| {
            wire::fixed64(out, 0x09, now());
            wire::bytes(out, 0x12, EVENT_NAME.as_bytes());
            wire::text_attribute(out, 0x1a, EVENT_TEXT.0, EVENT_TEXT.1);
            wire::int_attribute(out, 0x1a, EVENT_SIZE_KEY, size);
        });
        wire::fixed64(out, 0x41, now());
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use opentelemetry_proto::tonic::{collector::trace::v1::ExportTraceServiceRequest, common::v1::any_value::Value};
    use prost::Message;

    #[test]
    fn the_official_types_read_what_was_put_in() {
        let (request, count) = crate::subject::encoded_spans(1);
        let mut request = ExportTraceServiceRequest::decode(request).unwrap();
        let mut resource = request.resource_spans.pop().unwrap();
        assert_eq!(resource.resource.unwrap().attributes[0].key, "service.name");
        let scope = resource.scope_spans.pop().unwrap();
        assert_eq!(scope.scope.unwrap().name, crate::content::SCOPE);
        assert_eq!((scope.spans.len() as u64, count), (10, 10));

        let (child, root) = (&scope.spans[1], &scope.spans[9]);
        assert_eq!((&child.trace_id, &child.parent_span_id), (&root.trace_id, &root.span_id));
        assert_eq!(root.parent_span_id.len(), 0);
        assert!(root.start_time_unix_nano <= child.start_time_unix_nano);
        assert!(child.end_time_unix_nano <= root.end_time_unix_nano);
        assert_eq!((child.name.as_str(), child.kind), (SPAN_NAME, 3));
        let values: Vec<_> = child.attributes.iter().map(|pair| pair.value.clone().unwrap().value.unwrap()).collect();
        let text = |pair: (&str, &str)| Value::StringValue(pair.1.into());
        assert_eq!(values[..2], SPAN_CONSTANTS.map(text));
        assert_eq!(values[2..4], SPAN_TEXTS.map(text));
        assert_eq!(values[4], Value::IntValue(200));
        assert_eq!(values[5], Value::IntValue(1_001));
        assert_eq!(values[6], Value::DoubleValue(19.99));
        assert_eq!(values[7], Value::BoolValue(false));
        assert_eq!(child.events[0].name, EVENT_NAME);
        assert_eq!(child.events[0].attributes.len(), 2);
    }
}
