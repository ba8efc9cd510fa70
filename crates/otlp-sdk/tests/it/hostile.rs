//! What an application should not do, and what must not harm it.

use std::{
    cell::Cell,
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::{Duration, UNIX_EPOCH},
};

use opentelemetry_proto::tonic::trace::v1::Span;
use otlp_batch::BatchLimits;
use otlp_core::{
    AttributeSet, AttributeValue, TraceContext, ValueMap, ValueRef,
    data::{Severity, SpanKind, StatusCode},
};
use otlp_sdk::{
    clock::Clock,
    logs::LogConfig,
    trace::{SpanLimits, TraceConfig},
};
use prost::Message;

use crate::collected::{Collected, int, named, pair, string};

/// A string of this many bytes that occupies no memory until it is read or copied.
fn huge(bytes: usize) -> String {
    String::from_utf8(vec![0; bytes]).unwrap()
}

const MAX: usize = 64 << 10;

/// A pipeline that takes records of at most 64 KiB.
fn tight() -> Collected {
    Collected::with(BatchLimits { max_record_bytes: MAX, ..BatchLimits::default() }, Clock::system())
}

#[test]
fn a_huge_attribute_is_left_out_and_counted_wherever_it_is() {
    let collected = Collected::new();
    let value = huge(200 << 20);
    let mut span = collected.tracer().start("huge");
    span.set_attribute("value", &value).set_attribute("bytes", value.as_bytes()).set_attribute(&value, 1);
    span.set_attribute("array", [&value, &value]).set_attribute("small", 1);
    span.add_event("event", [("value", value.as_str()), ("small", "x")]).add_event(&value, ());
    span.add_link(&TraceContext { trace_state: Some(value.as_str().into()), ..TraceContext::default() }, ());
    drop(span);
    let span = collected.span();
    assert_eq!(span.attributes, [pair("small", int(1))]);
    assert_eq!(span.dropped_attributes_count, 4);
    assert_eq!(span.events.len(), 1);
    assert_eq!(span.events[0].attributes, [pair("small", string("x"))]);
    assert_eq!((span.events[0].dropped_attributes_count, span.dropped_events_count), (1, 1));
    assert_eq!(span.dropped_links_count, 1);

    let logger = collected.logs(LogConfig::default()).logger("huge");
    logger.record(Severity::Info).body(value.as_bytes()).attribute("value", &value).emit();
    let record = collected.log_record();
    assert_eq!((record.body, record.attributes.len(), record.dropped_attributes_count), (None, 0, 2));
}

#[test]
fn no_record_exceeds_what_can_be_delivered() {
    let collected = tight();
    let tracer = collected.tracer();
    let value = huge(1 << 20);
    drop(tracer.start(&value));
    let mut span = tracer.start("status");
    span.set_status(StatusCode::Error, &value).set_attribute("a", 1).update_name(&value).add_event("b", ());
    span.set_status(StatusCode::Error, "short").set_attribute("c", 2);
    drop(span);
    let mut span = tracer.start("filled");
    for number in 0..128 {
        span.set_attribute(format!("key {number}"), "x".repeat(1000));
        span.add_event("event", [("k", "x".repeat(1000))]);
    }
    span.set_status(StatusCode::Error, &value);
    drop(span);
    let mut span = tracer.span_builder("given").link(TraceContext::default(), [("k", value.as_str())]).start();
    span.record_error(&Verbose);
    drop(span);
    let logger = collected.logs(LogConfig::default()).logger("tight");
    logger.info(&value);
    logger.record(Severity::Info).event_name(&value).severity_text(&value).body(&value).attribute("k", &value).emit();

    let spans = collected.spans();
    assert_eq!(spans.len(), 4);
    // What had filled the second one was replaced by something short.
    let is_short = |span: &Span| span.status.as_ref().is_some_and(|status| status.message == "short");
    assert_eq!(spans.iter().filter(|span| is_short(span)).count(), 1);
    for span in &spans {
        assert!(span.encoded_len() <= MAX, "{} is too large", span.encoded_len());
        assert!(span.encoded_len() > MAX / 2 || is_short(span), "{} was cut too early", span.encoded_len());
    }
    let filled = named(&spans, "filled");
    assert!(filled.attributes.len() + filled.events.len() > 50);
    assert_eq!(filled.attributes.len() as u32 + filled.dropped_attributes_count, 128);
    assert_eq!(filled.events.len() as u32 + filled.dropped_events_count, 128);
    for record in collected.log_records() {
        assert!((MAX / 2..=MAX).contains(&record.encoded_len()), "{}", record.encoded_len());
    }
}

/// An error that prints more than fits anywhere.
#[derive(Debug)]
struct Verbose;

impl fmt::Display for Verbose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        loop {
            f.write_str("for ever and ä ")?;
        }
    }
}

impl std::error::Error for Verbose {}

#[test]
fn a_million_attributes_are_counted() {
    let collected = Collected::new();
    let mut span = collected.tracer().start("many");
    for number in 0..1_000_000u32 {
        span.set_attribute(format!("key {number}"), number);
    }
    span.add_event("event", (0..1_000_000u32).map(|number| (number.to_string(), number)).collect::<Vec<_>>());
    drop(span);
    let span = collected.span();
    assert_eq!((span.attributes.len(), span.dropped_attributes_count), (128, 999_872));
    assert_eq!((span.events[0].attributes.len(), span.events[0].dropped_attributes_count), (128, 999_872));
}

#[test]
fn a_million_attributes_without_a_limit_fill_the_record_and_no_more() {
    let collected = Collected::new();
    let limits = SpanLimits { attribute_count: usize::MAX, ..SpanLimits::default() };
    let mut span = collected.traces(TraceConfig::default().with_limits(limits)).tracer("many").start("many");
    for number in 0..1_000_000u32 {
        span.set_attribute(format!("key {number}"), number);
    }
    drop(span);
    let span = collected.span();
    assert_eq!(span.attributes.len() as u32 + span.dropped_attributes_count, 1_000_000);
    assert!(span.attributes.len() > 100_000);
}

#[test]
fn empty_names_and_keys_are_carried() {
    let collected = Collected::new();
    let mut span = collected.traces(TraceConfig::default()).tracer("").start("");
    span.set_attribute("", "").add_event("", [("", 1)]).set_status(StatusCode::Error, "");
    drop(span);
    let span = collected.span();
    assert_eq!((span.name.as_str(), span.attributes), ("", vec![pair("", string(""))]));
    assert_eq!(span.events[0].attributes, [pair("", int(1))]);
    assert_eq!(span.dropped_attributes_count, 0);
}

#[test]
fn a_wall_clock_that_jumps_never_makes_a_duration_negative_or_huge() {
    let wall = Arc::new(AtomicI64::new(1_700_000_000));
    let read = Arc::clone(&wall);
    let clock = Clock::with_wall(move || UNIX_EPOCH + Duration::from_secs(read.load(Ordering::Relaxed) as u64));
    let collected = Collected::with(BatchLimits::default(), clock);
    let tracer = collected.tracer();
    for jump in [-3600, 86_400 * 365, -86_400 * 365 * 50, 1] {
        let mut span = tracer.start("jumping");
        wall.fetch_add(jump, Ordering::Relaxed);
        collected.clock.resync();
        span.add_event("after the jump", ());
    }
    for span in collected.spans() {
        let duration = span.end_time_unix_nano.checked_sub(span.start_time_unix_nano).unwrap();
        assert!(duration < 60_000_000_000, "{duration}");
        let event = span.events[0].time_unix_nano;
        assert!((span.start_time_unix_nano..=span.end_time_unix_nano).contains(&event));
    }
}

/// A value that panics when it is looked at for the second time, in the middle of being encoded.
struct Bursting(Cell<u32>);

impl ValueMap for Bursting {
    fn for_each(&self, visit: &mut dyn FnMut(&str, ValueRef<'_>)) {
        self.0.set(self.0.get() + 1);
        visit("first", ValueRef::Bool(true));
        assert!(self.0.get() < 3, "as the test asks");
    }
}

impl AttributeValue for Bursting {
    fn as_value(&self) -> ValueRef<'_> {
        ValueRef::Map(self)
    }
}

/// A set of attributes that panics after its first one.
struct BurstingSet;

impl AttributeSet for BurstingSet {
    fn count(&self) -> usize {
        2
    }
    fn for_each<F: FnMut(&str, ValueRef<'_>)>(&self, mut visit: F) {
        visit("first", ValueRef::Bool(true));
        panic!("as the test asks");
    }
}

#[test]
fn a_value_that_panics_while_it_is_encoded_leaves_a_whole_record() {
    let collected = Collected::new();
    let mut span = collected.tracer().start("bursting");
    let logger = collected.logs(LogConfig::default()).logger("bursting");
    let quietly = |act: &mut dyn FnMut()| assert!(catch_unwind(AssertUnwindSafe(act)).is_err());
    quietly(&mut || {
        span.set_attribute("value", Bursting(Cell::new(0)));
    });
    quietly(&mut || {
        span.add_event("value", [("value", Bursting(Cell::new(0)))]);
    });
    quietly(&mut || {
        span.add_event("set", BurstingSet);
    });
    quietly(&mut || {
        span.set_attributes(BurstingSet);
    });
    quietly(&mut || logger.record(Severity::Info).body(Bursting(Cell::new(0))).emit());
    span.set_attribute("after", 1);
    drop(span);
    logger.info("after");
    let span = collected.span();
    assert_eq!(span.attributes.iter().map(|entry| entry.key.as_str()).collect::<Vec<_>>(), ["first", "after"]);
    assert_eq!(span.events, []);
    assert_eq!(collected.log_record().body, Some(string("after")));
}

#[test]
fn spans_in_thread_local_storage_end_with_their_thread() {
    thread_local! {
        static LATE: std::cell::RefCell<Option<otlp_sdk::trace::Span>> = const { std::cell::RefCell::new(None) };
    }
    let collected = Collected::new();
    let tracer = collected.tracer();
    let thread = std::thread::spawn(move || {
        LATE.with(|late| *late.borrow_mut() = Some(tracer.start_with_kind("late", SpanKind::Internal)));
        drop(tracer.start("early"));
    });
    thread.join().unwrap();
    assert_eq!(collected.spans().len(), 2);
}
