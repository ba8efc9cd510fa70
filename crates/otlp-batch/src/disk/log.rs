//! The log: frames appended to segments, read back, and freed when all of a segment have their fate.
//!
//! One owner, no threads, no clock. What must hold:
//! - A frame that [`Log::sync`] confirmed is found again by [`recovery`](super::recovery), whatever happens, until its
//!   fate was told to [`Log::settle`].
//! - A segment is removed only after a cursor that covers it is durable.
//! - After a failed sync nothing written since the last good one is assumed to be there.

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use otlp_core::Signal;

use super::{
    file_system::{DiskFile, FileSystem},
    format::{Cursor, FRAME_HEADER_LEN, FrameHeader, SEGMENT_HEADER_LEN, SegmentHeader, payload_checksum},
    index::{Entry, Index, State},
    segment::{self, Segment},
};

pub(super) const CURSOR: &str = "cursor";
pub(super) const CURSOR_DRAFT: &str = "cursor.draft";
pub(super) const DAMAGED: &str = "damaged";

/// Segments of one directory, with the index of what has no fate yet.
pub(crate) struct Log {
    file_system: Arc<dyn FileSystem>,
    directory: PathBuf,
    segment_bytes: u64,
    /// Complete ones, by number.
    sealed: Vec<Segment>,
    active: Option<Active>,
    next_number: u64,
    /// By [`Signal::index`].
    indexes: [Index; 3],
    /// Something was settled since the cursor was written.
    is_cursor_stale: bool,
}

/// The segment that is written to.
struct Active {
    segment: Segment,
    file: Box<dyn DiskFile>,
    /// Written since the last good sync.
    unsynced: Vec<(Signal, u64)>,
}

/// A batch in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stored {
    pub(crate) signal: Signal,
    pub(crate) sequence: u64,
    pub(crate) items: u32,
    /// How much room [`Log::read`] needs.
    pub(crate) bytes: usize,
}

/// Why a stored batch could not be read.
#[derive(Debug)]
pub(crate) enum ReadError {
    /// What stands there is not what was written.
    Damaged,
    /// The disk does not answer; it may do so later.
    Io(io::Error),
}

/// The disk refused something.
#[derive(Debug)]
pub(crate) struct WriteFailed {
    pub(crate) error: io::Error,
    /// If it was a sync: what was written since the last good one. It is gone from the log, and must be appended again
    /// by who still has it.
    pub(crate) lost: Vec<(Signal, u64)>,
}

impl From<io::Error> for WriteFailed {
    fn from(error: io::Error) -> Self {
        WriteFailed { error, lost: Vec::new() }
    }
}

impl Active {
    fn sync(&mut self) -> io::Result<()> {
        if !self.unsynced.is_empty() {
            self.file.sync()?;
            self.unsynced.clear();
        }
        Ok(())
    }
}

impl Log {
    pub(super) fn new(
        file_system: Arc<dyn FileSystem>,
        directory: &Path,
        segment_bytes: u64,
        sealed: Vec<Segment>,
        next_number: u64,
        indexes: [Index; 3],
    ) -> Self {
        Log {
            file_system,
            directory: directory.to_owned(),
            segment_bytes,
            sealed,
            active: None,
            next_number,
            indexes,
            is_cursor_stale: false,
        }
    }

    /// How many bytes its files have.
    pub(crate) fn bytes(&self) -> u64 {
        self.sealed.iter().chain(self.active.as_ref().map(|active| &active.segment)).map(|one| one.bytes).sum()
    }

    /// How many batches and items of a signal wait.
    pub(crate) fn waiting(&self, signal: Signal) -> (usize, u64) {
        self.indexes[signal.index()].waiting()
    }

    /// Appends a batch of one item or more; its sequence. It is durable after the next [`Log::sync`].
    pub(crate) fn append(
        &mut self,
        signal: Signal,
        items: u32,
        put_at: u64,
        payload: &[&[u8]],
    ) -> Result<u64, WriteFailed> {
        let payload_len: usize = payload.iter().map(|piece| piece.len()).sum();
        let too_large = |_| io::Error::from(io::ErrorKind::FileTooLarge);
        let header = FrameHeader {
            payload_len: u32::try_from(payload_len).map_err(too_large)?,
            payload_checksum: payload_checksum(payload.iter().copied()),
            sequence: self.indexes[signal.index()].next_sequence(),
            items,
            signal,
            put_at,
        };
        let active = self.active_for(header.frame_len(), put_at)?;
        let encoded = header.encode();
        let mut pieces = Vec::with_capacity(payload.len() + 1);
        pieces.push(encoded.as_slice());
        pieces.extend_from_slice(payload);
        let offset = active.segment.bytes;
        if let Err(error) = active.file.append(&pieces) {
            let lost = match active.file.truncate(offset) {
                Ok(()) => Vec::new(),
                // Whatever stands behind the last frame stays there; nothing more goes into this file.
                Err(_) => self.seal().err().map(|failed| failed.lost).unwrap_or_default(),
            };
            return Err(WriteFailed { error, lost });
        }
        active.segment.bytes += header.frame_len();
        active.segment.live += 1;
        active.unsynced.push((signal, header.sequence));
        let segment = active.segment.number;
        self.indexes[signal.index()].push(Entry {
            sequence: header.sequence,
            items,
            segment,
            offset,
            payload_len: header.payload_len,
            payload_checksum: header.payload_checksum,
            put_at,
            state: State::Waiting,
        });
        Ok(header.sequence)
    }

    /// Makes everything appended so far durable. If that fails, the segment is sealed.
    pub(crate) fn sync(&mut self) -> Result<(), WriteFailed> {
        let Some(active) = &mut self.active else { return Ok(()) };
        let synced = active.sync();
        if synced.is_err() { self.seal_after(synced) } else { Ok(()) }
    }

    /// Hands out the oldest waiting batch of a signal.
    pub(crate) fn take(&mut self, signal: Signal) -> Option<Stored> {
        let entry = self.indexes[signal.index()].oldest_waiting()?;
        self.indexes[signal.index()].set(entry.sequence, State::Taken)?;
        Some(Stored { signal, sequence: entry.sequence, items: entry.items, bytes: entry.payload_len as usize })
    }

    /// Takes a batch back that was handed out; it waits again at its place.
    pub(crate) fn give_back(&mut self, signal: Signal, sequence: u64) {
        self.indexes[signal.index()].set(sequence, State::Waiting);
    }

    /// The batch has its fate. What that frees is freed by the next [`Log::reclaim`].
    pub(crate) fn settle(&mut self, signal: Signal, sequence: u64) {
        let Some(entry) = self.indexes[signal.index()].set(sequence, State::Settled) else { return };
        self.is_cursor_stale = true;
        if let Some(segment) = self.segment_mut(entry.segment) {
            segment.live -= 1;
        }
    }

    /// Reads the bytes of a batch without a fate into a buffer, which should have room for [`Stored::bytes`].
    pub(crate) fn read(&mut self, signal: Signal, sequence: u64, into: &mut Vec<u8>) -> Result<(), ReadError> {
        let found = self.indexes[signal.index()].entries().find(|entry| entry.sequence == sequence).copied();
        let entry = found.ok_or(ReadError::Damaged)?;
        let path = segment::path(&self.directory, entry.segment);
        let file_system = Arc::clone(&self.file_system);
        let segment = self.segment_mut(entry.segment).ok_or(ReadError::Damaged)?;
        let reader = match &mut segment.reader {
            Some(reader) => reader,
            closed => closed.insert(file_system.open(&path, false).map_err(ReadError::Io)?),
        };
        into.clear();
        into.resize(entry.payload_len as usize, 0);
        let payload = into;
        let read = reader.read_at(payload, entry.offset + FRAME_HEADER_LEN as u64).map_err(ReadError::Io)?;
        if read < payload.len() || payload_checksum([payload.as_slice()]) != entry.payload_checksum {
            segment.is_damaged = true;
            return Err(ReadError::Damaged);
        }
        Ok(())
    }

    /// Writes the cursor if it is stale, and frees the segments that nobody needs any more.
    pub(crate) fn reclaim(&mut self) -> io::Result<()> {
        self.write_cursor()?;
        let is_empty = |segment: &Segment| segment.live == 0;
        let freed: Vec<Segment> = self.sealed.extract_if(.., |segment| is_empty(segment)).collect();
        let mut result = Ok(());
        let mut is_changed = false;
        for mut segment in freed {
            segment.reader = None;
            match self.dispose(&segment) {
                Ok(()) => is_changed = true,
                // Its frames are covered by the cursor, so it is no more than wasted room; the next call tries again.
                Err(error) => {
                    self.sealed.push(segment);
                    result = Err(error);
                }
            }
        }
        self.sealed.sort_by_key(|segment| segment.number);
        if is_changed {
            self.file_system.sync_dir(&self.directory)?;
        }
        result
    }

    /// Ends the log in order: everything durable, the cursor written, empty segments gone.
    pub(crate) fn close(&mut self) -> Result<(), WriteFailed> {
        let sealed = self.seal();
        let reclaimed = self.reclaim();
        sealed?;
        Ok(reclaimed?)
    }

    /// Seals the active segment: what is in it is durable, or lost; nothing more is written to it.
    fn seal(&mut self) -> Result<(), WriteFailed> {
        let synced = self.active.as_mut().map_or(Ok(()), Active::sync);
        self.seal_after(synced)
    }

    /// Seals the active segment after a last sync. That one is not tried again if it failed: the system may have
    /// forgotten the failure and what it could not write.
    fn seal_after(&mut self, synced: io::Result<()>) -> Result<(), WriteFailed> {
        let Some(active) = self.active.take() else { return Ok(()) };
        self.sealed.push(active.segment);
        synced.map_err(|error| {
            for (signal, sequence) in &active.unsynced {
                self.settle(*signal, *sequence);
            }
            WriteFailed { error, lost: active.unsynced }
        })
    }

    /// The active segment with room for a frame; a new one if the last has none.
    fn active_for(&mut self, frame_len: u64, now: u64) -> Result<&mut Active, WriteFailed> {
        let is_full = self.active.as_ref().is_some_and(|active| {
            active.segment.bytes > SEGMENT_HEADER_LEN as u64 && active.segment.bytes + frame_len > self.segment_bytes
        });
        if is_full {
            self.seal()?;
        }
        let active = match self.active.take() {
            Some(active) => active,
            None => self.create(now)?,
        };
        Ok(self.active.insert(active))
    }

    fn create(&mut self, now: u64) -> io::Result<Active> {
        let number = self.next_number;
        let path = segment::path(&self.directory, number);
        let mut file = self.file_system.create(&path)?;
        // A number is used once, also if the rest fails.
        self.next_number += 1;
        let header = SegmentHeader { number, created_at: now, encryption: None };
        let written = file.append(&[&header.encode()]).and_then(|()| file.sync());
        if let Err(error) = written.and_then(|()| self.file_system.sync_dir(&self.directory)) {
            let _ = self.file_system.remove(&path);
            return Err(error);
        }
        Ok(Active { segment: Segment::new(number, SEGMENT_HEADER_LEN as u64), file, unsynced: Vec::new() })
    }

    fn write_cursor(&mut self) -> io::Result<()> {
        if !self.is_cursor_stale {
            return Ok(());
        }
        let cursor = Cursor::new(self.indexes.each_ref().map(Index::settled));
        let draft = self.directory.join(CURSOR_DRAFT);
        match self.file_system.remove(&draft) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = self.file_system.create(&draft)?;
        file.append(&[&cursor.encode()])?;
        file.sync()?;
        self.file_system.rename(&draft, &self.directory.join(CURSOR))?;
        self.file_system.sync_dir(&self.directory)?;
        self.is_cursor_stale = false;
        Ok(())
    }

    /// Removes a segment, or keeps it aside for a person to look at if it was damaged.
    fn dispose(&self, segment: &Segment) -> io::Result<()> {
        let path = segment::path(&self.directory, segment.number);
        if !segment.is_damaged {
            return self.file_system.remove(&path);
        }
        let aside = self.directory.join(DAMAGED);
        self.file_system.create_dir(&aside)?;
        self.file_system.rename(&path, &aside.join(segment::name(segment.number)))?;
        self.file_system.sync_dir(&aside)
    }

    fn segment_mut(&mut self, number: u64) -> Option<&mut Segment> {
        let active = self.active.as_mut().map(|active| &mut active.segment);
        self.sealed.iter_mut().chain(active).find(|segment| segment.number == number)
    }
}
