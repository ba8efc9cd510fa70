//! The log: frames appended to segments, read back, and freed when all of a segment have their fate.
//!
//! One owner, no threads, no clock. What must hold:
//! - A frame that [`Log::sync`] confirmed is found again by [`recovery`](super::recovery), whatever happens, until its
//!   fate was told to [`Log::settle`].
//! - A segment is removed only after a cursor that covers it is durable.
//! - After a failed sync nothing written since the last good one is assumed to be there, the file is never synced again,
//!   and nothing follows before a cursor that covers what was lost is durable: what is appended again has other
//!   sequences, and the old ones are no gap.
//! - A sequence names one batch for ever.

use std::{
    collections::{BTreeMap, VecDeque},
    io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use otlp_core::Signal;

use super::{
    aside::set_aside,
    cipher::{EncryptionKey, OVERHEAD, Opener, Sealer},
    file_system::{DiskFile, FileSystem},
    format::{Cursor, FRAME_HEADER_LEN, FrameHeader, MAX_PAYLOAD, SEGMENT_HEADER_LEN, SegmentHeader, payload_checksum},
    index::{Entry, Index, State},
    scan::read_payload,
    segment::{self, Segment},
};

pub(super) const CURSOR: &str = "cursor";
pub(super) const CURSOR_DRAFT: &str = "cursor.draft";

/// How many segments are open for reading: one for each signal, and one.
const READERS: usize = 4;

/// How much queue time a crash may take. The cursor is written this often while anything waits.
const QUEUE_TIME_STEP: Duration = Duration::from_secs(60);

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
    readers: VecDeque<(u32, Box<dyn DiskFile>)>,
    next_number: u32,
    /// By [`Signal::index`].
    indexes: [Index; 3],
    copies: Copies,
    /// How long earlier processes had the queue open.
    queue_time_before: Duration,
    /// How long this one has.
    open_for: Duration,
    /// The queue time in the cursor.
    queue_time_kept: Duration,
    /// Something was settled since the cursor was written.
    is_cursor_stale: bool,
    /// Nothing may be appended before the cursor is written.
    is_cursor_due: bool,
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
}

/// The segment that is written to.
struct Active {
    segment: Segment,
    file: Box<dyn DiskFile>,
    sealer: Option<Sealer>,
    /// How many bytes the last good sync covered.
    synced_bytes: u64,
    /// Written since then.
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

impl Active {
    fn sync(&mut self) -> io::Result<()> {
        if !self.unsynced.is_empty() {
            self.file.sync()?;
            self.unsynced.clear();
            self.synced_bytes = self.segment.bytes;
        }
        Ok(())
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
            readers: VecDeque::new(),
            next_number: contents.next_number,
            indexes: contents.indexes,
            copies: contents.copies,
            queue_time_before: contents.queue_time,
            open_for: Duration::ZERO,
            queue_time_kept: contents.queue_time,
            is_cursor_stale: false,
            is_cursor_due: false,
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

    /// The batches without a fate in the oldest segment: once they have theirs, its room is free. Empty: there is no
    /// segment but the one that is written to.
    pub(super) fn oldest_segment(&self) -> Vec<(Signal, u64)> {
        let Some(oldest) = self.sealed.iter().find(|segment| segment.live > 0) else { return Vec::new() };
        let of = |signal: Signal| {
            let entries = self.indexes[signal.index()].entries();
            let inside = entries.filter(|entry| entry.segment == oldest.number && entry.state != State::Settled);
            inside.map(move |entry| (signal, entry.sequence))
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
        let sealed = active.sealer.as_mut().map(|sealer| sealer.seal(&header, payload)).transpose()?;
        let sealed = sealed.as_ref().map(std::slice::from_ref);
        let payload = sealed.unwrap_or(payload);
        header.payload_checksum = payload_checksum(payload.iter().copied());
        let encoded = header.encode();
        let mut pieces = Vec::with_capacity(payload.len() + 1);
        pieces.push(encoded.as_slice());
        pieces.extend_from_slice(payload);
        let offset = active.segment.bytes;
        if let Err(error) = active.file.append(&pieces) {
            let truncated = active.file.truncate(offset);
            return Err(self.append_failed(error, truncated.is_ok(), &header));
        }
        active.segment.bytes += header.frame_len();
        active.segment.live += 1;
        active.unsynced.push((signal, header.sequence));
        let segment = active.segment.number;
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
        if synced.is_err() { self.seal_after(synced) } else { Ok(()) }
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
        self.is_cursor_stale = true;
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

    /// Writes the cursor if it is stale, and frees the segments that nobody needs any more.
    pub(crate) fn reclaim(&mut self) -> io::Result<()> {
        let is_waiting = self.indexes.iter().any(|index| index.entries().next().is_some());
        let is_late = is_waiting && self.queue_time() >= self.queue_time_kept + QUEUE_TIME_STEP;
        if self.is_cursor_stale || is_late {
            self.write_cursor()?;
        }
        // Everything in it has its fate, so it need not be synced first. A small one is rather filled.
        let is_spent = |active: &mut Active| {
            active.segment.live == 0 && active.segment.bytes > (self.segment_bytes / 4).max(SEGMENT_HEADER_LEN as u64)
        };
        if let Some(active) = self.active.take_if(is_spent) {
            self.sealed.push(active.segment);
        }
        let freed: Vec<Segment> = self.sealed.extract_if(.., |segment| segment.live == 0).collect();
        let mut result = Ok(());
        let mut is_changed = false;
        for segment in freed {
            self.readers.retain(|(number, _)| *number != segment.number);
            match self.dispose(&segment) {
                Ok(()) => is_changed = true,
                // Its frames are covered by the cursor, so it is no more than wasted room; the next call tries again.
                Err(error) => {
                    let at = self.sealed.partition_point(|other| other.number < segment.number);
                    self.sealed.insert(at, segment);
                    result = Err(error);
                }
            }
        }
        if is_changed {
            self.file_system.sync_dir(&self.directory)?;
        }
        result
    }

    /// Ends the log in order: everything durable, the cursor written, empty segments gone.
    pub(crate) fn close(&mut self) -> Result<(), WriteFailed> {
        let sealed = self.seal();
        self.is_cursor_stale |= self.queue_time() > self.queue_time_kept && self.sealed.iter().any(|one| one.live > 0);
        let reclaimed = self.reclaim();
        sealed?;
        Ok(reclaimed?)
    }

    fn queue_time(&self) -> Duration {
        self.queue_time_before.saturating_add(self.open_for)
    }

    /// `None`: what stands there is not what was written.
    fn read_entry(&mut self, signal: Signal, entry: &Entry, into: &mut Vec<u8>) -> io::Result<Option<FrameHeader>> {
        let file = match &self.active {
            Some(active) if active.segment.number == entry.segment => &*active.file,
            _ => reader(&mut self.readers, &*self.file_system, &self.directory, entry.segment)?,
        };
        let offset = u64::from(entry.offset);
        let mut start = [0; FRAME_HEADER_LEN];
        let read = file.read_at(&mut start, offset)?;
        let Some(header) = FrameHeader::decode(&start[..read]) else { return Ok(None) };
        let is_it = (header.signal, header.sequence, header.items, header.payload_len)
            == (signal, entry.sequence, entry.items, entry.payload_len);
        if !is_it || !read_payload(file, offset, &header, into)? {
            return Ok(None);
        }
        if !header.is_encrypted {
            return Ok(Some(header));
        }
        Ok(self.opener.as_mut().and_then(|opener| opener.open(&header, into)).map(|()| header))
    }

    /// What a failed append leaves: the file as it was before, or nothing more that is written to it.
    fn append_failed(&mut self, error: io::Error, is_truncated: bool, header: &FrameHeader) -> WriteFailed {
        if is_truncated {
            return error.into();
        }
        // The frame may stand there whole. So that nothing else is ever taken for it, its sequence is not used again.
        self.indexes[header.signal.index()].skip(header.items);
        self.is_cursor_stale = true;
        self.is_cursor_due = true;
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
        if synced.is_err() && active.file.truncate(active.synced_bytes).is_ok() {
            active.segment.bytes = active.synced_bytes;
        }
        self.sealed.push(active.segment);
        synced.map_err(|error| {
            for (signal, sequence) in &active.unsynced {
                self.settle(*signal, *sequence);
            }
            self.is_cursor_stale = true;
            self.is_cursor_due = true;
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
        if self.is_cursor_due {
            self.write_cursor()?;
        }
        let number = self.next_number;
        let sealer = self.key.as_ref().map(Sealer::new).transpose()?;
        let path = segment::path(&self.directory, number);
        // A number is used once, also if the rest fails or somebody else's file has it.
        self.next_number = self.next_number.saturating_add(1);
        let mut file = self.file_system.create(&path)?;
        let header =
            SegmentHeader { number: number.into(), created_at: now, encryption: sealer.as_ref().map(Sealer::hint) };
        let written = file.append(&[&header.encode()]).and_then(|()| file.sync());
        if let Err(error) = written.and_then(|()| self.file_system.sync_dir(&self.directory)) {
            let _ = self.file_system.remove(&path);
            return Err(error);
        }
        let bytes = SEGMENT_HEADER_LEN as u64;
        let segment = Segment::new(number, bytes);
        Ok(Active { segment, file, sealer, synced_bytes: bytes, unsynced: Vec::new() })
    }

    fn write_cursor(&mut self) -> io::Result<()> {
        let queue_time = self.queue_time();
        let milliseconds = u64::try_from(queue_time.as_millis()).unwrap_or(u64::MAX);
        let cursor = Cursor::new(milliseconds, self.indexes.each_ref().map(Index::settled));
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
        self.queue_time_kept = queue_time;
        self.is_cursor_stale = false;
        self.is_cursor_due = false;
        Ok(())
    }

    /// Removes a segment, or keeps it aside for a person to look at if it was damaged.
    fn dispose(&self, segment: &Segment) -> io::Result<()> {
        if segment.is_damaged {
            let max_bytes = self.segment_bytes.saturating_mul(4).max(segment.bytes);
            return set_aside(&*self.file_system, &self.directory, segment.number, segment.bytes, max_bytes);
        }
        match self.file_system.remove(&segment::path(&self.directory, segment.number)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            removed => removed,
        }
    }

    fn segment_mut(&mut self, number: u32) -> Option<&mut Segment> {
        match self.sealed.binary_search_by_key(&number, |segment| segment.number) {
            Ok(at) => self.sealed.get_mut(at),
            Err(_) => self.active.as_mut().map(|active| &mut active.segment).filter(|one| one.number == number),
        }
    }
}

/// A segment that is open for reading; the one opened first is closed for it.
fn reader<'a>(
    readers: &'a mut VecDeque<(u32, Box<dyn DiskFile>)>,
    file_system: &dyn FileSystem,
    directory: &Path,
    number: u32,
) -> io::Result<&'a dyn DiskFile> {
    let at = match readers.iter().position(|(open, _)| *open == number) {
        Some(at) => at,
        None => {
            let file = file_system.open(&segment::path(directory, number), false)?;
            if readers.len() == READERS {
                readers.pop_front();
            }
            readers.push_back((number, file));
            readers.len() - 1
        }
    };
    Ok(&*readers[at].1)
}
