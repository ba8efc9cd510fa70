//! The encoding of a span (`opentelemetry.proto.trace.v1.Span`), field by field as they become known.
//!
//! What is known at the start is written at the start, attributes, events and links when they are set, the rest at the
//! end. Protobuf allows fields in any order and repeated ones between others, so nothing has to be moved into place.

use std::{error::Error, fmt, mem};

use otlp_core::{
    AttributeSet, TraceContext, ValueRef,
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
        let fields = &mut self.fields;
        fields.reserve(256);
        encode::put_bytes(fields, field::TRACE_ID, context.trace_id.as_bytes());
        encode::put_bytes(fields, field::SPAN_ID, context.span_id.as_bytes());
        if let Some(parent) = parent {
            encode::put_bytes(fields, field::PARENT_SPAN_ID, parent.span_id.as_bytes());
        }
        encode::put_fixed32(fields, field::FLAGS, flags(context, parent.is_some_and(|parent| parent.is_remote)));
        encode::put_uint(fields, field::KIND, kind as u64);
        encode::put_fixed64(fields, field::START_TIME, start_time);
        if let Some(state) = context.trace_state.as_deref()
            && state.len() <= self.room()
        {
            encode::put_string(&mut self.fields, field::TRACE_STATE, state);
        }
        let (name, name_start) = (&name[..name.floor_char_boundary(self.room())], self.fields.len());
        encode::put_string(&mut self.fields, field::NAME, name);
        let name_len = self.fields.len() - name_start;
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
        let end = name_start + name_len;
        let rest = self.fields.len() - end;
        // Written at the end, then brought to the front of what followed the earlier one.
        encode::put_string(&mut self.fields, field::NAME, name);
        self.span.name_len = self.fields.len() - end - rest;
        self.fields[end..].rotate_left(rest);
        self.fields.drain(name_start..end);
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
    pub(super) fn set_span_attribute(&mut self, key: &str, value: ValueRef<'_>) {
        self.set_attribute(field::ATTRIBUTES, key, value);
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
        self.encode_part(3, attributes, &limits.event_attributes(), room);
        let dropped = u64::from(self.part.dropped());
        let attributes = self.part.entries();
        let len = 9 + string_len(2, name) + attributes.len() + uint_len(4, dropped);
        encode::put_len(&mut self.fields, field::EVENTS, len);
        encode::put_fixed64(&mut self.fields, 1, time);
        encode::put_string(&mut self.fields, 2, name);
        self.fields.extend_from_slice(attributes);
        encode::put_uint(&mut self.fields, 4, dropped);
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
        self.encode_part(4, attributes, &limits.link_attributes(), room);
        let dropped = u64::from(self.part.dropped());
        let attributes = self.part.entries();
        let ids_len = encode::bytes_len(1, 16) + encode::bytes_len(2, 8);
        // The flags are never zero: a tag and four bytes.
        let len = ids_len + string_len(3, state) + attributes.len() + uint_len(5, dropped) + 5;
        encode::put_len(&mut self.fields, field::LINKS, len);
        encode::put_bytes(&mut self.fields, 1, context.trace_id.as_bytes());
        encode::put_bytes(&mut self.fields, 2, context.span_id.as_bytes());
        encode::put_string(&mut self.fields, 3, state);
        self.fields.extend_from_slice(attributes);
        encode::put_uint(&mut self.fields, 5, dropped);
        encode::put_fixed32(&mut self.fields, 6, flags(context, context.is_remote));
        self.span.links += 1;
    }

    /// Adds the event `exception` of the semantic conventions.
    pub(super) fn add_span_error<E: Error + ?Sized>(&mut self, error: &E, time: u64, limits: &SpanLimits) {
        let mut message = mem::take(&mut self.message);
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
        self.message = message;
    }

    /// Writes what is known only at the end; no later than the start.
    #[inline]
    pub(super) fn finish_span(&mut self, end_time: u64) {
        let (span, fields) = (&self.span, &mut self.fields);
        encode::put_fixed64(fields, field::END_TIME, end_time.max(span.start_time));
        encode::put_uint(fields, field::DROPPED_ATTRIBUTES, u64::from(self.attributes.dropped()));
        encode::put_uint(fields, field::DROPPED_EVENTS, u64::from(span.dropped_events));
        encode::put_uint(fields, field::DROPPED_LINKS, u64::from(span.dropped_links));
        if span.status != StatusCode::Unset {
            let message_len = if self.text.is_empty() { 0 } else { encode::bytes_len(2, self.text.len()) };
            // The code is one of 1 and 2: a tag and one byte.
            encode::put_len(fields, field::STATUS, message_len + 2);
            if !self.text.is_empty() {
                encode::put_bytes(fields, 2, &self.text);
            }
            encode::put_uint(fields, 3, span.status as u64);
        }
    }

    fn drop_span_event(&mut self) {
        self.span.dropped_events = self.span.dropped_events.saturating_add(1);
    }

    fn drop_span_link(&mut self) {
        self.span.dropped_links = self.span.dropped_links.saturating_add(1);
    }
}

/// How many bytes a string field takes.
#[inline]
fn string_len(field: u32, text: &str) -> usize {
    if text.is_empty() { 0 } else { encode::bytes_len(field, text.len()) }
}

/// How many bytes an integer field takes.
#[inline]
fn uint_len(field: u32, value: u64) -> usize {
    if value == 0 { 0 } else { encode::tag_len(field) + encode::varint_len(value) }
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
