//! A trace as an indented tree.

use std::{
    collections::{HashMap, HashSet},
    fmt::Write as _,
    sync::Arc,
};

use super::topology::Service;
use otlp::{
    SpanId, TraceId,
    data::{SpanData, SpanKind, StatusCode},
};

/// The latest trace that is there in full: begun at the gateway, through all services, no parent missing.
pub(crate) fn complete_trace(spans: &[Arc<SpanData>]) -> Option<Vec<Arc<SpanData>>> {
    let mut traces: HashMap<TraceId, Vec<Arc<SpanData>>> = HashMap::new();
    for span in spans {
        traces.entry(span.trace_id).or_default().push(Arc::clone(span));
    }
    let complete = traces.into_values().filter(|spans| is_complete(spans));
    complete.max_by_key(|spans| spans.iter().map(|span| span.start_time).min())
}

fn is_complete(spans: &[Arc<SpanData>]) -> bool {
    let ids: HashSet<SpanId> = spans.iter().map(|span| span.span_id).collect();
    let services: HashSet<&str> = spans.iter().filter_map(|span| span.resource.service_name()).collect();
    spans.iter().all(|span| span.parent_span_id.is_none_or(|parent| ids.contains(&parent)))
        && Service::ALL.iter().all(|service| services.contains(service.name()))
}

/// The spans of other traces that link to this one.
pub(crate) fn linked_to(spans: &[Arc<SpanData>], trace: TraceId) -> Vec<Arc<SpanData>> {
    let is_linked =
        |span: &&Arc<SpanData>| span.trace_id != trace && span.links.iter().any(|link| link.trace_id == trace);
    spans.iter().filter(is_linked).cloned().collect()
}

/// The spans as lines: name, service, duration; children below their parent, in the order of their start. A span whose
/// parent is not among them stands at the left.
pub(crate) fn render(spans: &[Arc<SpanData>]) -> String {
    let ids: HashSet<SpanId> = spans.iter().map(|span| span.span_id).collect();
    let mut seen = HashSet::new();
    let mut children: HashMap<Option<SpanId>, Vec<&SpanData>> = HashMap::new();
    // A span that arrived twice is one span.
    for span in spans.iter().filter(|span| seen.insert(span.span_id)) {
        children.entry(span.parent_span_id.filter(|parent| ids.contains(parent))).or_default().push(span);
    }
    children.values_mut().for_each(|siblings| siblings.sort_by_key(|span| (span.start_time, span.span_id)));

    let mut lines = Vec::new();
    let mut next: Vec<(&SpanData, usize)> = Vec::new();
    let mut push = |next: &mut Vec<_>, parent, depth| {
        // Each list is taken once, so that ids in a circle end too.
        next.extend(children.remove(&parent).unwrap_or_default().into_iter().rev().map(|span| (span, depth)));
    };
    push(&mut next, None, 0);
    while let Some((span, depth)) = next.pop() {
        lines.push((span, format!("{}{}{}", "  ".repeat(depth), span.name, kind(span.kind))));
        push(&mut next, Some(span.span_id), depth + 1);
    }

    let width = lines.iter().map(|(_, name)| name.chars().count()).max().unwrap_or_default();
    let mut text = String::new();
    for (span, name) in lines {
        let service = span.resource.service_name().unwrap_or("unknown");
        let milliseconds = span.end_time.saturating_sub(span.start_time) as f64 / 1e6;
        // Writing to a string never fails.
        let _ = write!(text, "{name:width$}  {service:12} {milliseconds:8.1} ms");
        if span.status.code == StatusCode::Error {
            let _ = write!(text, "  error {}", span.status.message);
        }
        for event in &span.events {
            let _ = write!(text, "  [{}]", event.name);
        }
        text.truncate(text.trim_end().len());
        text.push('\n');
    }
    text
}

const fn kind(kind: SpanKind) -> &'static str {
    match kind {
        SpanKind::Client => " (client)",
        SpanKind::Producer => " (producer)",
        SpanKind::Consumer => " (consumer)",
        SpanKind::Server | SpanKind::Internal | SpanKind::Unspecified => "",
    }
}

#[cfg(test)]
mod tests {
    use otlp::data::Resource;

    use super::*;

    fn span(id: u8, parent: Option<u8>, name: &str, service: &str, start: u64) -> Arc<SpanData> {
        let mut resource = Resource::default();
        resource.attributes.set("service.name", service.to_owned());
        Arc::new(SpanData {
            span_id: SpanId::from_bytes([id; 8]),
            parent_span_id: parent.map(|parent| SpanId::from_bytes([parent; 8])),
            name: name.to_owned(),
            start_time: start,
            end_time: start + 1_500_000,
            resource: Arc::new(resource),
            ..SpanData::default()
        })
    }

    #[test]
    fn children_stand_below_their_parent_in_the_order_of_their_start() {
        let spans = [
            span(3, Some(1), "late", "user", 30),
            span(2, Some(1), "early", "order", 20),
            span(4, Some(2), "inner", "order", 25),
            span(1, None, "root", "api-gateway", 10),
            span(2, Some(1), "early", "order", 20),
        ];
        assert_eq!(
            render(&spans),
            "root       api-gateway       1.5 ms\n\
             \x20 early    order             1.5 ms\n\
             \x20   inner  order             1.5 ms\n\
             \x20 late     user              1.5 ms\n"
        );
    }

    #[test]
    fn orphans_stand_at_the_left_and_circles_end() {
        let orphan = render(&[span(2, Some(9), "orphan", "user", 1)]);
        assert!(orphan.starts_with("orphan  user"), "{orphan}");
        assert_eq!(render(&[span(1, Some(2), "a", "user", 1), span(2, Some(1), "b", "user", 1)]), "");
    }

    #[test]
    fn a_trace_is_complete_only_with_all_services_and_parents() {
        let mut spans: Vec<_> = (1u8..)
            .zip(Service::ALL)
            .map(|(id, service)| span(id, (id > 1).then_some(1), "work", service.name(), u64::from(id)))
            .collect();
        assert!(is_complete(&spans));
        let gateway = spans.remove(0);
        assert!(!is_complete(&spans));
        spans.push(gateway);
        assert!(is_complete(&spans));
        spans.pop();
        spans.push(span(1, Some(77), "work", "api-gateway", 1));
        assert!(!is_complete(&spans));
    }
}
