//! The trace context: what identifies a span to its children, in this process and beyond (W3C Trace Context).

use std::sync::Arc;

use crate::{SpanId, TraceId};

/// The W3C trace flags.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct TraceFlags(u8);

impl TraceFlags {
    /// Bit 0: the caller may have recorded trace data.
    pub const SAMPLED: TraceFlags = TraceFlags(1);
    /// Bit 1: at least the last seven bytes of the trace id are random (W3C Trace Context Level 2).
    pub const RANDOM: TraceFlags = TraceFlags(2);

    /// Flags from their byte as it travels.
    pub const fn from_byte(byte: u8) -> Self {
        TraceFlags(byte)
    }

    /// The byte as it travels.
    pub const fn to_byte(self) -> u8 {
        self.0
    }

    /// Whether bit 0 is set.
    pub const fn is_sampled(self) -> bool {
        self.0 & 1 == 1
    }

    /// The same flags with bit 0 as told.
    pub const fn with_sampled(self, sampled: bool) -> Self {
        TraceFlags(self.0 & !1 | sampled as u8)
    }

    /// The same flags with the bits of `other` set as well.
    pub const fn union(self, other: TraceFlags) -> Self {
        TraceFlags(self.0 | other.0)
    }
}

/// What identifies a span to its children, here or in another process (`SpanContext` of the specification).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TraceContext {
    /// The trace.
    pub trace_id: TraceId,
    /// The span.
    pub span_id: SpanId,
    /// The W3C trace flags.
    pub flags: TraceFlags,
    /// The W3C `tracestate` header value as it travels; `None` if there is none.
    pub trace_state: Option<Arc<str>>,
    /// Whether it came from another process.
    pub is_remote: bool,
}

impl TraceContext {
    /// Whether both ids are valid.
    pub fn is_valid(&self) -> bool {
        self.trace_id.is_valid() && self.span_id.is_valid()
    }

    /// Whether the caller may have recorded trace data.
    pub fn is_sampled(&self) -> bool {
        self.flags.is_sampled()
    }
}
