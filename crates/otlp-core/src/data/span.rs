//! Owned spans.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Resource, Scope};
use crate::{Attributes, SpanId, TraceId};

/// A finished span.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct SpanData {
    /// The trace that the span belongs to.
    pub trace_id: TraceId,
    /// The span's own id.
    pub span_id: SpanId,
    /// The W3C `tracestate`, or empty.
    pub trace_state: String,
    /// The parent, unless the span is a root.
    pub parent_span_id: Option<SpanId>,
    /// Bits 0–7: the W3C trace flags; bit 8: whether bit 9 is known; bit 9: whether the parent is remote.
    pub flags: u32,
    /// The operation.
    pub name: String,
    /// The span's role towards its parent and children.
    pub kind: SpanKind,
    /// Nanoseconds since the Unix epoch.
    pub start_time: u64,
    /// Nanoseconds since the Unix epoch.
    pub end_time: u64,
    /// The attributes.
    pub attributes: Attributes,
    /// How many attributes a limit removed.
    pub dropped_attributes_count: u32,
    /// What happened during the span.
    pub events: Vec<SpanEvent>,
    /// How many events a limit removed.
    pub dropped_events_count: u32,
    /// Other spans that this one relates to.
    pub links: Vec<SpanLink>,
    /// How many links a limit removed.
    pub dropped_links_count: u32,
    /// How it ended.
    pub status: SpanStatus,
    /// Who produced it.
    pub resource: Arc<Resource>,
    /// Which part of it.
    pub scope: Arc<Scope>,
}

/// Something that happened at one moment of a span.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct SpanEvent {
    /// Nanoseconds since the Unix epoch.
    pub time: u64,
    /// What happened.
    pub name: String,
    /// The attributes.
    pub attributes: Attributes,
    /// How many attributes a limit removed.
    pub dropped_attributes_count: u32,
}

/// A relation to another span.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct SpanLink {
    /// The other span's trace.
    pub trace_id: TraceId,
    /// The other span.
    pub span_id: SpanId,
    /// The other span's `tracestate`, or empty.
    pub trace_state: String,
    /// As [`SpanData::flags`], for the linked context.
    pub flags: u32,
    /// The attributes.
    pub attributes: Attributes,
    /// How many attributes a limit removed.
    pub dropped_attributes_count: u32,
}

/// How a span ended.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct SpanStatus {
    /// The verdict.
    pub code: StatusCode,
    /// For [`StatusCode::Error`]: what went wrong.
    pub message: String,
}

/// The verdict on a span; the numbers are those of OTLP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub enum StatusCode {
    /// Nobody said.
    #[default]
    Unset = 0,
    /// The application says that it went well.
    Ok = 1,
    /// It failed.
    Error = 2,
}

impl StatusCode {
    /// The status of this number in OTLP; an unknown one is `Unset`.
    pub fn from_number(number: i32) -> Self {
        match number {
            1 => StatusCode::Ok,
            2 => StatusCode::Error,
            _ => StatusCode::Unset,
        }
    }
}

/// A span's role towards its parent and children; the numbers are those of OTLP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub enum SpanKind {
    /// Not said.
    Unspecified = 0,
    /// Work inside of the application.
    #[default]
    Internal = 1,
    /// The handling of a remote request.
    Server = 2,
    /// A remote request.
    Client = 3,
    /// The creation of a message that is handled later.
    Producer = 4,
    /// The handling of such a message.
    Consumer = 5,
}

impl SpanKind {
    /// The kind of this number in OTLP; an unknown one is `Unspecified`.
    pub fn from_number(number: i32) -> Self {
        match number {
            1 => SpanKind::Internal,
            2 => SpanKind::Server,
            3 => SpanKind::Client,
            4 => SpanKind::Producer,
            5 => SpanKind::Consumer,
            _ => SpanKind::Unspecified,
        }
    }
}
