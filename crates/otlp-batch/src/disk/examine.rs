//! Looks at one segment's file and changes nothing: what it is, its frames, and what of it is damaged.

use std::{io, path::Path};

use super::{
    file_system::FileSystem,
    format::{HeaderError, KeyHint, SEGMENT_HEADER_LEN, SegmentHeader},
    scan::{Depth, Found, Scan, scan},
};

/// A segment as it stands in its directory.
#[derive(Debug, Default)]
pub(super) struct Candidate {
    pub(super) size: u64,
    pub(super) has_header: bool,
    /// What its header says of its key.
    pub(super) key_hint: Option<KeyHint>,
    /// Its header says so, or a frame.
    pub(super) is_encrypted: bool,
    /// Where the last sound frame ends.
    pub(super) end: u64,
    /// Blocks that the disk did not read.
    pub(super) unreadable: u32,
    /// Bytes between sound frames that are none.
    damaged_between: u64,
}

/// Why a segment is not to be touched.
#[derive(Debug)]
pub(super) enum Fault {
    UnknownVersion(u32),
    /// Nothing that the disk has to do with, like a lack of permission.
    Io(io::Error),
}

impl Candidate {
    /// Bytes behind the last sound frame.
    pub(super) fn tail(&self) -> u64 {
        self.size.saturating_sub(self.end)
    }

    pub(super) fn damaged_bytes(&self) -> u64 {
        self.damaged_between + self.tail()
    }

    pub(super) fn is_damaged(&self) -> bool {
        self.is_damaged_before_tail() || self.tail() > 0
    }

    /// What a crash does not do: it leaves a torn tail, or a file that was hardly begun.
    pub(super) fn is_damaged_before_tail(&self) -> bool {
        let is_begun = self.has_header || self.size > SEGMENT_HEADER_LEN as u64;
        self.damaged_between > 0 || self.unreadable > 0 || !self.has_header && is_begun
    }
}

/// Examines the file at `path`.
pub(super) fn examine(
    file_system: &dyn FileSystem,
    path: &Path,
    depth: Depth,
    mut found: impl FnMut(Found),
) -> Result<Candidate, Fault> {
    // What cannot be read at all is damaged as a whole, and stands in the way of nothing.
    let lost = |size| Candidate { size, unreadable: 1, ..Candidate::default() };
    let opened = file_system.open(path, false).and_then(|file| Ok((file.size()?, file)));
    let (size, file) = match opened {
        Ok(opened) => opened,
        Err(error) if is_of_the_disk(&error) => return Ok(lost(0)),
        Err(error) => return Err(Fault::Io(error)),
    };
    let mut start = [0; SEGMENT_HEADER_LEN];
    // Without its first block a segment is read as one whose header is damaged.
    let read = file.read_at(&mut start, 0).unwrap_or(0);
    let header = SegmentHeader::decode(&start[..read]);
    if let Err(HeaderError::UnknownVersion(version)) = header {
        return Err(Fault::UnknownVersion(version));
    }
    let key_hint = header.ok().and_then(|header| header.encryption);
    let mut is_encrypted = key_hint.is_some();
    let from = if header.is_ok() { SEGMENT_HEADER_LEN as u64 } else { 0 };
    let Scan { damaged_bytes, end, unreadable } = scan(&*file, size, from, depth, |frame| {
        is_encrypted |= frame.header.is_encrypted;
        found(frame);
    });
    let has_header = header.is_ok();
    Ok(Candidate { size, has_header, key_hint, is_encrypted, end, unreadable, damaged_between: damaged_bytes })
}

/// Whether an error says something of the file's medium, and not of this process.
fn is_of_the_disk(error: &io::Error) -> bool {
    use io::ErrorKind::{NotFound, OutOfMemory, PermissionDenied};
    /// Too many open files, of the process and of the system.
    const TOO_MANY_FILES: [i32; 2] = [24, 23];
    !matches!(error.kind(), NotFound | OutOfMemory | PermissionDenied)
        && error.raw_os_error().is_none_or(|code| !TOO_MANY_FILES.contains(&code))
}
