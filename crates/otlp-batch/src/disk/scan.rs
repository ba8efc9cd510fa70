//! Walks over a segment and finds its frames, also behind damage and behind blocks that the disk cannot read: where no
//! frame begins, it looks for the next place where one does.
//!
//! What must hold: every sound frame outside of damaged bytes is found, and memory does not grow with the file or with
//! what it says of itself.

use std::io;

use super::{
    file_system::DiskFile,
    format::{FRAME_HEADER_LEN, FRAME_MAGIC, FrameHeader, payload_checksum},
};

/// How many bytes are read at a time: many small frames, or a part of a large payload.
const WINDOW: usize = 64 << 10;
/// Behind a frame that is longer than half of the window, the header of the next is read alone.
const LONG_FRAME: u64 = WINDOW as u64 / 2;
/// What a disk reads or does not.
const BLOCK: u64 = 4 << 10;
/// After so many blocks that cannot be read the rest of the file is left alone: each may take the disk seconds.
const MAX_UNREADABLE: u32 = 64;
/// How much is read in vain, in payloads that turn out damaged, before the rest is not looked at: enough for any damage
/// that happens, and an end for a file made to keep us busy.
const MAX_IN_VAIN: u64 = 256 << 20;

/// Where a frame stands in its segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) offset: u32,
    pub(super) header: FrameHeader,
}

/// What was found beside frames.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Scan {
    /// Bytes between sound frames that are none.
    pub(super) damaged_bytes: u64,
    /// Where the last sound frame ends; what follows is a torn tail, or damage up to the end.
    pub(super) end: u64,
    /// Blocks that the disk did not read.
    pub(super) unreadable: u32,
}

/// Whether payloads are read and checked as well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Depth {
    Headers,
    Payloads,
}

/// Finds the frames of `file`, which has `size` bytes, from `start` on.
pub(super) fn scan(file: &dyn DiskFile, size: u64, start: u64, depth: Depth, mut found: impl FnMut(Found)) -> Scan {
    let mut scan = Scan { end: start, ..Scan::default() };
    let mut window = Window { file, size, offset: 0, bytes: Vec::new(), in_vain: 0 };
    let mut ahead = WINDOW;
    let mut at = start;
    // Found, but its length is believed only when something sound follows: a frame that bytes are missing from would
    // hide the next one. With where the frame before it ends.
    let mut last: Option<(Found, u64)> = None;
    loop {
        let is_room = at + FRAME_HEADER_LEN as u64 <= size;
        let next = match if is_room { window.frame_at(at, ahead, depth) } else { Ok(None) } {
            Ok(Some(header)) => {
                // No file of ours is as long as that; what lies behind it is no place that an index can name.
                let Ok(offset) = u32::try_from(at) else { break };
                last.replace((Found { offset, header }, scan.end)).into_iter().for_each(|(last, _)| found(last));
                scan.damaged_bytes += at - scan.end;
                at += header.frame_len();
                scan.end = at;
                ahead = if header.frame_len() > LONG_FRAME { FRAME_HEADER_LEN } else { WINDOW };
                continue;
            }
            Ok(None) => {
                let is_doubtful = depth == Depth::Headers && at == scan.end && at < size;
                match last.take() {
                    Some((last, end)) if is_doubtful && !window.is_whole(&last) => {
                        let offset = u64::from(last.offset);
                        scan.damaged_bytes -= offset - end;
                        scan.end = end;
                        window.next_magic(offset + 1)
                    }
                    believed => {
                        believed.into_iter().for_each(|(last, _)| found(last));
                        window.next_magic(at + 1)
                    }
                }
            }
            Err(error) => Err(error),
        };
        ahead = WINDOW;
        at = match next {
            Ok(Some(at)) => at,
            Ok(None) => break,
            Err(Unreadable(block)) => {
                scan.unreadable += 1;
                (block / BLOCK + 1) * BLOCK
            }
        };
        if scan.unreadable > MAX_UNREADABLE || window.in_vain > MAX_IN_VAIN {
            break;
        }
    }
    last.into_iter().for_each(|(last, _)| found(last));
    scan
}

/// The disk does not read what stands at this place.
struct Unreadable(u64);

/// A part of the file in memory.
struct Window<'a> {
    file: &'a dyn DiskFile,
    size: u64,
    offset: u64,
    bytes: Vec<u8>,
    in_vain: u64,
}

impl Window<'_> {
    /// The frame that begins at `at`, if a sound one does.
    fn frame_at(&mut self, at: u64, ahead: usize, depth: Depth) -> Result<Option<FrameHeader>, Unreadable> {
        let Some(header) = FrameHeader::decode(self.read(at, FRAME_HEADER_LEN, ahead)?) else { return Ok(None) };
        let end = at + header.frame_len();
        if end > self.size {
            return Ok(None);
        }
        let is_sound = depth == Depth::Headers || self.has_payload(at, &header)?;
        Ok(is_sound.then_some(header))
    }

    /// Whether a frame has its payload. One that cannot be read may have it: whoever reads it finds out.
    fn is_whole(&mut self, frame: &Found) -> bool {
        self.has_payload(frame.offset.into(), &frame.header).unwrap_or(true)
    }

    fn has_payload(&mut self, at: u64, header: &FrameHeader) -> Result<bool, Unreadable> {
        let end = at + header.frame_len();
        let mut checksum = 0;
        let mut done = at + FRAME_HEADER_LEN as u64;
        while done < end {
            let len = usize::try_from(end - done).unwrap_or(WINDOW).min(WINDOW);
            let piece = self.read(done, len, WINDOW)?;
            if piece.is_empty() {
                return Ok(false);
            }
            checksum = crc32c::crc32c_append(checksum, piece);
            done += piece.len() as u64;
        }
        let is_sound = checksum == header.payload_checksum;
        if !is_sound {
            self.in_vain += header.frame_len();
        }
        Ok(is_sound)
    }

    /// `len` bytes of the file, fewer only at its end; `ahead` bytes are read if they are not here.
    fn read(&mut self, at: u64, len: usize, ahead: usize) -> Result<&[u8], Unreadable> {
        let is_inside = at >= self.offset && at + len as u64 <= self.offset + self.bytes.len() as u64;
        if !is_inside {
            let left = usize::try_from(self.size.saturating_sub(at)).unwrap_or(usize::MAX);
            // One block that cannot be read spoils the whole window, so the second attempt asks for no more than it must.
            if self.fill(at, len.max(ahead).min(left)).is_err() && self.fill(at, len.min(left)).is_err() {
                self.bytes.clear();
                return Err(Unreadable(at));
            }
        }
        let from = usize::try_from(at - self.offset).unwrap_or(usize::MAX);
        let bytes = self.bytes.get(from..).unwrap_or_default();
        Ok(&bytes[..len.min(bytes.len())])
    }

    fn fill(&mut self, at: u64, len: usize) -> io::Result<()> {
        self.bytes.resize(len, 0);
        let read = self.file.read_at(&mut self.bytes, at)?;
        self.bytes.truncate(read);
        self.offset = at;
        Ok(())
    }

    /// The first place at or after `at` where a frame's magic stands.
    fn next_magic(&mut self, mut at: u64) -> Result<Option<u64>, Unreadable> {
        while at + FRAME_HEADER_LEN as u64 <= self.size {
            // Up to the end of a block, so that one that cannot be read hides nothing of its neighbours.
            let to_block = (at / BLOCK + 1) * BLOCK + FRAME_MAGIC.len() as u64 - at;
            let len = usize::try_from(to_block).unwrap_or(WINDOW);
            let bytes = match self.read(at, len, WINDOW) {
                Ok(bytes) => bytes,
                // Its last bytes are another block's.
                Err(_) => self.read(at, len - FRAME_MAGIC.len(), len - FRAME_MAGIC.len())?,
            };
            if bytes.is_empty() {
                return Ok(None);
            }
            if let Some(found) = bytes.windows(FRAME_MAGIC.len()).position(|four| four == FRAME_MAGIC) {
                return Ok(Some(at + found as u64));
            }
            // A magic may begin in the last bytes of one part and end in the next.
            at += (bytes.len() + 1).saturating_sub(FRAME_MAGIC.len()).max(1) as u64;
        }
        Ok(None)
    }
}

/// The payload of a frame, if it is what was written.
pub(super) fn read_payload(
    file: &dyn DiskFile,
    offset: u64,
    header: &FrameHeader,
    into: &mut Vec<u8>,
) -> io::Result<bool> {
    into.clear();
    into.resize(header.payload_len as usize, 0);
    let read = file.read_at(into, offset + FRAME_HEADER_LEN as u64)?;
    Ok(read == into.len() && payload_checksum([into.as_slice()]) == header.payload_checksum)
}
