//! The protobuf writer: appends fields to a `Vec<u8>` that the caller owns and reuses.
//!
//! Lengths of nested messages are computed before they are written, so nothing is ever moved or patched, and nothing
//! is allocated but the growth of the buffer.

use crate::ValueRef;

/// The wire types of protobuf that OTLP uses.
const VARINT: u32 = 0;
const FIXED64: u32 = 1;
const LEN: u32 = 2;
const FIXED32: u32 = 5;

/// How many bytes `value` takes as a varint.
#[inline]
pub const fn varint_len(value: u64) -> usize {
    // Seven bits a byte; `| 1` gives zero its one byte.
    ((64 - (value | 1).leading_zeros() as usize) + 6) / 7
}

/// Appends a varint.
#[inline]
pub fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    if value < 0x80 {
        out.push(value as u8);
        return;
    }
    let mut bytes = [0; 10];
    let mut len = 0;
    while value >= 0x80 {
        bytes[len] = value as u8 | 0x80;
        value >>= 7;
        len += 1;
    }
    bytes[len] = value as u8;
    out.extend_from_slice(&bytes[..=len]);
}

#[inline]
fn put_tag(out: &mut Vec<u8>, field: u32, wire_type: u32) {
    put_varint(out, u64::from(field << 3 | wire_type));
}

/// How many bytes the tag of `field` takes.
#[inline]
pub const fn tag_len(field: u32) -> usize {
    varint_len((field as u64) << 3)
}

/// How many bytes a length-delimited field with `len` bytes of content takes.
#[inline]
pub const fn bytes_len(field: u32, len: usize) -> usize {
    tag_len(field) + varint_len(len as u64) + len
}

/// Appends tag and length of a length-delimited field; the caller appends exactly `len` bytes next.
#[inline]
pub fn put_len(out: &mut Vec<u8>, field: u32, len: usize) {
    put_tag(out, field, LEN);
    put_varint(out, len as u64);
}

/// Appends a `bytes`, `string` or message field.
#[inline]
pub fn put_bytes(out: &mut Vec<u8>, field: u32, bytes: &[u8]) {
    put_len(out, field, bytes.len());
    out.extend_from_slice(bytes);
}

/// Appends a `string` field, unless it is empty (protobuf's default).
#[inline]
pub fn put_string(out: &mut Vec<u8>, field: u32, text: &str) {
    if !text.is_empty() {
        put_bytes(out, field, text.as_bytes());
    }
}

/// Appends a `uint32`, `uint64`, `enum` or `bool` field, unless it is zero (protobuf's default).
#[inline]
pub fn put_uint(out: &mut Vec<u8>, field: u32, value: u64) {
    if value != 0 {
        put_tag(out, field, VARINT);
        put_varint(out, value);
    }
}

/// Appends an integer field even if it is zero, as members of a `oneof` and `optional` fields need.
#[inline]
pub fn put_uint_always(out: &mut Vec<u8>, field: u32, value: u64) {
    put_tag(out, field, VARINT);
    put_varint(out, value);
}

/// Appends a `sint32` field (zigzag), unless it is zero.
#[inline]
pub fn put_sint32(out: &mut Vec<u8>, field: u32, value: i32) {
    put_uint(out, field, u64::from((value << 1 ^ value >> 31) as u32));
}

/// Appends a `fixed64`, `sfixed64` or `double` field, zero or not; a double goes in by `to_bits`.
#[inline]
pub fn put_fixed64(out: &mut Vec<u8>, field: u32, value: u64) {
    put_tag(out, field, FIXED64);
    out.extend_from_slice(&value.to_le_bytes());
}

/// Appends a `fixed32` field, unless it is zero.
#[inline]
pub fn put_fixed32(out: &mut Vec<u8>, field: u32, value: u32) {
    if value != 0 {
        put_tag(out, field, FIXED32);
        out.extend_from_slice(&value.to_le_bytes());
    }
}

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

/// Depth beyond which nested arrays and maps are cut off: readers of protobuf refuse deeper messages.
pub const MAX_DEPTH: usize = 32;

/// A `u64` beyond `i64::MAX` in decimal digits, on the stack.
struct Decimal {
    digits: [u8; 20],
    start: usize,
}

impl Decimal {
    fn new(mut value: u64) -> Self {
        let mut digits = [b'0'; 20];
        let mut start = 20;
        loop {
            start -= 1;
            digits[start] = b'0' + (value % 10) as u8;
            value /= 10;
            if value == 0 {
                return Decimal { digits, start };
            }
        }
    }

    fn as_bytes(&self) -> &[u8] {
        &self.digits[self.start..]
    }
}

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
        ValueRef::U64(value) => bytes_len(1, Decimal::new(value).as_bytes().len()),
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
        ValueRef::U64(value) => put_bytes(out, 1, Decimal::new(value).as_bytes()),
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
    fn varint_lengths_agree_with_what_is_written() {
        for shift in 0..64 {
            for value in [1u64 << shift, (1u64 << shift) - 1, u64::MAX >> shift] {
                let mut out = Vec::new();
                put_varint(&mut out, value);
                assert_eq!(out.len(), varint_len(value), "{value}");
            }
        }
    }

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
