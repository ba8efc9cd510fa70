//! What a span carries: ids, times, status, events, links, limits.

use std::{
    fmt,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use opentelemetry_proto::tonic::trace::v1::{Span as Received, span::Event};
use otlp_core::{
    SpanId, TraceContext, TraceFlags, TraceId,
    data::{SpanKind, StatusCode},
};
use otlp_sdk::trace::{IdGenerator, SpanLimits, TraceConfig};

use crate::collected::{Collected, int, named, pair, string};

fn remote(sampled: bool) -> TraceContext {
    TraceContext {
        trace_id: TraceId::from_bytes([7; 16]),
        span_id: SpanId::from_bytes([8; 8]),
        flags: TraceFlags::default().with_sampled(sampled),
        trace_state: Some("vendor=value".into()),
        is_remote: true,
    }
}

#[test]
fn a_root_has_new_ids_its_kind_times_and_scope() {
    let collected = Collected::new();
    let provider = collected.traces(TraceConfig::default());
    let tracer = provider
        .tracer_builder("shop")
        .version("1.2")
        .schema_url("https://example.org/schema")
        .attributes([("team", "a"), ("team", "b")])
        .build();
    let before = collected.clock.now().unix_nanos;
    let span = tracer.start_with_kind("checkout", SpanKind::Server);
    let context = span.context();
    drop(span);
    let after = collected.clock.now().unix_nanos;

    let resource = collected.resource_spans().remove(0);
    let scope_spans = &resource.scope_spans[0];
    assert_eq!(scope_spans.schema_url, "https://example.org/schema");
    let scope = scope_spans.scope.as_ref().unwrap();
    assert_eq!((scope.name.as_str(), scope.version.as_str()), ("shop", "1.2"));
    assert_eq!(scope.attributes, [pair("team", string("b"))]);
    let span = &scope_spans.spans[0];
    assert!(context.is_valid() && context.is_sampled() && !context.is_remote);
    assert_eq!(span.trace_id, context.trace_id.to_bytes());
    assert_eq!(span.span_id, context.span_id.to_bytes());
    assert!(span.parent_span_id.is_empty());
    assert_eq!(span.name, "checkout");
    assert_eq!(span.kind, 2);
    // Sampled, random, and known not to be remote.
    assert_eq!(span.flags, 0x103);
    assert!(before <= span.start_time_unix_nano);
    assert!(span.start_time_unix_nano <= span.end_time_unix_nano);
    assert!(span.end_time_unix_nano <= after);
    assert_eq!(span.status, None);
}

#[test]
fn a_remote_parent_gives_trace_state_and_flags() {
    let collected = Collected::new();
    let span = collected.tracer().start_with_context("child", SpanKind::Client, &remote(true));
    let context = span.context();
    assert_eq!(context.trace_id, remote(true).trace_id);
    assert_eq!(context.trace_state.as_deref(), Some("vendor=value"));
    assert!(!context.is_remote);
    drop(span);
    let span = collected.span();
    assert_eq!(span.trace_id, [7; 16]);
    assert_eq!(span.parent_span_id, [8; 8]);
    assert_eq!(span.trace_state, "vendor=value");
    // The parent's trace id was not said to be random, so neither is the child's.
    assert_eq!(span.flags, 0x301);
}

#[test]
fn an_invalid_parent_makes_a_root() {
    let collected = Collected::new();
    let invalid = TraceContext { span_id: SpanId::INVALID, ..remote(true) };
    let span = collected.tracer().start_with_context("root", SpanKind::Internal, &invalid);
    assert_ne!(span.context().trace_id, invalid.trace_id);
    drop(span);
    let span = collected.span();
    assert!(span.parent_span_id.is_empty());
    assert_eq!(span.trace_state, "");
}

#[test]
fn an_unsampled_parent_makes_a_span_that_only_passes_its_context_on() {
    let collected = Collected::new();
    let tracer = collected.tracer();
    let mut span = tracer.start_with_context("unsampled", SpanKind::Internal, &remote(false));
    assert!(!span.is_recording());
    assert!(span.context().is_valid() && !span.context().is_sampled());
    span.set_attribute("a", 1).add_event("b", ()).set_status(StatusCode::Error, "c").update_name("d");
    let child = tracer.start_with_context("child", SpanKind::Internal, &span.context());
    assert_eq!(child.context().trace_id, span.context().trace_id);
    assert!(!child.is_recording());
    drop((child, span));
    assert_eq!(collected.spans(), []);
}

#[test]
fn the_builder_sets_parent_kind_attributes_links_and_start() {
    let collected = Collected::new();
    let tracer = collected.tracer();
    let active = tracer.start("active");
    let _guard = active.enter();
    let start = UNIX_EPOCH + Duration::from_secs(1_000);
    drop(
        tracer
            .span_builder("built")
            .kind(SpanKind::Consumer)
            .root()
            .attributes([("a", 1)])
            .link(remote(true), [("b", 2)])
            .start_time(start)
            .start(),
    );
    drop(tracer.span_builder("child of active").start());
    drop(tracer.span_builder("child of remote").parent(&remote(true)).start());
    let spans = collected.spans();
    let built = named(&spans, "built");
    assert_eq!(built.kind, 5);
    assert!(built.parent_span_id.is_empty());
    assert_eq!(built.attributes, [pair("a", int(1))]);
    assert_eq!(built.start_time_unix_nano, 1_000_000_000_000);
    // An operation that began long ago ends now, and not after as long as its span existed.
    assert!(built.end_time_unix_nano > 1_600_000_000_000_000_000);
    let link = &built.links[0];
    assert_eq!((link.trace_id.as_slice(), link.span_id.as_slice()), ([7; 16].as_slice(), [8; 8].as_slice()));
    assert_eq!((link.trace_state.as_str(), link.flags), ("vendor=value", 0x301));
    assert_eq!(link.attributes, [pair("b", int(2))]);
    assert_eq!(named(&spans, "child of active").parent_span_id, active.context().span_id.to_bytes());
    assert_eq!(named(&spans, "child of remote").parent_span_id, [8; 8]);
}

#[test]
fn a_span_ends_once_and_then_takes_no_more() {
    let collected = Collected::new();
    let mut span = collected.tracer().start("once");
    span.end();
    assert!(!span.is_recording());
    span.set_attribute("late", 1).set_status(StatusCode::Error, "late");
    span.end();
    span.end_at(SystemTime::now());
    drop(span);
    let span = collected.span();
    assert!(span.attributes.is_empty() && span.status.is_none());
}

#[test]
fn end_times_are_kept_unless_they_precede_the_start() {
    let collected = Collected::new();
    let tracer = collected.tracer();
    let at = |seconds| UNIX_EPOCH + Duration::from_secs(seconds);
    tracer.span_builder("later").start_time(at(10)).start().end_at(at(12));
    tracer.span_builder("earlier").start_time(at(10)).start().end_at(at(8));
    let ahead = SystemTime::now() + Duration::from_secs(3600);
    drop(tracer.span_builder("ahead").start_time(ahead).start());
    let spans = collected.spans();
    assert_eq!(named(&spans, "later").end_time_unix_nano, 12_000_000_000);
    assert_eq!(named(&spans, "earlier").end_time_unix_nano, 10_000_000_000);
    let ahead = named(&spans, "ahead");
    assert_eq!(ahead.end_time_unix_nano, ahead.start_time_unix_nano);
}

#[test]
fn the_status_ranks_ok_above_error_above_unset() {
    use StatusCode::{Error, Ok, Unset};
    /// The calls, and what they come to.
    type Case = (&'static [(StatusCode, &'static str)], Option<(i32, &'static str)>);
    let cases: [Case; 6] = [
        (&[(Unset, "x")], None),
        (&[(Error, "a"), (Error, "b")], Some((2, "b"))),
        (&[(Error, "a"), (Unset, "")], Some((2, "a"))),
        (&[(Error, "a"), (Ok, "ignored")], Some((1, ""))),
        (&[(Ok, ""), (Error, "a")], Some((1, ""))),
        (&[(Error, "")], Some((2, ""))),
    ];
    for (calls, expected) in cases {
        let collected = Collected::new();
        let mut span = collected.tracer().start("status");
        for (code, message) in calls {
            span.set_status(*code, *message);
        }
        drop(span);
        let status = collected.span().status.map(|status| (status.code, status.message));
        assert_eq!(status.as_ref().map(|(code, message)| (*code, message.as_str())), expected, "{calls:?}");
    }
}

#[derive(Debug)]
struct Declined;

impl fmt::Display for Declined {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("card declined")
    }
}

impl std::error::Error for Declined {}

#[test]
fn an_error_becomes_an_exception_event_and_no_status() {
    let collected = Collected::new();
    let mut span = collected.tracer().start("failing");
    span.record_error(&Declined);
    let unnamed: &dyn std::error::Error = &Declined;
    span.record_error(unnamed);
    drop(span);
    let span = collected.span();
    assert_eq!(span.status, None);
    let message = pair("exception.message", string("card declined"));
    assert_eq!(span.events[0].name, "exception");
    assert_eq!(
        span.events[0].attributes,
        [pair("exception.type", string(std::any::type_name::<Declined>())), message.clone()]
    );
    assert_eq!(span.events[1].attributes, [message]);
}

#[test]
fn events_keep_their_order_time_and_unique_keys() {
    let collected = Collected::new();
    let mut span = collected.tracer().start("eventful");
    span.add_event("first", [("k", 1), ("l", 2), ("k", 3)]);
    span.add_event_at("second", UNIX_EPOCH + Duration::from_nanos(5), ());
    span.add_event("", ());
    drop(span);
    let span = collected.span();
    let [first, second, third] = span.events.as_slice() else { panic!("{:?}", span.events) };
    assert_eq!(first.attributes, [pair("k", int(3)), pair("l", int(2))]);
    assert!((span.start_time_unix_nano..=span.end_time_unix_nano).contains(&first.time_unix_nano));
    assert_eq!(second, &Event { time_unix_nano: 5, name: "second".into(), ..Event::default() });
    assert_eq!(third.name, "");
}

#[test]
fn links_without_content_are_ignored_and_others_kept() {
    let collected = Collected::new();
    let mut span = collected.tracer().start("linked");
    span.add_link(&TraceContext::default(), ());
    span.add_link(&TraceContext::default(), [("why", "known")]);
    span.add_link(&remote(false), ());
    drop(span);
    let span = collected.span();
    assert_eq!(span.links.len(), 2);
    assert_eq!(span.links[0].attributes, [pair("why", string("known"))]);
    assert_eq!(span.links[1].flags, 0x300);
}

#[test]
fn limits_leave_out_and_count() {
    let collected = Collected::new();
    let limits = SpanLimits {
        attribute_count: 2,
        event_count: 1,
        link_count: 1,
        attributes_per_event: 1,
        attributes_per_link: 0,
        value_length: Some(3),
    };
    let tracer = collected.traces(TraceConfig::default().with_limits(limits)).tracer("limited");
    let mut span = tracer.start("limited");
    span.set_attribute("a", "häuser").set_attribute("b", ["lang", "x"]).set_attribute("c", 1).set_attribute("a", 9);
    span.set_attributes([("d", 1), ("e", 2)]);
    span.add_event("kept", [("k", "value"), ("l", "value")]).add_event("left out", ()).add_event("left out", ());
    span.add_link(&remote(true), [("k", 1)]).add_link(&remote(true), ());
    drop(span);
    let span: Received = collected.span();
    assert_eq!(span.attributes[0], pair("a", int(9)));
    assert_eq!(format!("{:?}", span.attributes[1]).matches("\"lan\"").count(), 1);
    assert_eq!(span.dropped_attributes_count, 3);
    assert_eq!(span.events.len(), 1);
    assert_eq!(span.events[0].attributes, [pair("k", string("val"))]);
    assert_eq!((span.events[0].dropped_attributes_count, span.dropped_events_count), (1, 2));
    assert_eq!(span.links.len(), 1);
    assert_eq!((span.links[0].dropped_attributes_count, span.dropped_links_count), (1, 1));
}

#[test]
fn the_name_can_change_at_any_time() {
    let collected = Collected::new();
    let mut span = collected.tracer().start("first");
    span.set_attribute("a", 1).update_name("a much longer name than the first one").set_attribute("a", i64::MAX);
    span.set_attribute("b", 2).update_name("").set_attribute("a", 3).update_name("last").set_attribute("b", 4);
    drop(span);
    let span = collected.span();
    assert_eq!(span.name, "last");
    assert_eq!(span.attributes, [pair("a", int(3)), pair("b", int(4))]);
}

#[derive(Debug)]
struct Counted;

impl IdGenerator for Counted {
    fn trace_id(&self) -> TraceId {
        TraceId::from_bytes([1; 16])
    }
    fn span_id(&self) -> SpanId {
        SpanId::from_bytes([2; 8])
    }
}

#[test]
fn ids_come_from_the_configured_generator_which_does_not_claim_to_be_random() {
    let collected = Collected::new();
    let tracer = collected.traces(TraceConfig::default().with_id_generator(Counted)).tracer("counted");
    drop(tracer.start("span"));
    let span = collected.span();
    assert_eq!((span.trace_id, span.span_id, span.flags), (vec![1; 16], vec![2; 8], 0x101));
}
