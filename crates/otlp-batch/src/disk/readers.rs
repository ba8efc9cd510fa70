//! The segments that are open for reading, a few at a time, and one frame read from where it should stand.

use std::{collections::VecDeque, io, path::Path};

use otlp_core::Signal;

use super::{
    file_system::{DiskFile, FileSystem},
    format::{FRAME_HEADER_LEN, FrameHeader},
    index::Entry,
    scan::read_payload,
    segment,
};

/// One for each signal, and one.
const OPEN: usize = 4;

/// Segments by number, the one opened first in front.
#[derive(Default)]
pub(super) struct Readers(VecDeque<(u32, Box<dyn DiskFile>)>);

impl Readers {
    /// The file of a segment. When another one would be too many, the one opened first is closed.
    pub(super) fn open(
        &mut self,
        file_system: &dyn FileSystem,
        directory: &Path,
        number: u32,
    ) -> io::Result<&dyn DiskFile> {
        let at = match self.0.iter().position(|(open, _)| *open == number) {
            Some(at) => at,
            None => {
                let file = file_system.open(&segment::path(directory, number), false)?;
                if self.0.len() == OPEN {
                    self.0.pop_front();
                }
                self.0.push_back((number, file));
                self.0.len() - 1
            }
        };
        Ok(&*self.0[at].1)
    }

    /// The segment is about to go.
    pub(super) fn close(&mut self, number: u32) {
        self.0.retain(|(open, _)| *open != number);
    }
}

/// Reads the stored payload of the frame that should stand there. `None`: what stands there is not what was written.
pub(super) fn read_stored(
    file: &dyn DiskFile,
    signal: Signal,
    entry: &Entry,
    into: &mut Vec<u8>,
) -> io::Result<Option<FrameHeader>> {
    let offset = u64::from(entry.offset);
    let mut start = [0; FRAME_HEADER_LEN];
    let read = file.read_at(&mut start, offset)?;
    let Some(header) = FrameHeader::decode(&start[..read]) else { return Ok(None) };
    let is_it = (header.signal, header.sequence, header.items, header.payload_len)
        == (signal, entry.sequence, entry.items, entry.payload_len);
    Ok((is_it && read_payload(file, offset, &header, into)?).then_some(header))
}
