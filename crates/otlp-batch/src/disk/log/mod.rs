//! The log: frames appended to segments, read back, and freed when all of a segment have their fate.
//!
//! One owner, no threads, no clock. What has its fate goes in `freeing`. What must hold:
//! - A frame that [`Log::sync`] confirmed is found again by [`recovery`](super::recovery), whatever happens, until its
//!   fate was told to [`Log::settle`].
//! - A segment is removed only after a cursor that covers it is durable.
//! - After a failed sync nothing written since the last good one is assumed to be there, the file is never synced again,
//!   and nothing follows before a cursor that covers what was lost is durable: what is appended again has other
//!   sequences, and the old ones are no gap.
//! - A sequence names one batch for ever.

mod freeing;

use std::{
    collections::BTreeMap,
    io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use otlp_core::Signal;

use super::{
    active::{Active, AppendFailed},
    cipher::{EncryptionKey, OVERHEAD, Opener},
    cursor_file::CursorFile,
    file_system::FileSystem,
    format::{FRAME_HEADER_LEN, FrameHeader, MAX_PAYLOAD, SEGMENT_HEADER_LEN},
    index::{Entry, Index, State},
    readers::{Readers, read_stored},
    segment::{self, Segment},
};

/// Segments of one directory, with the index of what has no fate yet.
pub(crate) struct Log {
    file_system: Arc<dyn FileSystem>,
    directory: PathBuf,
    segment_bytes: u64,
    key: Option<EncryptionKey>,
    opener: Option<Opener>,
    /// Complete ones, by number.
    sealed: Vec<Segment>,
    active: Option<Active>,
    readers: Readers,
    next_number: u32,
    /// By [`Signal::index`].
    indexes: [Index; 3],
    copies: Copies,
    /// How long earlier processes had the queue open.
    queue_time_before: Duration,
    /// How long this one has.
    open_for: Duration,
    /// Below which sequence of each signal everything is on the disk for good, or has its fate.
    stored: [u64; 3],
    cursor: CursorFile,
}

/// Frames that stand more than once, by signal and sequence: where else.
pub(super) type Copies = BTreeMap<(usize, u64), Vec<Entry>>;

/// What [`recovery`](super::recovery) found.
#[derive(Default)]
pub(super) struct Contents {
    pub(super) sealed: Vec<Segment>,
    pub(super) next_number: u32,
    pub(super) indexes: [Index; 3],
    pub(super) copies: Copies,
    pub(super) queue_time: Duration,
    pub(super) stored: [u64; 3],
}

/// A batch in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stored {
    pub(crate) signal: Signal,
    pub(crate) sequence: u64,
    pub(crate) items: u32,
    /// How much room [`Log::read`] needs.
    pub(crate) bytes: usize,
    /// How long the queue has been open since the batch was put, all processes together.
    pub(crate) age: Duration,
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

impl Log {
    pub(super) fn new(
        file_system: Arc<dyn FileSystem>,
        directory: &Path,
        segment_bytes: u64,
        key: Option<EncryptionKey>,
        contents: Contents,
    ) -> Self {
        Log {
            file_system,
            directory: directory.to_owned(),
            segment_bytes,
            opener: key.clone().map(Opener::new),
            key,
            sealed: contents.sealed,
            active: None,
            readers: Readers::default(),
            next_number: contents.next_number,
            indexes: contents.indexes,
            copies: contents.copies,
            queue_time_before: contents.queue_time,
            open_for: Duration::ZERO,
            stored: contents.stored,
            cursor: CursorFile::new(contents.queue_time),
        }
    }

    pub(super) fn has_key(&self) -> bool {
        self.key.is_some()
    }

    /// When a batch was put, by the wall clock, in nanoseconds since 1970; if its header can be read.
    pub(super) fn put_at(&self, signal: Signal, entry: &Entry) -> Option<u64> {
        let file = self.file_system.open(&segment::path(&self.directory, entry.segment), false).ok()?;
        let mut start = [0; FRAME_HEADER_LEN];
        let read = file.read_at(&mut start, entry.offset.into()).ok()?;
        let header = FrameHeader::decode(&start[..read])?;
        ((header.signal, header.sequence) == (signal, entry.sequence)).then_some(header.put_at)
    }

    /// The index of one signal.
    pub(super) fn index(&self, signal: Signal) -> &Index {
        &self.indexes[signal.index()]
    }

    /// How many bytes its files have.
    pub(crate) fn bytes(&self) -> u64 {
        self.sealed.iter().chain(self.active.as_ref().map(|active| &active.segment)).map(|one| one.bytes).sum()
    }

    /// How many batches and items of a signal wait.
    pub(crate) fn waiting(&self, signal: Signal) -> (usize, u64) {
        self.indexes[signal.index()].waiting()
    }

    /// How many bytes of a signal have no fate.
    pub(crate) fn waiting_bytes(&self, signal: Signal) -> u64 {
        let entries = self.indexes[signal.index()].entries();
        entries.filter(|entry| entry.state != State::Settled).map(Entry::frame_len).sum()
    }

    /// Tells how long this process has had the log open, by a clock that does not jump: what batches age by.
    pub(crate) fn set_open_for(&mut self, open_for: Duration) {
        self.open_for = self.open_for.max(open_for);
    }

    /// The batches without a fate that are older than `max_age`, oldest first by signal; whether they were handed out or
    /// not.
    pub(crate) fn expired(&self, max_age: Duration) -> Vec<(Signal, u64)> {
        let queue_time = self.queue_time();
        let of = |signal: Signal| {
            let unsettled = self.indexes[signal.index()].entries().filter(|entry| entry.state != State::Settled);
            // Ages fall with the sequence, but for those that were found after the cursor was lost.
            unsettled
                .take_while(move |entry| entry.age(queue_time) > max_age)
                .map(move |entry| (signal, entry.sequence))
        };
        Signal::ALL.into_iter().flat_map(of).collect()
    }

    /// Appends a batch of one item or more, put at this wall time (nanoseconds since 1970); its sequence. It is durable
    /// after the next [`Log::sync`].
    pub(crate) fn append(
        &mut self,
        signal: Signal,
        items: u32,
        put_at: u64,
        payload: &[&[u8]],
    ) -> Result<u64, WriteFailed> {
        let plain_len: usize = payload.iter().map(|piece| piece.len()).sum();
        let payload_len = plain_len + if self.key.is_some() { OVERHEAD } else { 0 };
        let too_large = || io::Error::from(io::ErrorKind::FileTooLarge);
        let queue_time = self.queue_time();
        let mut header = FrameHeader {
            payload_len: u32::try_from(payload_len)
                .ok()
                .filter(|_| payload_len <= MAX_PAYLOAD)
                .ok_or_else(too_large)?,
            payload_checksum: 0,
            sequence: self.indexes[signal.index()].next_sequence(),
            items,
            signal,
            is_encrypted: self.key.is_some(),
            put_at,
            queue_time: u64::try_from(queue_time.as_millis()).unwrap_or(u64::MAX),
        };
        let active = self.active_for(header.frame_len(), put_at)?;
        let offset = match active.append(&mut header, payload) {
            Ok(offset) => offset,
            Err(failed) => return Err(self.append_failed(failed, &header)),
        };
        let segment = self.active.as_ref().map_or(0, |active| active.segment.number);
        self.indexes[signal.index()].push(Entry {
            sequence: header.sequence,
            items,
            segment,
            offset: u32::try_from(offset).unwrap_or(u32::MAX),
            payload_len: header.payload_len,
            put_at: u32::try_from(queue_time.as_secs()).unwrap_or(u32::MAX),
            state: State::Waiting,
        });
        Ok(header.sequence)
    }

    /// Makes everything appended so far durable. If that fails, the segment is sealed.
    pub(crate) fn sync(&mut self) -> Result<(), WriteFailed> {
        let Some(active) = &mut self.active else { return Ok(()) };
        let synced = active.sync();
        if synced.is_err() {
            return self.seal_after(synced);
        }
        self.all_stored();
        Ok(())
    }

    /// Hands out the oldest waiting batch of a signal.
    pub(crate) fn take(&mut self, signal: Signal) -> Option<Stored> {
        let queue_time = self.queue_time();
        let index = &mut self.indexes[signal.index()];
        let entry = index.oldest_waiting()?;
        index.set(entry.sequence, State::Taken)?;
        Some(Stored {
            signal,
            sequence: entry.sequence,
            items: entry.items,
            bytes: entry.payload_len as usize,
            age: entry.age(queue_time),
        })
    }

    /// Takes a batch back that was handed out; it waits again at its place.
    pub(crate) fn give_back(&mut self, signal: Signal, sequence: u64) {
        self.indexes[signal.index()].set(sequence, State::Waiting);
    }

    /// The batch has its fate. What that frees is freed by the next [`Log::reclaim`].
    pub(crate) fn settle(&mut self, signal: Signal, sequence: u64) {
        let Some(entry) = self.indexes[signal.index()].set(sequence, State::Settled) else { return };
        self.cursor.settle(signal, entry.sequence, entry.end());
        let copies = self.copies.remove(&(signal.index(), sequence)).unwrap_or_default();
        for entry in std::iter::once(entry).chain(copies) {
            if let Some(segment) = self.segment_mut(entry.segment) {
                segment.live -= 1;
            }
        }
    }

    /// Reads the bytes of a batch without a fate into a buffer, which should have room for [`Stored::bytes`].
    pub(crate) fn read(&mut self, signal: Signal, sequence: u64, into: &mut Vec<u8>) -> Result<(), ReadError> {
        self.read_frame(signal, sequence, into).map(drop)
    }

    /// The same, with the header of the frame.
    pub(super) fn read_frame(
        &mut self,
        signal: Signal,
        sequence: u64,
        into: &mut Vec<u8>,
    ) -> Result<FrameHeader, ReadError> {
        loop {
            let entry = self.indexes[signal.index()].entry(sequence).ok_or(ReadError::Damaged)?;
            let error = match self.read_entry(signal, &entry, into) {
                Ok(Some(header)) => return Ok(header),
                Ok(None) => ReadError::Damaged,
                Err(error) => ReadError::Io(error),
            };
            if matches!(error, ReadError::Damaged)
                && let Some(segment) = self.segment_mut(entry.segment)
            {
                segment.is_damaged = true;
            }
            let Some(copy) = self.copies.get_mut(&(signal.index(), sequence)).and_then(Vec::pop) else {
                return Err(error);
            };
            self.indexes[signal.index()].replace(copy);
            if let Some(segment) = self.segment_mut(entry.segment) {
                segment.live -= 1;
            }
        }
    }

    fn queue_time(&self) -> Duration {
        self.queue_time_before.saturating_add(self.open_for)
    }

    /// `None`: what stands there is not what was written.
    fn read_entry(&mut self, signal: Signal, entry: &Entry, into: &mut Vec<u8>) -> io::Result<Option<FrameHeader>> {
        let Some(header) = self.read_stored(signal, entry, into)? else { return Ok(None) };
        if !header.is_encrypted {
            return Ok(Some(header));
        }
        Ok(self.opener.as_mut().and_then(|opener| opener.open(&header, into)).map(|()| header))
    }

    fn read_stored(&mut self, signal: Signal, entry: &Entry, into: &mut Vec<u8>) -> io::Result<Option<FrameHeader>> {
        let file = match &self.active {
            Some(active) if active.segment.number == entry.segment => &*active.file,
            _ => self.readers.open(&*self.file_system, &self.directory, entry.segment)?,
        };
        read_stored(file, signal, entry, into)
    }

    /// What a failed append leaves: the file as it was before, or nothing more that is written to it.
    fn append_failed(&mut self, failed: AppendFailed, header: &FrameHeader) -> WriteFailed {
        let AppendFailed { error, is_undone } = failed;
        if is_undone {
            return error.into();
        }
        // The frame may stand there whole. So that nothing else is ever taken for it, its sequence is not used again.
        self.indexes[header.signal.index()].skip(header.items);
        self.cursor.is_stale = true;
        self.cursor.is_due = true;
        WriteFailed { error, lost: self.seal().err().map(|failed| failed.lost).unwrap_or_default() }
    }

    /// Seals the active segment: what is in it is durable, or lost; nothing more is written to it.
    fn seal(&mut self) -> Result<(), WriteFailed> {
        let synced = self.active.as_mut().map_or(Ok(()), Active::sync);
        self.seal_after(synced)
    }

    /// Seals the active segment after a last sync. That one is not tried again if it failed: the system may have
    /// forgotten the failure and what it could not write.
    fn seal_after(&mut self, synced: io::Result<()>) -> Result<(), WriteFailed> {
        let Some(mut active) = self.active.take() else { return Ok(()) };
        if synced.is_err() {
            active.cut();
        }
        self.sealed.push(active.segment);
        synced.map_err(|error| {
            for (signal, sequence) in &active.unsynced {
                self.settle(*signal, *sequence);
            }
            self.cursor.is_stale = true;
            self.cursor.is_due = true;
            WriteFailed { error, lost: active.unsynced }
        })?;
        self.all_stored();
        Ok(())
    }

    /// Nothing that was appended waits for a sync.
    fn all_stored(&mut self) {
        self.stored = self.indexes.each_ref().map(Index::next_sequence);
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
        if self.cursor.is_due {
            self.write_cursor()?;
        }
        let number = self.next_number;
        // A number is used once, also if the rest fails or somebody else's file has it.
        self.next_number = self.next_number.saturating_add(1);
        Active::create(&*self.file_system, &self.directory, number, now, self.key.as_ref())
    }

    fn segment_mut(&mut self, number: u32) -> Option<&mut Segment> {
        match self.sealed.binary_search_by_key(&number, |segment| segment.number) {
            Ok(at) => self.sealed.get_mut(at),
            Err(_) => self.active.as_mut().map(|active| &mut active.segment).filter(|one| one.number == number),
        }
    }
}
