//! A segment: one file of frames.

use std::path::{Path, PathBuf};

const PREFIX: &str = "segment-";
const SUFFIX: &str = ".otlpq";

/// What is known of a segment's file.
#[derive(Debug)]
pub(super) struct Segment {
    pub(super) number: u32,
    pub(super) bytes: u64,
    /// Frames without a fate.
    pub(super) live: usize,
    /// Something in it could not be read: it is kept aside instead of removed.
    pub(super) is_damaged: bool,
}

impl Segment {
    pub(super) fn new(number: u32, bytes: u64) -> Self {
        Segment { number, bytes, live: 0, is_damaged: false }
    }
}

pub(super) fn path(directory: &Path, number: u32) -> PathBuf {
    directory.join(name(number))
}

pub(super) fn name(number: u32) -> String {
    format!("{PREFIX}{number:016x}{SUFFIX}")
}

/// The number in a segment's file name.
pub(super) fn number(name: &str) -> Option<u32> {
    let digits = name.strip_prefix(PREFIX)?.strip_suffix(SUFFIX)?;
    u32::from_str_radix(digits, 16).ok().filter(|number| self::name(*number) == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_tells_the_number_and_nothing_else_is_one() {
        assert_eq!(number(&name(0x1f)), Some(0x1f));
        for other in [
            "segment-1.otlpq",
            "segment-000000000000001F.otlpq",
            "cursor",
            "segment-.otlpq",
            "segment-00000000000000010.otlpq",
            "segment-ffffffffffffffff.otlpq",
        ] {
            assert_eq!(number(other), None, "{other}");
        }
    }
}
