//! A segment: one file of frames.

use std::path::{Path, PathBuf};

use super::file_system::DiskFile;

const PREFIX: &str = "segment-";
const SUFFIX: &str = ".otlpq";

/// What is known of a segment's file.
#[derive(Debug)]
pub(super) struct Segment {
    pub(super) number: u64,
    pub(super) bytes: u64,
    /// Frames without a fate.
    pub(super) live: usize,
    /// Something in it could not be read: it is kept aside instead of removed.
    pub(super) is_damaged: bool,
    /// Open while it is being read.
    pub(super) reader: Option<Box<dyn DiskFile>>,
}

impl Segment {
    pub(super) fn new(number: u64, bytes: u64) -> Self {
        Segment { number, bytes, live: 0, is_damaged: false, reader: None }
    }
}

pub(super) fn path(directory: &Path, number: u64) -> PathBuf {
    directory.join(name(number))
}

pub(super) fn name(number: u64) -> String {
    format!("{PREFIX}{number:016x}{SUFFIX}")
}

/// The number in a segment's file name.
pub(super) fn number(name: &str) -> Option<u64> {
    let digits = name.strip_prefix(PREFIX)?.strip_suffix(SUFFIX)?;
    u64::from_str_radix(digits, 16).ok().filter(|number| self::name(*number) == name)
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
        ] {
            assert_eq!(number(other), None, "{other}");
        }
    }
}
