//! Owned spans (OTLP trace protocol, message `Span`).

use super::{
    owned::{put_attributes, put_message, put_nonzero_fixed64, put_span_id, put_trace_id},
    put_fixed32, put_string, put_uint,
};
use crate::data::{SpanData, SpanEvent, SpanLink, SpanStatus};

/// Appends the content of a `Span` message.
pub fn span(span: &SpanData, out: &mut Vec<u8>) {
    put_trace_id(out, 1, span.trace_id);
    put_span_id(out, 2, span.span_id);
    put_string(out, 3, &span.trace_state);
    put_span_id(out, 4, span.parent_span_id.unwrap_or_default());
    put_string(out, 5, &span.name);
    put_uint(out, 6, span.kind as u64);
    put_nonzero_fixed64(out, 7, span.start_time);
    put_nonzero_fixed64(out, 8, span.end_time);
    put_attributes(out, 9, &span.attributes);
    put_uint(out, 10, span.dropped_attributes_count.into());
    for entry in &span.events {
        put_message(out, 11, |out| event(entry, out));
    }
    put_uint(out, 12, span.dropped_events_count.into());
    for entry in &span.links {
        put_message(out, 13, |out| link(entry, out));
    }
    put_uint(out, 14, span.dropped_links_count.into());
    if span.status != SpanStatus::default() {
        put_message(out, 15, |out| status(&span.status, out));
    }
    put_fixed32(out, 16, span.flags);
}

fn event(event: &SpanEvent, out: &mut Vec<u8>) {
    put_nonzero_fixed64(out, 1, event.time);
    put_string(out, 2, &event.name);
    put_attributes(out, 3, &event.attributes);
    put_uint(out, 4, event.dropped_attributes_count.into());
}

fn link(link: &SpanLink, out: &mut Vec<u8>) {
    put_trace_id(out, 1, link.trace_id);
    put_span_id(out, 2, link.span_id);
    put_string(out, 3, &link.trace_state);
    put_attributes(out, 4, &link.attributes);
    put_uint(out, 5, link.dropped_attributes_count.into());
    put_fixed32(out, 6, link.flags);
}

fn status(status: &SpanStatus, out: &mut Vec<u8>) {
    put_string(out, 2, &status.message);
    put_uint(out, 3, status.code as u64);
}
