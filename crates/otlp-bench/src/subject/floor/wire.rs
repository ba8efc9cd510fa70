//! Protobuf as a hand writes it: tags are literals, and lengths of nested messages are patched in afterwards, in a varint
//! of fixed width (longer than necessary, which every decoder takes).

/// Tags are `field << 3 | wire type`; all here are of fields below 16, one byte.
pub(super) type Tag = u8;

pub(super) fn varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

pub(super) fn varint_len(value: u64) -> usize {
    (64 - (value | 1).leading_zeros() as usize).div_ceil(7)
}

#[inline]
pub(super) fn bytes(out: &mut Vec<u8>, tag: Tag, content: &[u8]) {
    out.push(tag);
    varint(out, content.len() as u64);
    out.extend_from_slice(content);
}

#[inline]
pub(super) fn fixed64(out: &mut Vec<u8>, tag: Tag, value: u64) {
    let mut field = [tag; 9];
    field[1..].copy_from_slice(&value.to_le_bytes());
    out.extend_from_slice(&field);
}

#[inline]
pub(super) fn uint(out: &mut Vec<u8>, tag: Tag, value: u64) {
    out.push(tag);
    varint(out, value);
}

/// A nested message whose length takes `WIDTH` bytes: up to 16 KiB in two, 256 MiB in four.
#[inline]
pub(super) fn nested<const WIDTH: usize>(out: &mut Vec<u8>, tag: Tag, content: impl FnOnce(&mut Vec<u8>)) {
    out.push(tag);
    let at = out.len();
    out.extend_from_slice(&[0; WIDTH]);
    content(out);
    let length = out.len() - at - WIDTH;
    debug_assert!(length < 1 << (7 * WIDTH));
    for (index, byte) in out[at..at + WIDTH].iter_mut().enumerate() {
        *byte = (length >> (7 * index)) as u8 & 0x7f | if index + 1 < WIDTH { 0x80 } else { 0 };
    }
}

/// A string attribute; key and value together below 100 bytes, so that each length is one byte.
#[inline]
pub(super) fn text_attribute(out: &mut Vec<u8>, tag: Tag, key: &str, value: &str) {
    let any_value = value.len() + 2;
    head(out, tag, key, any_value);
    out.extend_from_slice(&[0x0a, value.len() as u8]);
    out.extend_from_slice(value.as_bytes());
}

#[inline]
pub(super) fn bool_attribute(out: &mut Vec<u8>, tag: Tag, key: &str, value: bool) {
    head(out, tag, key, 2);
    out.extend_from_slice(&[0x10, u8::from(value)]);
}

#[inline]
pub(super) fn int_attribute(out: &mut Vec<u8>, tag: Tag, key: &str, value: i64) {
    head(out, tag, key, 1 + varint_len(value as u64));
    uint(out, 0x18, value as u64);
}

#[inline]
pub(super) fn float_attribute(out: &mut Vec<u8>, tag: Tag, key: &str, value: f64) {
    head(out, tag, key, 9);
    fixed64(out, 0x21, value.to_bits());
}

#[inline]
fn head(out: &mut Vec<u8>, tag: Tag, key: &str, any_value: usize) {
    let pair = key.len() + 2 + any_value + 2;
    debug_assert!(pair < 0x80);
    out.extend_from_slice(&[tag, pair as u8, 0x0a, key.len() as u8]);
    out.extend_from_slice(key.as_bytes());
    out.extend_from_slice(&[0x12, any_value as u8]);
}
