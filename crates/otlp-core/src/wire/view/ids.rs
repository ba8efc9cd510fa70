//! Trace and span ids in encoded messages: absent, or of their exact length.

use crate::{
    SpanId, TraceId,
    wire::decode::{DecodeError, DecodeErrorKind, Field},
};

/// The trace id of this field; an empty one is [`TraceId::INVALID`].
#[inline]
pub(super) fn trace_id(field: &Field<'_>) -> Result<TraceId, DecodeError> {
    let bytes = field.bytes()?;
    if bytes.is_empty() {
        return Ok(TraceId::INVALID);
    }
    TraceId::from_slice(bytes).ok_or_else(|| wrong_length(field, "a trace id of 16 bytes", bytes.len()))
}

/// The span id of this field; an empty one is [`SpanId::INVALID`].
#[inline]
pub(super) fn span_id(field: &Field<'_>) -> Result<SpanId, DecodeError> {
    let bytes = field.bytes()?;
    if bytes.is_empty() {
        return Ok(SpanId::INVALID);
    }
    SpanId::from_slice(bytes).ok_or_else(|| wrong_length(field, "a span id of 8 bytes", bytes.len()))
}

/// The trace id of this field, if it is valid: OTLP takes an absent id and one of zeros for the same.
#[inline]
pub(super) fn valid_trace_id(field: &Field<'_>) -> Result<Option<TraceId>, DecodeError> {
    trace_id(field).map(|id| Some(id).filter(|id| id.is_valid()))
}

/// The span id of this field, if it is valid.
#[inline]
pub(super) fn valid_span_id(field: &Field<'_>) -> Result<Option<SpanId>, DecodeError> {
    span_id(field).map(|id| Some(id).filter(|id| id.is_valid()))
}

#[cold]
fn wrong_length(field: &Field<'_>, what: &'static str, got: usize) -> DecodeError {
    DecodeError::new(DecodeErrorKind::WrongLength { field: field.number(), what, got }, field.offset())
}
