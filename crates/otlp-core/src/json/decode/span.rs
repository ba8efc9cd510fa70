//! Spans.

use std::sync::Arc;

use super::{error::JsonError, object::Object, value::attributes};
use crate::data::{Resource, Scope, SpanData, SpanEvent, SpanKind, SpanLink, SpanStatus, StatusCode};

const KINDS: &[(&str, i32)] =
    &[("UNSPECIFIED", 0), ("INTERNAL", 1), ("SERVER", 2), ("CLIENT", 3), ("PRODUCER", 4), ("CONSUMER", 5)];
const STATUS_CODES: &[(&str, i32)] = &[("UNSET", 0), ("OK", 1), ("ERROR", 2)];

pub(super) fn span(
    object: &mut Object<'_, '_>,
    resource: &Arc<Resource>,
    scope: &Arc<Scope>,
) -> Result<SpanData, JsonError> {
    Ok(SpanData {
        trace_id: object.trace_id("traceId")?,
        span_id: object.span_id("spanId")?,
        trace_state: object.string("traceState")?,
        parent_span_id: object.valid_span_id("parentSpanId")?,
        flags: object.uint32("flags")?,
        name: object.string("name")?,
        kind: SpanKind::from_number(object.enumeration("kind", "SPAN_KIND_", KINDS)?),
        start_time: object.uint64("startTimeUnixNano")?,
        end_time: object.uint64("endTimeUnixNano")?,
        attributes: attributes(object, "attributes")?,
        dropped_attributes_count: object.uint32("droppedAttributesCount")?,
        events: object.objects("events", event)?,
        dropped_events_count: object.uint32("droppedEventsCount")?,
        links: object.objects("links", link)?,
        dropped_links_count: object.uint32("droppedLinksCount")?,
        status: object.nested("status", status)?,
        resource: resource.clone(),
        scope: scope.clone(),
    })
}

fn event(object: &mut Object<'_, '_>) -> Result<SpanEvent, JsonError> {
    Ok(SpanEvent {
        time: object.uint64("timeUnixNano")?,
        name: object.string("name")?,
        attributes: attributes(object, "attributes")?,
        dropped_attributes_count: object.uint32("droppedAttributesCount")?,
    })
}

fn link(object: &mut Object<'_, '_>) -> Result<SpanLink, JsonError> {
    Ok(SpanLink {
        trace_id: object.trace_id("traceId")?,
        span_id: object.span_id("spanId")?,
        trace_state: object.string("traceState")?,
        flags: object.uint32("flags")?,
        attributes: attributes(object, "attributes")?,
        dropped_attributes_count: object.uint32("droppedAttributesCount")?,
    })
}

fn status(object: &mut Object<'_, '_>) -> Result<SpanStatus, JsonError> {
    Ok(SpanStatus {
        code: StatusCode::from_number(object.enumeration("code", "STATUS_CODE_", STATUS_CODES)?),
        message: object.string("message")?,
    })
}
