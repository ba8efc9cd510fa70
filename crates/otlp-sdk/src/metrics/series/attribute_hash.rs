//! A hash of attributes as they are handed in: no copy, no sorting, the same for every order.
//!
//! Each pair is hashed by itself with folded multiplications, which the processor does side by side, and the pairs are
//! summed, which makes the order irrelevant. The seed is random per process, so nobody can prepare collisions from
//! outside. A collision costs a comparison and nothing else: whoever finds a series by its hash compares all of it.

use otlp_core::{AttributeSet, ValueRef, wire::encode::MAX_DEPTH};

/// Odd constants with evenly distributed bits (from the digits of the square roots of primes), one per type of value.
const KEY: u64 = 0x9e37_79b9_7f4a_7c15;
const TEXT: u64 = 0xbb67_ae85_84ca_a73b;
const BOOL: u64 = 0x3c6e_f372_fe94_f82b;
const INTEGER: u64 = 0xa54f_f53a_5f1d_36f1;
const DOUBLE: u64 = 0x510e_527f_ade6_82d1;
const BYTES: u64 = 0x9b05_688c_2b3e_6c1f;
const ARRAY: u64 = 0x1f83_d9ab_fb41_bd6b;
const MAP: u64 = 0x5be0_cd19_137e_2179;
const EMPTY: u64 = 0xcbbb_9d5d_c105_9ed9;

/// The hash of `attributes`, whatever their order.
#[inline]
pub(in crate::metrics) fn hash_attributes<A: AttributeSet + ?Sized>(seed: u64, attributes: &A) -> u64 {
    let mut sum = seed;
    attributes.for_each(|key, value| sum = sum.wrapping_add(hash_pair(seed, key, value, 0)));
    sum
}

#[inline]
fn hash_pair(seed: u64, key: &str, value: ValueRef<'_>, depth: usize) -> u64 {
    folded_multiply(hash_bytes(seed ^ KEY, key.as_bytes()), hash_value(seed, value, depth) ^ KEY)
}

#[inline]
fn hash_value(seed: u64, value: ValueRef<'_>, depth: usize) -> u64 {
    match value {
        ValueRef::Str(text) => hash_bytes(seed ^ TEXT, text.as_bytes()),
        ValueRef::I64(value) => folded_multiply(seed ^ value as u64, INTEGER),
        ValueRef::Bool(value) => folded_multiply(seed ^ u64::from(value), BOOL),
        ValueRef::F64(value) => folded_multiply(seed ^ value.to_bits(), DOUBLE),
        _ => hash_rare_value(seed, value, depth),
    }
}

/// The values that attributes of metrics seldom have.
fn hash_rare_value(seed: u64, value: ValueRef<'_>, depth: usize) -> u64 {
    match value {
        ValueRef::U64(value) => match i64::try_from(value) {
            Ok(value) => hash_value(seed, ValueRef::I64(value), depth),
            // Such a value is a string in OTLP, and one series with it.
            Err(_) => hash_value(seed, ValueRef::Str(&value.to_string()), depth),
        },
        ValueRef::Bytes(bytes) => hash_bytes(seed ^ BYTES, bytes),
        // The encoder cuts off what is nested deeper, so it makes no difference here either.
        ValueRef::Array(_) if depth == MAX_DEPTH => ARRAY,
        ValueRef::Map(_) if depth == MAX_DEPTH => MAP,
        ValueRef::Array(values) => (0..values.len()).fold(seed ^ ARRAY, |hash, index| {
            folded_multiply(hash ^ hash_value(seed, values.get(index), depth + 1), ARRAY)
        }),
        ValueRef::Map(values) => {
            let mut sum = seed ^ MAP;
            values.for_each(&mut |key, value| sum = sum.wrapping_add(hash_pair(seed, key, value, depth + 1)));
            folded_multiply(sum, MAP)
        }
        _ => EMPTY,
    }
}

/// The hash of bytes: two overlapping reads for up to 16 of them, which is what most keys and values are.
#[inline]
fn hash_bytes(seed: u64, bytes: &[u8]) -> u64 {
    let len = bytes.len();
    // Above the bits that a short text reaches, or `1` could meet `21`.
    let seed = seed ^ (len as u64) << 40;
    let (low, high) = match (bytes.first_chunk::<8>(), bytes.last_chunk::<8>()) {
        (Some(low), Some(high)) if len <= 16 => (u64::from_le_bytes(*low), u64::from_le_bytes(*high)),
        (Some(_), Some(_)) => return hash_long(seed, bytes),
        _ => match (bytes.first_chunk::<4>(), bytes.last_chunk::<4>()) {
            (Some(low), Some(high)) => (u64::from(u32::from_le_bytes(*low)), u64::from(u32::from_le_bytes(*high))),
            _ => match (bytes.first(), bytes.last()) {
                (Some(low), Some(high)) => (u64::from(*low), u64::from(*high) | u64::from(bytes[len / 2]) << 8),
                _ => (0, 0),
            },
        },
    };
    folded_multiply(low ^ seed, high ^ KEY)
}

/// The hash of more than 16 bytes: 16 at a time, the last 16 overlapping.
fn hash_long(seed: u64, bytes: &[u8]) -> u64 {
    let mix = |hash: u64, chunk: &[u8; 16]| {
        let chunk = u128::from_le_bytes(*chunk);
        folded_multiply(hash ^ chunk as u64, (chunk >> 64) as u64 ^ TEXT)
    };
    let (chunks, _) = bytes.as_chunks::<16>();
    let hash = chunks.iter().fold(seed, mix);
    bytes.last_chunk::<16>().map_or(hash, |last| mix(hash.rotate_left(29), last))
}

/// Both halves of the product: every bit of the operands reaches every bit of the result.
#[inline]
fn folded_multiply(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    product as u64 ^ (product >> 64) as u64
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    const SEED: u64 = 0x0123_4567_89ab_cdef;

    #[test]
    fn the_order_makes_no_difference() {
        let one = hash_attributes(SEED, &[("a", "1"), ("b", "2"), ("c", "3")]);
        assert_eq!(one, hash_attributes(SEED, &[("c", "3"), ("a", "1"), ("b", "2")]));
        assert_ne!(one, hash_attributes(SEED, &[("a", "2"), ("b", "1"), ("c", "3")]));
        assert_ne!(one, hash_attributes(SEED + 1, &[("a", "1"), ("b", "2"), ("c", "3")]));
    }

    #[test]
    fn values_that_differ_only_in_type_differ() {
        let hashes = HashSet::from([
            hash_attributes(SEED, &[("k", "1")]),
            hash_attributes(SEED, &[("k", 1)]),
            hash_attributes(SEED, &[("k", 1.0)]),
            hash_attributes(SEED, &[("k", true)]),
            hash_attributes(SEED, &[("k", b"1")]),
            hash_attributes(SEED, &[("k", ["1"])]),
            hash_attributes(SEED, &[("k", ValueRef::Empty)]),
        ]);
        assert_eq!(hashes.len(), 7);
        assert_eq!(hash_attributes(SEED, &[("k", 1u64)]), hash_attributes(SEED, &[("k", 1i32)]));
        assert_eq!(hash_attributes(SEED, &[("k", u64::MAX)]), hash_attributes(SEED, &[("k", u64::MAX.to_string())]));
    }

    #[test]
    fn similar_texts_of_every_length_spread_over_small_tables() {
        for len in 1..40 {
            let hashes: Vec<u64> =
                (0..1_000).map(|number| hash_attributes(SEED, &[("id", format!("{number:0len$}"))])).collect();
            let texts: HashSet<String> = (0..1_000).map(|number| format!("{number:0len$}")).collect();
            assert_eq!(hashes.iter().collect::<HashSet<_>>().len(), texts.len(), "length {len}");
            // 1,000 random numbers below 1,024 meet about 640 different ones.
            let low = hashes.iter().map(|hash| hash % 1_024).collect::<HashSet<_>>().len();
            assert!(low > 560, "length {len}: {low} different low bits");
        }
    }
}
