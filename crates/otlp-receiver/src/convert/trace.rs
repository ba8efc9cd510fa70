//! Spans.

use std::sync::Arc;

use otlp_core::data::{SpanData, SpanEvent, SpanKind, SpanLink, SpanStatus, StatusCode};

use super::{
    InvalidId,
    common::{attributes, resource, scope, span_id, trace_id},
};
use crate::message::{collector::ExportTraceServiceRequest, trace as message};

/// The spans of a request, in its order.
pub(crate) fn spans(request: ExportTraceServiceRequest) -> Result<Vec<SpanData>, InvalidId> {
    let mut spans = Vec::new();
    for group in request.resource_spans {
        let resource = Arc::new(resource(group.resource, group.schema_url));
        for scoped in group.scope_spans {
            let scope = Arc::new(scope(scoped.scope, scoped.schema_url));
            for wire in scoped.spans {
                spans.push(SpanData { resource: resource.clone(), scope: scope.clone(), ..span(wire)? });
            }
        }
    }
    Ok(spans)
}

fn span(span: message::Span) -> Result<SpanData, InvalidId> {
    let status = span.status.unwrap_or_default();
    Ok(SpanData {
        trace_id: trace_id("Span.trace_id", &span.trace_id)?.unwrap_or_default(),
        span_id: span_id("Span.span_id", &span.span_id)?.unwrap_or_default(),
        trace_state: span.trace_state,
        parent_span_id: span_id("Span.parent_span_id", &span.parent_span_id)?,
        flags: span.flags,
        name: span.name,
        kind: SpanKind::from_number(span.kind),
        start_time: span.start_time_unix_nano,
        end_time: span.end_time_unix_nano,
        attributes: attributes(span.attributes),
        dropped_attributes_count: span.dropped_attributes_count,
        events: span.events.into_iter().map(event).collect(),
        dropped_events_count: span.dropped_events_count,
        links: span.links.into_iter().map(link).collect::<Result<_, _>>()?,
        dropped_links_count: span.dropped_links_count,
        status: SpanStatus { code: StatusCode::from_number(status.code), message: status.message },
        resource: Arc::default(),
        scope: Arc::default(),
    })
}

fn event(event: message::Event) -> SpanEvent {
    SpanEvent {
        time: event.time_unix_nano,
        name: event.name,
        attributes: attributes(event.attributes),
        dropped_attributes_count: event.dropped_attributes_count,
    }
}

fn link(link: message::Link) -> Result<SpanLink, InvalidId> {
    Ok(SpanLink {
        trace_id: trace_id("Span.Link.trace_id", &link.trace_id)?.unwrap_or_default(),
        span_id: span_id("Span.Link.span_id", &link.span_id)?.unwrap_or_default(),
        trace_state: link.trace_state,
        flags: link.flags,
        attributes: attributes(link.attributes),
        dropped_attributes_count: link.dropped_attributes_count,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::trace::{ResourceSpans, ScopeSpans, Span};

    fn request(span: Span) -> ExportTraceServiceRequest {
        let scope_spans = vec![ScopeSpans { spans: vec![span], ..Default::default() }];
        ExportTraceServiceRequest { resource_spans: vec![ResourceSpans { scope_spans, ..Default::default() }] }
    }

    #[test]
    fn an_id_of_a_wrong_length_is_named() {
        let error = spans(request(Span { trace_id: vec![1; 5], ..Default::default() })).unwrap_err();
        assert_eq!(error.to_string(), "Span.trace_id takes 16 bytes or none, and there are 5");
    }

    #[test]
    fn an_absent_and_an_all_zero_parent_both_mean_a_root() {
        for parent in [vec![], vec![0; 8]] {
            let spans = spans(request(Span { parent_span_id: parent, ..Default::default() })).unwrap();
            assert_eq!(spans[0].parent_span_id, None);
        }
    }
}
