//! The segment that is written to.
//!
//! What must hold: after a failed write or sync the file has what it had before, or nothing more is written to it.

use std::{io, path::Path};

use otlp_core::Signal;

use super::{
    cipher::{EncryptionKey, Sealer},
    file_system::{DiskFile, FileSystem},
    format::{FrameHeader, SEGMENT_HEADER_LEN, SegmentHeader, payload_checksum},
    segment::{self, Segment},
};

pub(super) struct Active {
    pub(super) segment: Segment,
    pub(super) file: Box<dyn DiskFile>,
    sealer: Option<Sealer>,
    /// How many bytes the last good sync covered.
    synced_bytes: u64,
    /// Written since then.
    pub(super) unsynced: Vec<(Signal, u64)>,
    /// Where frames stand that were copied here.
    copies: Vec<u32>,
}

/// A frame that could not be appended.
pub(super) struct AppendFailed {
    pub(super) error: io::Error,
    /// Whether the file is as it was before.
    pub(super) is_undone: bool,
}

impl Active {
    /// A new file, for good.
    pub(super) fn create(
        file_system: &dyn FileSystem,
        directory: &Path,
        number: u32,
        now: u64,
        key: Option<&EncryptionKey>,
    ) -> io::Result<Self> {
        let sealer = key.map(Sealer::new).transpose()?;
        let path = segment::path(directory, number);
        let mut file = file_system.create(&path)?;
        let header =
            SegmentHeader { number: number.into(), created_at: now, encryption: sealer.as_ref().map(Sealer::hint) };
        let written = file.append(&[&header.encode()]).and_then(|()| file.sync());
        if let Err(error) = written.and_then(|()| file_system.sync_dir(directory)) {
            let _ = file_system.remove(&path);
            return Err(error);
        }
        let bytes = SEGMENT_HEADER_LEN as u64;
        let segment = Segment::new(number, bytes);
        Ok(Active { segment, file, sealer, synced_bytes: bytes, unsynced: Vec::new(), copies: Vec::new() })
    }

    /// Appends a frame, whose payload is sealed if there is a key; where it stands. The header has its final length.
    pub(super) fn append(&mut self, header: &mut FrameHeader, payload: &[&[u8]]) -> Result<u64, AppendFailed> {
        let refused = |error| AppendFailed { error, is_undone: true };
        let sealed = self.sealer.as_mut().map(|sealer| sealer.seal(header, payload)).transpose().map_err(refused)?;
        let sealed = sealed.as_ref().map(std::slice::from_ref);
        let payload = sealed.unwrap_or(payload);
        header.payload_checksum = payload_checksum(payload.iter().copied());
        let encoded = header.encode();
        let mut pieces = Vec::with_capacity(payload.len() + 1);
        pieces.push(encoded.as_slice());
        pieces.extend_from_slice(payload);
        let offset = self.segment.bytes;
        if let Err(error) = self.file.append(&pieces) {
            let is_undone = self.file.truncate(offset).is_ok();
            return Err(AppendFailed { error, is_undone });
        }
        self.segment.bytes += header.frame_len();
        self.segment.live += 1;
        self.unsynced.push((header.signal, header.sequence));
        Ok(offset)
    }

    /// Appends a frame as it stands in another segment. What is encrypted in it says itself how to read it. After an error
    /// the file is of no use.
    pub(super) fn append_copy(&mut self, header: &FrameHeader, payload: &[u8]) -> io::Result<()> {
        let offset = self.segment.bytes;
        self.file.append(&[&header.encode(), payload])?;
        self.segment.bytes += header.frame_len();
        self.segment.live += 1;
        self.copies.push(u32::try_from(offset).unwrap_or(u32::MAX));
        Ok(())
    }

    /// Makes copies durable.
    pub(super) fn sync_copies(&mut self) -> io::Result<()> {
        self.file.sync()?;
        self.synced_bytes = self.segment.bytes;
        Ok(())
    }

    /// Where the copies stand, in order.
    pub(super) fn take_copies(&mut self) -> Vec<u32> {
        std::mem::take(&mut self.copies)
    }

    /// Makes everything appended durable.
    pub(super) fn sync(&mut self) -> io::Result<()> {
        if !self.unsynced.is_empty() {
            self.file.sync()?;
            self.unsynced.clear();
            self.synced_bytes = self.segment.bytes;
        }
        Ok(())
    }

    /// Cuts off what was not synced, if the disk lets us: nothing follows in this file.
    pub(super) fn cut(&mut self) {
        if self.file.truncate(self.synced_bytes).is_ok() {
            self.segment.bytes = self.synced_bytes;
        }
    }
}
