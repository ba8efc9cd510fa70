//! Attribute values and attributes (`AnyValue` and `KeyValue`), encoded from what a caller hands in.
//!
//! Lengths of nested messages are computed before they are written, so nothing is ever moved or patched, and nothing
//! is allocated but the growth of the buffer.

use super::field::{bytes_len, put_bytes, put_fixed64, put_len, put_uint_always, varint_len};
use crate::{ValueRef, decimal::Decimal};

/// The longest a string value may be, in characters; `None` has no limit. Strings within arrays are cut as well, as
/// the specification of attribute limits says.
pub type ValueLimit = Option<usize>;

/// `text` cut after `limit` characters.
#[inline]
pub fn truncate(text: &str, limit: ValueLimit) -> &str {
    match limit {
        Some(limit) if text.len() > limit => text.char_indices().nth(limit).map_or(text, |(end, _)| &text[..end]),
        _ => text,
    }
}

/// Depth beyond which nested arrays and maps are cut off. Readers of protobuf refuse messages nested deeper than 100
/// levels, of which a map takes three and the way to an exemplar's attribute eight; readers of JSON, where a map takes
/// four, stop at 128.
pub const MAX_DEPTH: usize = 24;

/// How many bytes `value` takes as the content of an `AnyValue` message.
#[inline]
pub fn any_value_len(value: ValueRef<'_>, limit: ValueLimit) -> usize {
    nested_any_value_len(value, limit, 0)
}

fn nested_any_value_len(value: ValueRef<'_>, limit: ValueLimit, depth: usize) -> usize {
    match value {
        ValueRef::Empty => 0,
        ValueRef::Str(text) => bytes_len(1, truncate(text, limit).len()),
        ValueRef::Bool(_) => 2,
        ValueRef::I64(value) => 1 + varint_len(value as u64),
        ValueRef::U64(value) if value <= i64::MAX as u64 => 1 + varint_len(value),
        ValueRef::U64(value) => bytes_len(1, Decimal::of_u64(value).as_bytes().len()),
        ValueRef::F64(_) => 9,
        ValueRef::Bytes(bytes) => bytes_len(7, bytes.len()),
        ValueRef::Array(_) | ValueRef::Map(_) => {
            bytes_len(if matches!(value, ValueRef::Array(_)) { 5 } else { 6 }, collection_len(value, limit, depth))
        }
    }
}

/// The length of the content of an `ArrayValue` or a `KeyValueList`.
fn collection_len(value: ValueRef<'_>, limit: ValueLimit, depth: usize) -> usize {
    let mut len = 0;
    match value {
        _ if depth == MAX_DEPTH => {}
        ValueRef::Array(values) => {
            for index in 0..values.len() {
                len += bytes_len(1, nested_any_value_len(values.get(index), limit, depth + 1));
            }
        }
        ValueRef::Map(values) => values.for_each(&mut |key, value| {
            len += bytes_len(1, nested_key_value_len(key, value, limit, depth + 1));
        }),
        _ => {}
    }
    len
}

/// Appends the content of an `AnyValue` message: exactly [`any_value_len`] bytes.
#[inline]
pub fn put_any_value(out: &mut Vec<u8>, value: ValueRef<'_>, limit: ValueLimit) {
    put_nested_any_value(out, value, limit, 0);
}

fn put_nested_any_value(out: &mut Vec<u8>, value: ValueRef<'_>, limit: ValueLimit, depth: usize) {
    match value {
        ValueRef::Empty => {}
        ValueRef::Str(text) => put_bytes(out, 1, truncate(text, limit).as_bytes()),
        ValueRef::Bool(value) => put_uint_always(out, 2, u64::from(value)),
        ValueRef::I64(value) => put_uint_always(out, 3, value as u64),
        ValueRef::U64(value) if value <= i64::MAX as u64 => put_uint_always(out, 3, value),
        ValueRef::U64(value) => put_bytes(out, 1, Decimal::of_u64(value).as_bytes()),
        ValueRef::F64(value) => put_fixed64(out, 4, value.to_bits()),
        ValueRef::Bytes(bytes) => put_bytes(out, 7, bytes),
        ValueRef::Array(values) => {
            put_len(out, 5, collection_len(value, limit, depth));
            for index in 0..if depth == MAX_DEPTH { 0 } else { values.len() } {
                let element = values.get(index);
                put_len(out, 1, nested_any_value_len(element, limit, depth + 1));
                put_nested_any_value(out, element, limit, depth + 1);
            }
        }
        ValueRef::Map(values) => {
            put_len(out, 6, collection_len(value, limit, depth));
            if depth < MAX_DEPTH {
                values.for_each(&mut |key, value| {
                    put_len(out, 1, nested_key_value_len(key, value, limit, depth + 1));
                    put_nested_key_value(out, key, value, limit, depth + 1);
                });
            }
        }
    }
}

/// How many bytes a pair takes as the content of a `KeyValue` message.
#[inline]
pub fn key_value_len(key: &str, value: ValueRef<'_>, limit: ValueLimit) -> usize {
    nested_key_value_len(key, value, limit, 0)
}

#[inline]
fn nested_key_value_len(key: &str, value: ValueRef<'_>, limit: ValueLimit, depth: usize) -> usize {
    bytes_len(1, key.len()) + bytes_len(2, nested_any_value_len(value, limit, depth))
}

/// Appends a repeated `KeyValue` field, the shape of every attribute list of OTLP.
#[inline]
pub fn put_key_value(out: &mut Vec<u8>, field: u32, key: &str, value: ValueRef<'_>, limit: ValueLimit) {
    put_len(out, field, key_value_len(key, value, limit));
    put_nested_key_value(out, key, value, limit, 0);
}

#[inline]
fn put_nested_key_value(out: &mut Vec<u8>, key: &str, value: ValueRef<'_>, limit: ValueLimit, depth: usize) {
    put_bytes(out, 1, key.as_bytes());
    put_len(out, 2, nested_any_value_len(value, limit, depth));
    put_nested_any_value(out, value, limit, depth);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{AttributeValue, Value};

    #[test]
    fn a_limit_counts_characters_and_cuts_at_their_boundary() {
        assert_eq!(truncate("häuser", Some(2)), "hä");
        assert_eq!(truncate("häuser", Some(6)), "häuser");
        assert_eq!(truncate("häuser", None), "häuser");
        assert_eq!(truncate("x", Some(0)), "");
    }

    #[test]
    fn nesting_beyond_the_depth_is_cut_and_lengths_still_agree() {
        let mut value = Value::from("core");
        for _ in 0..100 {
            value = Value::Array(vec![value]);
        }
        let mut out = Vec::new();
        put_any_value(&mut out, value.as_value(), None);
        assert_eq!(out.len(), any_value_len(value.as_value(), None));
        assert!(!out.windows(4).any(|window| window == b"core"));
    }
}
