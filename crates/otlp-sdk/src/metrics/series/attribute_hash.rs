//! A hash of attributes as they are handed in: no copy, no sorting, the same for every order.
//!
//! Each pair is hashed by itself with folded multiplications, which the processor does side by side, and the pairs are
//! summed, which makes the order irrelevant. The seed is random per process, so nobody can prepare collisions from
//! outside. A collision costs a comparison and nothing else: whoever finds a series by its hash compares all of it.

use otlp_core::{AttributeSet, ValueMap, ValueRef, ValueSequence, wire::encode::MAX_DEPTH};

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

#[inline(always)]
fn hash_pair(seed: u64, key: &str, value: ValueRef<'_>, depth: usize) -> u64 {
    folded_multiply(key_word(key.as_bytes()) ^ seed, hash_value(seed, value, depth) ^ KEY)
}

/// What stands for a key: its length and its ends. The keys of an instrument are few and hardly ever differ in the middle
/// alone, and what they do not tell apart the values and the comparison do.
#[inline(always)]
fn key_word(key: &[u8]) -> u64 {
    let ends = match (key.first_chunk(), key.last_chunk()) {
        (Some(first), Some(last)) => u64::from_le_bytes(*first) ^ u64::from_le_bytes(*last).rotate_left(29),
        _ => {
            let (low, high) = short_ends(key);
            low | high << 32
        }
    };
    ends ^ (key.len() as u64).rotate_right(8)
}

/// Takes the value apart here, where it is known, and hands on only parts of it: a value that is handed on as a whole
/// would be copied first, right after the caller wrote it.
#[inline(always)]
fn hash_value(seed: u64, value: ValueRef<'_>, depth: usize) -> u64 {
    match value {
        ValueRef::Empty => EMPTY,
        ValueRef::Str(text) => hash_bytes(seed ^ TEXT, text.as_bytes()),
        ValueRef::Bool(value) => folded_multiply(seed ^ u64::from(value), BOOL),
        ValueRef::I64(value) => hash_integer(seed, value),
        ValueRef::U64(value) => match i64::try_from(value) {
            Ok(value) => hash_integer(seed, value),
            // Such a value is a string in OTLP, and one series with it.
            Err(_) => hash_rare_bytes(seed ^ TEXT, value.to_string().as_bytes()),
        },
        ValueRef::F64(value) => folded_multiply(seed ^ value.to_bits(), DOUBLE),
        ValueRef::Bytes(bytes) => hash_rare_bytes(seed ^ BYTES, bytes),
        ValueRef::Array(values) => hash_array(seed, values, depth),
        ValueRef::Map(values) => hash_map(seed, values, depth),
    }
}

#[inline(always)]
fn hash_integer(seed: u64, value: i64) -> u64 {
    folded_multiply(seed ^ value as u64, INTEGER)
}

#[cold]
fn hash_array(seed: u64, values: &dyn ValueSequence, depth: usize) -> u64 {
    // The encoder cuts off what is nested deeper, so it makes no difference here either.
    let len = if depth == MAX_DEPTH { 0 } else { values.len() };
    (0..len)
        .fold(seed ^ ARRAY, |hash, index| folded_multiply(hash ^ hash_value(seed, values.get(index), depth + 1), ARRAY))
}

#[cold]
fn hash_map(seed: u64, values: &dyn ValueMap, depth: usize) -> u64 {
    let mut sum = seed ^ MAP;
    if depth < MAX_DEPTH {
        values.for_each(&mut |key, value| sum = sum.wrapping_add(hash_pair(seed, key, value, depth + 1)));
    }
    folded_multiply(sum, MAP)
}

/// [`hash_bytes`], out of the way of what is common.
#[cold]
fn hash_rare_bytes(seed: u64, bytes: &[u8]) -> u64 {
    hash_bytes(seed, bytes)
}

/// The hash of bytes: two or four overlapping reads for the 8 to 32 of them that most values are.
#[inline(always)]
fn hash_bytes(seed: u64, bytes: &[u8]) -> u64 {
    let len = bytes.len();
    // Above the bits that a short text reaches, or `1` could meet `21`.
    let seed = seed ^ (len as u64) << 40;
    if len > 32 {
        return hash_long(seed, bytes);
    }
    if len >= 8 {
        if let (true, Some(first), Some(last)) = (len <= 16, bytes.first_chunk(), bytes.last_chunk()) {
            return folded_multiply(u64::from_le_bytes(*first) ^ seed, u64::from_le_bytes(*last) ^ KEY);
        }
        let last = len - 8;
        let step = last.min(8);
        let [a, b, c, d] = [0, step, last - step, last].map(|start| {
            bytes.get(start..).and_then(<[u8]>::first_chunk).map_or(0, |chunk| u64::from_le_bytes(*chunk))
        });
        return folded_multiply(a ^ seed, b ^ KEY) ^ folded_multiply(c ^ TEXT, d ^ seed.rotate_left(32));
    }
    let (low, high) = short_ends(bytes);
    folded_multiply(low ^ seed, high ^ KEY)
}

/// All of less than eight bytes, in two words of 32 bits that may overlap.
#[inline(always)]
fn short_ends(bytes: &[u8]) -> (u64, u64) {
    match (bytes.first_chunk(), bytes.last_chunk()) {
        (Some(low), Some(high)) => (u64::from(u32::from_le_bytes(*low)), u64::from(u32::from_le_bytes(*high))),
        _ => match (bytes.first(), bytes.last()) {
            (Some(low), Some(high)) => (u64::from(*low), u64::from(*high) | u64::from(bytes[bytes.len() / 2]) << 8),
            _ => (0, 0),
        },
    }
}

/// The hash of many bytes: 16 at a time, the last 16 overlapping.
#[inline(never)]
fn hash_long(seed: u64, bytes: &[u8]) -> u64 {
    let mix = |hash: u64, chunk: &[u8; 16]| {
        let chunk = u128::from_le_bytes(*chunk);
        folded_multiply(hash ^ chunk as u64, (chunk >> 64) as u64 ^ TEXT)
    };
    let (chunks, _) = bytes.as_chunks();
    let hash = chunks.iter().fold(seed, mix);
    bytes.last_chunk().map_or(hash, |last| mix(hash.rotate_left(29), last))
}

/// Both halves of the product: every bit of the operands reaches every bit of the result.
#[inline(always)]
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
