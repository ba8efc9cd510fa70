//! Spans.

use super::{value::put_attributes, writer::Object};
use crate::wire::{
    decode::DecodeError,
    view::{EventView, LinkView, SpanView, StatusView},
};

pub(super) fn put_span(object: &mut Object<'_>, span: &SpanView<'_>) -> Result<(), DecodeError> {
    object.trace_id("traceId", span.trace_id);
    object.span_id("spanId", span.span_id);
    object.string("traceState", span.trace_state);
    object.span_id("parentSpanId", span.parent_span_id.unwrap_or_default());
    object.uint32("flags", span.flags);
    object.string("name", span.name);
    object.uint32("kind", span.kind as u32);
    object.uint64("startTimeUnixNano", span.start_time);
    object.uint64("endTimeUnixNano", span.end_time);
    put_attributes(object, "attributes", span.attributes)?;
    object.uint32("droppedAttributesCount", span.dropped_attributes_count);
    object.messages("events", span.events, put_event)?;
    object.uint32("droppedEventsCount", span.dropped_events_count);
    object.messages("links", span.links, put_link)?;
    object.uint32("droppedLinksCount", span.dropped_links_count);
    if span.status != StatusView::default() {
        object.object("status", |object| {
            object.string("message", span.status.message);
            object.uint32("code", span.status.code as u32);
            Ok(())
        })?;
    }
    Ok(())
}

fn put_event(object: &mut Object<'_>, event: &EventView<'_>) -> Result<(), DecodeError> {
    object.uint64("timeUnixNano", event.time);
    object.string("name", event.name);
    put_attributes(object, "attributes", event.attributes)?;
    object.uint32("droppedAttributesCount", event.dropped_attributes_count);
    Ok(())
}

fn put_link(object: &mut Object<'_>, link: &LinkView<'_>) -> Result<(), DecodeError> {
    object.trace_id("traceId", link.trace_id);
    object.span_id("spanId", link.span_id);
    object.string("traceState", link.trace_state);
    put_attributes(object, "attributes", link.attributes)?;
    object.uint32("droppedAttributesCount", link.dropped_attributes_count);
    object.uint32("flags", link.flags);
    Ok(())
}
