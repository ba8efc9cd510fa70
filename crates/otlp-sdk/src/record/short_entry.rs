//! The common attribute, a scalar under a short key, written in few steps.
//!
//! Most of what a span costs is its attributes, and most of what an attribute costs is bookkeeping between single bytes.
//! Where every length fits into one byte, the bytes around key and value are known at once.

use otlp_core::{
    ValueRef,
    wire::encode::{self, ValueLimit},
};

/// The longest content of a message whose length is one byte.
const ONE_BYTE: usize = 127;

/// No entry written here is longer: tag and length, and the content.
pub(super) const LONGEST: usize = 2 + ONE_BYTE;

/// Appends an attribute as `field`, below 16, the same bytes as `put_key_value` does. `false`, with nothing appended, if
/// it is not as short as that or no scalar.
#[inline]
pub(super) fn put(out: &mut Vec<u8>, field: u32, key: &str, value: ValueRef<'_>, limit: ValueLimit) -> bool {
    /// Tag and length of the key, and of the value.
    const AROUND: usize = 4;
    // Any integer or double then fits as well.
    if key.len() > 64 {
        return false;
    }
    let start = |out: &mut Vec<u8>, value_len: usize| {
        let content_len = AROUND + key.len() + value_len;
        out.extend_from_slice(&[(field << 3 | 2) as u8, content_len as u8, 1 << 3 | 2, key.len() as u8]);
        out.extend_from_slice(key.as_bytes());
    };
    let value_tag = 2 << 3 | 2;
    match value {
        ValueRef::Str(text) => {
            let text = encode::truncate(text, limit);
            if AROUND + key.len() + 2 + text.len() > ONE_BYTE {
                return false;
            }
            start(out, text.len() + 2);
            out.extend_from_slice(&[value_tag, text.len() as u8 + 2, 1 << 3 | 2, text.len() as u8]);
            out.extend_from_slice(text.as_bytes());
        }
        ValueRef::Bool(value) => {
            start(out, 2);
            out.extend_from_slice(&[value_tag, 2, 2 << 3, u8::from(value)]);
        }
        ValueRef::I64(value) => {
            let value_len = 1 + encode::varint_len(value as u64);
            start(out, value_len);
            out.extend_from_slice(&[value_tag, value_len as u8, 3 << 3]);
            encode::put_varint(out, value as u64);
        }
        ValueRef::F64(value) => {
            start(out, 9);
            out.extend_from_slice(&[value_tag, 9, 4 << 3 | 1]);
            out.extend_from_slice(&value.to_bits().to_le_bytes());
        }
        _ => return false,
    }
    true
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
                    let mut bytes = Vec::new();
                    if put(&mut bytes, 9, key, value, limit) {
                        short += 1;
                        assert_eq!(bytes, general);
                        assert!(bytes.len() <= LONGEST);
                    } else {
                        assert!(bytes.is_empty());
                    }
                }
            }
        }
        assert!(short > 10_000);
    }
}
