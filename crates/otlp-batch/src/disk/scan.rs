//! Walks over a segment and finds its frames, also behind damage: where no frame begins, it looks for the next place
//! where one does.

use std::io;

use super::{
    file_system::DiskFile,
    format::{FRAME_HEADER_LEN, FRAME_MAGIC, FrameHeader, payload_checksum},
};

/// How many bytes are read at a time: many small frames, or one header of a large one.
const WINDOW: usize = 64 << 10;

/// Where a frame stands in its segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) offset: u64,
    pub(super) header: FrameHeader,
}

/// What a segment holds.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Scan {
    pub(super) frames: Vec<Found>,
    /// Bytes between sound frames that are none.
    pub(super) damaged_bytes: u64,
    /// Where the last sound frame ends; what follows is a torn tail, or damage up to the end.
    pub(super) end: u64,
}

/// Whether payloads are read and checked as well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Depth {
    Headers,
    Payloads,
}

/// Finds the frames of `file` from `start` on.
pub(super) fn scan(file: &dyn DiskFile, start: u64, depth: Depth) -> io::Result<Scan> {
    let size = file.size()?;
    let mut window = Window { file, size, offset: 0, bytes: Vec::new() };
    let mut scan = Scan { end: start, ..Scan::default() };
    let mut at = start;
    while at + FRAME_HEADER_LEN as u64 <= size {
        if let Some(header) = frame_at(&mut window, at, depth)? {
            scan.damaged_bytes += at - scan.end;
            scan.frames.push(Found { offset: at, header });
            at += header.frame_len();
            scan.end = at;
        } else {
            at = window.next_magic(at + 1)?.unwrap_or(size);
        }
    }
    Ok(scan)
}

/// The frame that begins at `at`, if a sound one does.
fn frame_at(window: &mut Window<'_>, at: u64, depth: Depth) -> io::Result<Option<FrameHeader>> {
    let Some(header) = FrameHeader::decode(window.read(at, FRAME_HEADER_LEN)?) else { return Ok(None) };
    if at + header.frame_len() > window.size {
        return Ok(None);
    }
    if depth == Depth::Payloads {
        let payload = window.read(at + FRAME_HEADER_LEN as u64, header.payload_len as usize)?;
        if payload_checksum([payload]) != header.payload_checksum {
            return Ok(None);
        }
    }
    Ok(Some(header))
}

/// A part of the file in memory.
struct Window<'a> {
    file: &'a dyn DiskFile,
    size: u64,
    offset: u64,
    bytes: Vec<u8>,
}

impl Window<'_> {
    /// Bytes of the file; fewer than asked for only at its end.
    fn read(&mut self, at: u64, len: usize) -> io::Result<&[u8]> {
        let is_inside = at >= self.offset && at + len as u64 <= self.offset + self.bytes.len() as u64;
        if !is_inside {
            let left = usize::try_from(self.size.saturating_sub(at)).unwrap_or(usize::MAX);
            self.bytes.resize(len.max(WINDOW).min(left), 0);
            let read = self.file.read_at(&mut self.bytes, at)?;
            self.bytes.truncate(read);
            self.offset = at;
        }
        let from = usize::try_from(at - self.offset).unwrap_or(usize::MAX);
        let bytes = self.bytes.get(from..).unwrap_or_default();
        Ok(&bytes[..len.min(bytes.len())])
    }

    /// The first place at or after `at` where a frame's magic stands.
    fn next_magic(&mut self, mut at: u64) -> io::Result<Option<u64>> {
        while at + FRAME_HEADER_LEN as u64 <= self.size {
            let bytes = self.read(at, WINDOW)?;
            if let Some(found) = bytes.windows(FRAME_MAGIC.len()).position(|four| four == FRAME_MAGIC) {
                return Ok(Some(at + found as u64));
            }
            // A magic may begin in the last bytes of one window and end in the next.
            at += (bytes.len() + 1).saturating_sub(FRAME_MAGIC.len()).max(1) as u64;
        }
        Ok(None)
    }
}
