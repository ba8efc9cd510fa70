//! What stands in the files of a disk queue, byte by byte. All numbers are little-endian; everything is under a
//! CRC-32C. Reading is pure: bytes in, a value or the reason why not out.

mod cursor;
mod frame;
mod journal;
mod segment_header;

pub(super) use self::{
    cursor::{Cursor, MAX_LEN as MAX_CURSOR_LEN, Settled},
    frame::{FRAME_MAGIC, FrameHeader, HEADER_LEN as FRAME_HEADER_LEN, MAX_PAYLOAD, payload_checksum},
    journal::{JournalEncoder, MAX_LEN as MAX_JOURNAL_LEN, entries as journal_entries},
    segment_header::{HEADER_LEN as SEGMENT_HEADER_LEN, HeaderError, KeyHint, SegmentHeader},
};

/// The version of all formats. A directory of another version is refused and left as it is.
pub(super) const VERSION: u32 = 1;

/// Reads numbers one after the other from bytes whose length was checked before.
struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    fn take<const N: usize>(&mut self) -> [u8; N] {
        let (head, rest) = self.0.split_first_chunk().unwrap_or((&[0; N], &[]));
        self.0 = rest;
        *head
    }

    fn u8(&mut self) -> u8 {
        self.take::<1>()[0]
    }

    fn u32(&mut self) -> u32 {
        u32::from_le_bytes(self.take())
    }

    fn u64(&mut self) -> u64 {
        u64::from_le_bytes(self.take())
    }
}
