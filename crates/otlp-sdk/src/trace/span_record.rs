//! The encoding of a span (`opentelemetry.proto.trace.v1.Span`), field by field as they become known.
//!
//! What is known at the start is written at the start, attributes, events and links when they are set, the rest at the
//! end. Protobuf allows fields in any order and repeated ones between others, so nothing has to be moved into place.

use std::{error::Error, fmt, mem};

use otlp_core::{
    AttributeSet, TraceContext,
    data::{SpanKind, StatusCode},
    wire::encode,
};

use super::SpanLimits;
use crate::{
    clock::{Clock, Moment},
    record::Recording,
};

/// Field numbers of `Span`.
mod field {
    pub(super) const TRACE_ID: u32 = 1;
    pub(super) const SPAN_ID: u32 = 2;
    pub(super) const TRACE_STATE: u32 = 3;
    pub(super) const PARENT_SPAN_ID: u32 = 4;
    pub(super) const NAME: u32 = 5;
    pub(super) const KIND: u32 = 6;
    pub(super) const START_TIME: u32 = 7;
    pub(super) const END_TIME: u32 = 8;
    pub(super) const ATTRIBUTES: u32 = 9;
    pub(super) const DROPPED_ATTRIBUTES: u32 = 10;
    pub(super) const EVENTS: u32 = 11;
    pub(super) const DROPPED_EVENTS: u32 = 12;
    pub(super) const LINKS: u32 = 13;
    pub(super) const DROPPED_LINKS: u32 = 14;
    pub(super) const STATUS: u32 = 15;
    pub(super) const FLAGS: u32 = 16;
}

/// Bit 8 of the flags of spans and links: bit 9 is known.
const HAS_IS_REMOTE: u32 = 1 << 8;
/// Bit 9: the parent, or the linked span, is of another process.
const IS_REMOTE: u32 = 1 << 9;

/// More than an event `exception` takes beside its message.
const EXCEPTION_OVERHEAD: usize = 512;

/// What a span under way knows beside its bytes.
#[derive(Debug, Default)]
pub(crate) struct SpanProgress {
    /// The clock's reading when the span was started, whatever start time it was given.
    begun: Moment,
    /// Nanoseconds since the Unix epoch.
    start_time: u64,
    /// Where the name's field is.
    name_start: usize,
    name_len: usize,
    events: usize,
    dropped_events: u32,
    links: usize,
    dropped_links: u32,
    status: StatusCode,
}

/// What a span is when it starts.
pub(super) struct Opening<'a> {
    pub(super) context: &'a TraceContext,
    pub(super) parent: Option<&'a TraceContext>,
    pub(super) name: &'a str,
    pub(super) kind: SpanKind,
    pub(super) begun: Moment,
    pub(super) start_time: u64,
}

impl Recording {
    /// Writes what is known at the start.
    #[inline]
    pub(super) fn begin_span(&mut self, opening: &Opening<'_>) {
        let Opening { context, parent, name, kind, begun, start_time } = *opening;
        let body = &mut self.body;
        body.reserve(128 + name.len().min(1024));
        encode::put_bytes(body, field::TRACE_ID, context.trace_id.as_bytes());
        encode::put_bytes(body, field::SPAN_ID, context.span_id.as_bytes());
        if let Some(parent) = parent {
            encode::put_bytes(body, field::PARENT_SPAN_ID, parent.span_id.as_bytes());
        }
        encode::put_fixed32(body, field::FLAGS, flags(context, parent.is_some_and(|parent| parent.is_remote)));
        encode::put_uint(body, field::KIND, kind as u64);
        encode::put_fixed64(body, field::START_TIME, start_time);
        if let Some(state) = context.trace_state.as_deref()
            && state.len() <= self.room()
        {
            encode::put_string(&mut self.body, field::TRACE_STATE, state);
        }
        let (name, name_start) = (&name[..name.floor_char_boundary(self.room())], self.body.len());
        encode::put_string(&mut self.body, field::NAME, name);
        let name_len = self.body.len() - name_start;
        self.span = SpanProgress { begun, start_time, name_start, name_len, ..SpanProgress::default() };
    }

    /// The present as the span sees it: never before its start, whatever the wall clock did.
    #[inline]
    pub(super) fn span_now(&self, clock: &Clock) -> u64 {
        self.span.begun.unix_nanos_at(clock.now()).max(self.span.start_time)
    }

    /// Replaces the name.
    pub(super) fn set_span_name(&mut self, name: &str) {
        let SpanProgress { name_start, name_len, .. } = self.span;
        let name = &name[..name.floor_char_boundary(self.room() + name_len)];
        self.part.clear();
        encode::put_string(&mut self.part.bytes, field::NAME, name);
        self.body.splice(name_start..name_start + name_len, self.part.bytes.iter().copied());
        self.span.name_len = self.part.bytes.len();
        self.attributes.shift(name_len, self.span.name_len);
    }

    /// Sets the status, as the specification ranks them: `Ok` is final, `Unset` is ignored, only errors have a message.
    pub(super) fn set_span_status(&mut self, code: StatusCode, message: &str) {
        if self.span.status == StatusCode::Ok || code == StatusCode::Unset {
            return;
        }
        self.span.status = code;
        self.text.clear();
        if code == StatusCode::Error {
            let message = &message[..message.floor_char_boundary(self.room())];
            self.text.extend_from_slice(message.as_bytes());
        }
    }

    #[inline]
    pub(super) fn set_span_attribute(&mut self, key: &str, value: otlp_core::ValueRef<'_>, limits: &SpanLimits) {
        self.set_attribute(field::ATTRIBUTES, key, value, limits.attributes());
    }

    /// Adds an event.
    #[inline]
    pub(super) fn add_span_event(&mut self, name: &str, time: u64, attributes: impl AttributeSet, limits: &SpanLimits) {
        // Time, the count of dropped attributes, and tag and length of the event come to less than 32 bytes.
        let Some(room) = self.room().checked_sub(encode::bytes_len(2, name.len()) + 32) else {
            return self.drop_span_event();
        };
        if self.span.events >= limits.event_count {
            return self.drop_span_event();
        }
        let part = &mut self.part;
        part.clear();
        encode::put_fixed64(&mut part.bytes, 1, time);
        encode::put_string(&mut part.bytes, 2, name);
        let max_len = part.bytes.len() + room;
        let dropped = part.put_attributes(3, attributes, limits.attributes_per_event, limits.value_length, max_len);
        encode::put_uint(&mut part.bytes, 4, u64::from(dropped));
        encode::put_bytes(&mut self.body, field::EVENTS, &part.bytes);
        self.span.events += 1;
    }

    /// Adds a link. One without ids is kept if it says something else (specification, "Specifying links").
    pub(super) fn add_span_link(&mut self, context: &TraceContext, attributes: impl AttributeSet, limits: &SpanLimits) {
        let state = context.trace_state.as_deref().unwrap_or_default();
        if !context.is_valid() && state.is_empty() && attributes.count() == 0 {
            return;
        }
        // Ids, flags, the count of dropped attributes, and tag and length of the link come to less than 64 bytes.
        let Some(room) = self.room().checked_sub(encode::bytes_len(3, state.len()) + 64) else {
            return self.drop_span_link();
        };
        if self.span.links >= limits.link_count {
            return self.drop_span_link();
        }
        let part = &mut self.part;
        part.clear();
        encode::put_bytes(&mut part.bytes, 1, context.trace_id.as_bytes());
        encode::put_bytes(&mut part.bytes, 2, context.span_id.as_bytes());
        encode::put_string(&mut part.bytes, 3, state);
        let max_len = part.bytes.len() + room;
        let dropped = part.put_attributes(4, attributes, limits.attributes_per_link, limits.value_length, max_len);
        encode::put_uint(&mut part.bytes, 5, u64::from(dropped));
        encode::put_fixed32(&mut part.bytes, 6, flags(context, context.is_remote));
        encode::put_bytes(&mut self.body, field::LINKS, &part.bytes);
        self.span.links += 1;
    }

    /// Adds the event `exception` of the semantic conventions.
    pub(super) fn add_span_error<E: Error + ?Sized>(&mut self, error: &E, time: u64, limits: &SpanLimits) {
        let mut message = mem::take(&mut self.part.message);
        message.clear();
        // An error that cannot print itself, or prints more than a span can hold, has been printed as far as possible.
        let room = self.room().saturating_sub(EXCEPTION_OVERHEAD);
        let _ = fmt::write(&mut Bounded { text: &mut message, room }, format_args!("{error}"));
        let message_attribute = ("exception.message", message.as_str());
        // Of a trait object only the name of the trait would be known.
        match std::any::type_name::<E>() {
            name if name.starts_with("dyn ") => {
                self.add_span_event("exception", time, [message_attribute], limits);
            }
            name => self.add_span_event("exception", time, [("exception.type", name), message_attribute], limits),
        }
        self.part.message = message;
    }

    /// Writes what is known only at the end; no later than the start.
    #[inline]
    pub(super) fn finish_span(&mut self, end_time: u64) {
        let span = &self.span;
        let body = &mut self.body;
        encode::put_fixed64(body, field::END_TIME, end_time.max(span.start_time));
        encode::put_uint(body, field::DROPPED_ATTRIBUTES, u64::from(self.attributes.dropped()));
        encode::put_uint(body, field::DROPPED_EVENTS, u64::from(span.dropped_events));
        encode::put_uint(body, field::DROPPED_LINKS, u64::from(span.dropped_links));
        if span.status != StatusCode::Unset {
            let message_len = if self.text.is_empty() { 0 } else { encode::bytes_len(2, self.text.len()) };
            // The code is one of 1 and 2: a tag and one byte.
            encode::put_len(body, field::STATUS, message_len + 2);
            if !self.text.is_empty() {
                encode::put_bytes(body, 2, &self.text);
            }
            encode::put_uint(body, 3, span.status as u64);
        }
    }

    fn drop_span_event(&mut self) {
        self.span.dropped_events = self.span.dropped_events.saturating_add(1);
    }

    fn drop_span_link(&mut self) {
        self.span.dropped_links = self.span.dropped_links.saturating_add(1);
    }
}

/// The flags as they travel in spans and links.
#[inline]
fn flags(context: &TraceContext, is_remote: bool) -> u32 {
    u32::from(context.flags.to_byte()) | HAS_IS_REMOTE | if is_remote { IS_REMOTE } else { 0 }
}

/// Takes text up to a size.
struct Bounded<'a> {
    text: &'a mut String,
    room: usize,
}

impl fmt::Write for Bounded<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let taken = text.floor_char_boundary(self.room - self.text.len());
        self.text.push_str(&text[..taken]);
        if taken == text.len() { Ok(()) } else { Err(fmt::Error) }
    }
}
