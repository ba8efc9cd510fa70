//! Fields of protobuf messages, one by one.

/// The wire types of protobuf that OTLP uses.
const VARINT: u32 = 0;
const FIXED64: u32 = 1;
const LEN: u32 = 2;
const FIXED32: u32 = 5;

/// How many bytes `value` takes as a varint.
#[inline]
pub const fn varint_len(value: u64) -> usize {
    // Seven bits a byte: 9/64 is near enough to 1/7 for all 64 bits, without a division. `| 1` gives zero its one byte.
    ((value | 1).ilog2() as usize * 9 + 73) / 64
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

#[cfg(test)]
mod tests {
    use super::*;

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
}
