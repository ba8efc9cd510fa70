//! Fields that only the encoders of owned data need: nested messages, attribute lists, numbers with protobuf's default.

use super::{put_bytes, put_fixed64, put_key_value, put_len};
use crate::{AttributeValue, Attributes, SpanId, TraceId};

/// Appends a message field whose content `write` appends.
///
/// The length stands before the content and is known only after it, so the content moves by the few bytes of its head.
/// Call sites, which must not move anything, compute their lengths instead.
pub(super) fn put_message(out: &mut Vec<u8>, field: u32, write: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    write(out);
    let end = out.len();
    put_len(out, field, end - start);
    let head = out.len() - end;
    out[start..].rotate_right(head);
}

/// Appends attributes.
pub(super) fn put_attributes(out: &mut Vec<u8>, field: u32, attributes: &Attributes) {
    for attribute in attributes {
        put_key_value(out, field, &attribute.key, attribute.value.as_value(), None);
    }
}

/// Appends a `fixed64` field, unless it is zero (protobuf's default).
pub(super) fn put_nonzero_fixed64(out: &mut Vec<u8>, field: u32, value: u64) {
    if value != 0 {
        put_fixed64(out, field, value);
    }
}

/// Appends an `optional double` field.
pub(super) fn put_optional_double(out: &mut Vec<u8>, field: u32, value: Option<f64>) {
    if let Some(value) = value {
        put_fixed64(out, field, value.to_bits());
    }
}

/// Appends a trace id, unless there is none.
pub(super) fn put_trace_id(out: &mut Vec<u8>, field: u32, id: TraceId) {
    if id.is_valid() {
        put_bytes(out, field, id.as_bytes());
    }
}

/// Appends a span id, unless there is none.
pub(super) fn put_span_id(out: &mut Vec<u8>, field: u32, id: SpanId) {
    if id.is_valid() {
        put_bytes(out, field, id.as_bytes());
    }
}
