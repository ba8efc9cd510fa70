//! Sizes as people write them: `64KiB`, `100 MB`, `1048576`.

use std::fmt;

use serde::{
    Deserializer, Serializer,
    de::{Error, Unexpected, Visitor},
};

/// The units, from small to large; those by 1,024 last.
const UNITS: [(&str, u64); 10] = [
    ("B", 1),
    ("kB", 1_000),
    ("KB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("TB", 1_000_000_000_000),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
];

/// Writes a size in the largest unit in which it is a whole number.
pub(crate) fn serialize<N: Copy + TryInto<u64>, S: Serializer>(bytes: &N, serializer: S) -> Result<S::Ok, S::Error> {
    let bytes: u64 = (*bytes).try_into().map_err(|_| serde::ser::Error::custom("a size of more than 64 bits"))?;
    let by_1024 = UNITS.iter().rev().take(4);
    match by_1024.copied().find(|(_, size)| bytes >= *size && bytes.is_multiple_of(*size)) {
        Some((unit, size)) => serializer.collect_str(&format_args!("{}{unit}", bytes / size)),
        None => serializer.serialize_u64(bytes),
    }
}

/// Reads a size: a number of bytes, or a whole number and its unit.
pub(crate) fn deserialize<'de, N: TryFrom<u64>, D: Deserializer<'de>>(deserializer: D) -> Result<N, D::Error> {
    let bytes = deserializer.deserialize_any(BytesVisitor)?;
    N::try_from(bytes).map_err(|_| D::Error::invalid_value(Unexpected::Unsigned(bytes), &BytesVisitor))
}

struct BytesVisitor;

impl Visitor<'_> for BytesVisitor {
    type Value = u64;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a size, like 64KiB, 100MB or a number of bytes")
    }

    fn visit_u64<E: Error>(self, bytes: u64) -> Result<u64, E> {
        Ok(bytes)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<u64, E> {
        parse(text).ok_or_else(|| E::invalid_value(Unexpected::Str(text), &self))
    }
}

fn parse(text: &str) -> Option<u64> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let number: u64 = number.parse().ok()?;
    let unit = unit.trim_start();
    let (_, size) = UNITS.iter().find(|(name, _)| *name == unit)?;
    number.checked_mul(*size)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_by_their_units() {
        for (text, bytes) in [
            ("0B", Some(0)),
            ("64KiB", Some(64 << 10)),
            ("100 MB", Some(100_000_000)),
            ("1kB", Some(1000)),
            ("16777215TiB", Some(16_777_215 << 40)),
            ("16777216TiB", None),
            ("64", None),
            ("KiB", None),
            ("-1B", None),
            ("1.5MiB", None),
            ("1 kib", None),
            ("", None),
        ] {
            assert_eq!(parse(text), bytes, "{text}");
        }
    }
}
