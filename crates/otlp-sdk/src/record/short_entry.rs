//! The common attribute, a scalar under a short key, written in few steps.
//!
//! Most of what a span costs is its attributes, and most of what an attribute costs is bookkeeping between single bytes.
//! Where every length fits into one byte, the bytes around key and value are known at once.

use otlp_core::{
    ValueRef,
    wire::encode::{self, ValueLimit},
};

use super::EntryBuffer;

/// The longest content of a message whose length is one byte.
const ONE_BYTE: usize = 127;

/// No entry written here is longer: tag and length, and the content.
pub(super) const LONGEST: usize = 2 + ONE_BYTE;

/// Appends an attribute as `field`, below 16, the same bytes as `put_key_value` does. `false`, with nothing appended, if
/// it is not as short as that or no scalar.
#[inline]
pub(super) fn put(out: &mut EntryBuffer, field: u32, key: &str, value: ValueRef<'_>, limit: ValueLimit) -> bool {
    // Any integer or double then fits as well.
    if key.len() > 64 {
        return false;
    }
    let tag = (field << 3 | 2) as u8;
    match value {
        ValueRef::Str(text) => {
            let text = encode::truncate(text, limit);
            if AROUND + key.len() + 2 + text.len() > ONE_BYTE {
                return false;
            }
            let (head, content) = begin(out, tag, key, text.len() + 2).split_at_mut(4);
            head.copy_from_slice(&[VALUE, text.len() as u8 + 2, 1 << 3 | 2, text.len() as u8]);
            content.copy_from_slice(text.as_bytes());
        }
        ValueRef::Bool(value) => {
            begin(out, tag, key, 2).copy_from_slice(&[VALUE, 2, 2 << 3, u8::from(value)]);
        }
        ValueRef::I64(value) => {
            let mut rest = value as u64;
            let digits_len = encode::varint_len(rest);
            let (head, digits) = begin(out, tag, key, 1 + digits_len).split_at_mut(3);
            head.copy_from_slice(&[VALUE, 1 + digits_len as u8, 3 << 3]);
            for digit in &mut *digits {
                *digit = rest as u8 | 0x80;
                rest >>= 7;
            }
            digits[digits_len - 1] &= 0x7f;
        }
        ValueRef::F64(value) => {
            let (head, content) = begin(out, tag, key, 9).split_at_mut(3);
            head.copy_from_slice(&[VALUE, 9, 4 << 3 | 1]);
            content.copy_from_slice(&value.to_bits().to_le_bytes());
        }
        _ => return false,
    }
    true
}

/// Tag and length of the key, and of the value.
const AROUND: usize = 4;

/// The tag of the value.
const VALUE: u8 = 2 << 3 | 2;

/// Writes everything before the value, and returns the place of tag, length and the `value_len` bytes of the value.
// Always: as a call of its own it costs a tenth of a span.
#[inline(always)]
fn begin<'a>(out: &'a mut EntryBuffer, tag: u8, key: &str, value_len: usize) -> &'a mut [u8] {
    let content_len = AROUND + key.len() + value_len;
    let (head, rest) = out.claim(2 + content_len).split_at_mut(4);
    head.copy_from_slice(&[tag, content_len as u8, 1 << 3 | 2, key.len() as u8]);
    let (name, value) = rest.split_at_mut(key.len());
    name.copy_from_slice(key.as_bytes());
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_short_is_the_same_as_the_general_form() {
        let texts: Vec<String> = (0..130).map(|length| "x".repeat(length)).collect();
        let scalars = [
            ValueRef::Bool(true),
            ValueRef::Bool(false),
            ValueRef::I64(0),
            ValueRef::I64(127),
            ValueRef::I64(128),
            ValueRef::I64(i64::MAX),
            ValueRef::I64(-1),
            ValueRef::F64(19.99),
        ];
        let mut short = 0;
        for key in &texts {
            for value in texts.iter().map(|text| ValueRef::Str(text)).chain(scalars) {
                for limit in [None, Some(3)] {
                    let mut general = Vec::new();
                    encode::put_key_value(&mut general, 9, key, value, limit);
                    let mut buffer = EntryBuffer::default();
                    if put(&mut buffer, 9, key, value, limit) {
                        short += 1;
                        assert_eq!(buffer.bytes(), general);
                        assert!(buffer.len() <= LONGEST);
                    } else {
                        assert_eq!(buffer.len(), 0);
                    }
                }
            }
        }
        assert!(short > 10_000);
    }
}
