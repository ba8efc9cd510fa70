//! Spans (OTLP trace protocol, messages `Span` and `Status`).

use std::sync::Arc;

use super::{AttributesView, Messages, View, ids};
use crate::{
    SpanId, TraceId,
    data::{Resource, Scope, SpanData, SpanEvent, SpanKind, SpanLink, SpanStatus, StatusCode},
    wire::decode::{Content, DecodeError},
};

/// A span. Its fields are those of [`SpanData`].
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct SpanView<'a> {
    /// The trace that the span belongs to.
    pub trace_id: TraceId,
    /// The span's own id.
    pub span_id: SpanId,
    /// The W3C `tracestate`, or empty.
    pub trace_state: &'a str,
    /// The parent, unless the span is a root.
    pub parent_span_id: Option<SpanId>,
    /// Bits 0–7: the W3C trace flags; bit 8: whether bit 9 is known; bit 9: whether the parent is remote.
    pub flags: u32,
    /// The operation.
    pub name: &'a str,
    /// The span's role towards its parent and children.
    pub kind: SpanKind,
    /// Nanoseconds since the Unix epoch.
    pub start_time: u64,
    /// Nanoseconds since the Unix epoch.
    pub end_time: u64,
    /// The attributes.
    pub attributes: AttributesView<'a>,
    /// How many attributes a limit removed.
    pub dropped_attributes_count: u32,
    /// What happened during the span.
    pub events: Messages<'a, EventView<'a>>,
    /// How many events a limit removed.
    pub dropped_events_count: u32,
    /// Other spans that this one relates to.
    pub links: Messages<'a, LinkView<'a>>,
    /// How many links a limit removed.
    pub dropped_links_count: u32,
    /// How it ended.
    pub status: StatusView<'a>,
}

impl<'a> View<'a> for SpanView<'a> {
    fn read(content: Content<'a>) -> Result<Self, DecodeError> {
        let mut span = SpanView {
            trace_id: TraceId::INVALID,
            span_id: SpanId::INVALID,
            trace_state: "",
            parent_span_id: None,
            flags: 0,
            name: "",
            kind: SpanKind::Unspecified,
            start_time: 0,
            end_time: 0,
            attributes: Messages::none(9),
            dropped_attributes_count: 0,
            events: Messages::none(11),
            dropped_events_count: 0,
            links: Messages::none(13),
            dropped_links_count: 0,
            status: StatusView::default(),
        };
        let mut reader = content.reader();
        while let Some(field) = reader.next_field()? {
            match field.number() {
                1 => span.trace_id = ids::trace_id(&field)?,
                2 => span.span_id = ids::span_id(&field)?,
                3 => span.trace_state = field.string()?,
                4 => span.parent_span_id = ids::valid_span_id(&field)?,
                5 => span.name = field.string()?,
                6 => span.kind = SpanKind::from_number(field.enumeration()?),
                7 => span.start_time = field.fixed64()?,
                8 => span.end_time = field.fixed64()?,
                9 => span.attributes.include(&content, &field)?,
                10 => span.dropped_attributes_count = field.uint32()?,
                11 => span.events.include(&content, &field)?,
                12 => span.dropped_events_count = field.uint32()?,
                13 => span.links.include(&content, &field)?,
                14 => span.dropped_links_count = field.uint32()?,
                15 => span.status = StatusView::read(field.message()?)?,
                16 => span.flags = field.fixed32()?,
                _ => {}
            }
        }
        Ok(span)
    }
}

impl SpanView<'_> {
    /// Copies into owned data.
    ///
    /// # Errors
    /// If something nested cannot be read.
    pub fn to_data(&self, resource: &Arc<Resource>, scope: &Arc<Scope>) -> Result<SpanData, DecodeError> {
        Ok(SpanData {
            trace_id: self.trace_id,
            span_id: self.span_id,
            trace_state: self.trace_state.to_owned(),
            parent_span_id: self.parent_span_id,
            flags: self.flags,
            name: self.name.to_owned(),
            kind: self.kind,
            start_time: self.start_time,
            end_time: self.end_time,
            attributes: self.attributes.to_attributes()?,
            dropped_attributes_count: self.dropped_attributes_count,
            events: self.events.iter().map(|event| event?.to_data()).collect::<Result<_, _>>()?,
            dropped_events_count: self.dropped_events_count,
            links: self.links.iter().map(|link| link?.to_data()).collect::<Result<_, _>>()?,
            dropped_links_count: self.dropped_links_count,
            status: SpanStatus { code: self.status.code, message: self.status.message.to_owned() },
            resource: resource.clone(),
            scope: scope.clone(),
        })
    }
}

/// Something that happened at one moment of a span.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct EventView<'a> {
    /// Nanoseconds since the Unix epoch.
    pub time: u64,
    /// What happened.
    pub name: &'a str,
    /// The attributes.
    pub attributes: AttributesView<'a>,
    /// How many attributes a limit removed.
    pub dropped_attributes_count: u32,
}

impl<'a> View<'a> for EventView<'a> {
    fn read(content: Content<'a>) -> Result<Self, DecodeError> {
        let mut event = EventView { time: 0, name: "", attributes: Messages::none(3), dropped_attributes_count: 0 };
        let mut reader = content.reader();
        while let Some(field) = reader.next_field()? {
            match field.number() {
                1 => event.time = field.fixed64()?,
                2 => event.name = field.string()?,
                3 => event.attributes.include(&content, &field)?,
                4 => event.dropped_attributes_count = field.uint32()?,
                _ => {}
            }
        }
        Ok(event)
    }
}

impl EventView<'_> {
    fn to_data(self) -> Result<SpanEvent, DecodeError> {
        Ok(SpanEvent {
            time: self.time,
            name: self.name.to_owned(),
            attributes: self.attributes.to_attributes()?,
            dropped_attributes_count: self.dropped_attributes_count,
        })
    }
}

/// A relation to another span.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct LinkView<'a> {
    /// The other span's trace.
    pub trace_id: TraceId,
    /// The other span.
    pub span_id: SpanId,
    /// The other span's `tracestate`, or empty.
    pub trace_state: &'a str,
    /// As [`SpanView::flags`], for the linked context.
    pub flags: u32,
    /// The attributes.
    pub attributes: AttributesView<'a>,
    /// How many attributes a limit removed.
    pub dropped_attributes_count: u32,
}

impl<'a> View<'a> for LinkView<'a> {
    fn read(content: Content<'a>) -> Result<Self, DecodeError> {
        let mut link = LinkView {
            trace_id: TraceId::INVALID,
            span_id: SpanId::INVALID,
            trace_state: "",
            flags: 0,
            attributes: Messages::none(4),
            dropped_attributes_count: 0,
        };
        let mut reader = content.reader();
        while let Some(field) = reader.next_field()? {
            match field.number() {
                1 => link.trace_id = ids::trace_id(&field)?,
                2 => link.span_id = ids::span_id(&field)?,
                3 => link.trace_state = field.string()?,
                4 => link.attributes.include(&content, &field)?,
                5 => link.dropped_attributes_count = field.uint32()?,
                6 => link.flags = field.fixed32()?,
                _ => {}
            }
        }
        Ok(link)
    }
}

impl LinkView<'_> {
    fn to_data(self) -> Result<SpanLink, DecodeError> {
        Ok(SpanLink {
            trace_id: self.trace_id,
            span_id: self.span_id,
            trace_state: self.trace_state.to_owned(),
            flags: self.flags,
            attributes: self.attributes.to_attributes()?,
            dropped_attributes_count: self.dropped_attributes_count,
        })
    }
}

/// How a span ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct StatusView<'a> {
    /// The verdict.
    pub code: StatusCode,
    /// For [`StatusCode::Error`]: what went wrong.
    pub message: &'a str,
}

impl<'a> View<'a> for StatusView<'a> {
    fn read(content: Content<'a>) -> Result<Self, DecodeError> {
        let mut status = StatusView::default();
        let mut reader = content.reader();
        while let Some(field) = reader.next_field()? {
            match field.number() {
                2 => status.message = field.string()?,
                3 => status.code = StatusCode::from_number(field.enumeration()?),
                _ => {}
            }
        }
        Ok(status)
    }
}
