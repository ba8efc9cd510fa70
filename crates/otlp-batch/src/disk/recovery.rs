//! Opening a directory: whatever stands in it, everything sound is found again, and what is missing is counted.

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use otlp_core::Signal;

use super::{
    file_system::FileSystem,
    format::{Cursor, FrameHeader, HeaderError, SEGMENT_HEADER_LEN, SegmentHeader},
    index::{Entry, Index, State},
    log::{CURSOR, CURSOR_DRAFT, Log},
    scan::{Depth, Found, Scan, scan},
    segment::{self, Segment},
};

/// More than a cursor can have with any number of batches in flight; what is larger is none.
const MAX_CURSOR: u64 = 64 << 20;

/// What was found in a directory.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Recovered {
    /// By [`Signal::index`].
    pub(crate) signals: [RecoveredSignal; 3],
    /// Bytes that were no frames: damage, and what a crash cut off.
    pub(crate) damaged_bytes: u64,
}

/// What was found of one signal.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct RecoveredSignal {
    pub(crate) batches: u64,
    pub(crate) items: u64,
    /// Items that were there once, have no fate, and cannot be found.
    pub(crate) missing_items: u64,
}

/// Why a directory was not opened. Nothing in it was changed.
#[derive(Debug)]
pub(crate) enum OpenError {
    UnknownVersion { file: PathBuf, version: u32 },
    Io { path: PathBuf, error: io::Error },
}

/// A segment as it stands in the directory.
struct Candidate {
    number: u64,
    path: PathBuf,
    size: u64,
    scan: Scan,
    has_header: bool,
}

/// Opens the log in a directory.
pub(crate) fn open(
    file_system: Arc<dyn FileSystem>,
    directory: &Path,
    segment_bytes: u64,
) -> Result<(Log, Recovered), OpenError> {
    let at = |path: &Path| {
        let path = path.to_owned();
        move |error| OpenError::Io { path, error }
    };
    file_system.create_dir(directory).map_err(at(directory))?;
    let names = file_system.list(directory).map_err(at(directory))?;
    let mut numbers: Vec<u64> = names.iter().filter_map(|name| segment::number(name)).collect();
    numbers.sort_unstable();
    let newest = numbers.last().copied();

    let mut candidates = Vec::with_capacity(numbers.len());
    for number in numbers {
        candidates.push(examine(&*file_system, directory, number, Some(number) == newest)?);
    }
    let cursor = read_cursor(&*file_system, &directory.join(CURSOR));
    // From here on the directory is changed.
    if names.iter().any(|name| name == CURSOR_DRAFT) {
        let _ = file_system.remove(&directory.join(CURSOR_DRAFT));
    }
    let mut recovered = Recovered::default();
    let mut frames: [Vec<(u64, Found)>; 3] = Default::default();
    let mut segments = Vec::with_capacity(candidates.len());
    for candidate in candidates {
        let is_newest = Some(candidate.number) == newest;
        let segment = adopt(&*file_system, &candidate, is_newest, &mut recovered);
        for found in candidate.scan.frames {
            frames[found.header.signal.index()].push((segment.number, found));
        }
        segments.push(segment);
    }
    let mut indexes = <[Index; 3]>::default();
    for signal in Signal::ALL {
        let frames = std::mem::take(&mut frames[signal.index()]);
        let (index, counts) = index(signal, frames, &cursor, &mut segments);
        indexes[signal.index()] = index;
        recovered.signals[signal.index()] = counts;
    }
    let next_number = newest.map_or(1, |newest| newest.saturating_add(1));
    let mut log = Log::new(file_system, directory, segment_bytes, segments, next_number, indexes);
    // What a crash kept from being freed. If the disk refuses, it is tried again later.
    let _ = log.reclaim();
    Ok((log, recovered))
}

fn examine(
    file_system: &dyn FileSystem,
    directory: &Path,
    number: u64,
    is_newest: bool,
) -> Result<Candidate, OpenError> {
    let path = segment::path(directory, number);
    let read = || {
        let file = file_system.open(&path, false)?;
        let mut start = [0; SEGMENT_HEADER_LEN];
        let read = file.read_at(&mut start, 0)?;
        let header = SegmentHeader::decode(&start[..read]);
        // Only the newest segment can have been cut off in the middle of a frame; the payloads of the others are checked
        // when they are read.
        let depth = if is_newest { Depth::Payloads } else { Depth::Headers };
        let scan = match header {
            Err(HeaderError::UnknownVersion(_)) => Scan::default(),
            Ok(_) => scan(&*file, SEGMENT_HEADER_LEN as u64, depth)?,
            Err(HeaderError::Damaged) => scan(&*file, 0, depth)?,
        };
        Ok((header, file.size()?, scan))
    };
    let (header, size, scan) = read().map_err(|error| OpenError::Io { path: path.clone(), error })?;
    if let Err(HeaderError::UnknownVersion(version)) = header {
        return Err(OpenError::UnknownVersion { file: path, version });
    }
    Ok(Candidate { number, path, size, scan, has_header: header.is_ok() })
}

/// A segment of the log, made of one on the disk: a torn tail is cut off, other damage marks it.
fn adopt(file_system: &dyn FileSystem, candidate: &Candidate, is_newest: bool, recovered: &mut Recovered) -> Segment {
    let tail = candidate.size.saturating_sub(candidate.scan.end);
    recovered.damaged_bytes += candidate.scan.damaged_bytes + tail;
    let mut segment = Segment::new(candidate.number, candidate.size);
    let is_torn = is_newest && tail > 0 && candidate.has_header;
    if is_torn {
        let cut = file_system.open(&candidate.path, true).and_then(|mut file| file.truncate(candidate.scan.end));
        if cut.is_ok() {
            segment.bytes = candidate.scan.end;
        }
    }
    let is_empty_start = is_newest && candidate.size < SEGMENT_HEADER_LEN as u64;
    segment.is_damaged =
        !is_empty_start && (candidate.scan.damaged_bytes > 0 || !candidate.has_header || tail > 0 && !is_newest);
    segment
}

/// The index of one signal: what was found, without what the cursor covers and what was found twice.
fn index(
    signal: Signal,
    mut frames: Vec<(u64, Found)>,
    cursor: &Cursor,
    segments: &mut [Segment],
) -> (Index, RecoveredSignal) {
    let settled = cursor.signal(signal);
    frames.sort_by_key(|(segment, Found { header, .. })| (header.sequence, *segment));
    let mut entries: Vec<Entry> = Vec::with_capacity(frames.len());
    let mut counts = RecoveredSignal::default();
    let mut known_to = 0;
    let mut next_sequence = settled.end();
    let missing = |from: u64, to: u64| to.saturating_sub(from) - settled.count_within(from, to);
    for (number, Found { offset, header }) in frames {
        if header.sequence < known_to {
            continue;
        }
        counts.missing_items += missing(known_to, header.sequence);
        known_to = header.end();
        next_sequence = next_sequence.max(known_to);
        if settled.covers(header.sequence, header.end()) {
            continue;
        }
        let entry = entry(number, offset, &header);
        counts.batches += 1;
        counts.items += u64::from(entry.items);
        if let Ok(at) = segments.binary_search_by_key(&number, |segment| segment.number) {
            segments[at].live += 1;
        }
        entries.push(entry);
    }
    counts.missing_items += missing(known_to, next_sequence);
    (Index::recovered(entries, next_sequence), counts)
}

fn entry(segment: u64, offset: u64, header: &FrameHeader) -> Entry {
    Entry {
        sequence: header.sequence,
        items: header.items,
        segment,
        offset,
        payload_len: header.payload_len,
        payload_checksum: header.payload_checksum,
        put_at: header.put_at,
        state: State::Waiting,
    }
}

/// The cursor; one that cannot be read covers nothing.
fn read_cursor(file_system: &dyn FileSystem, path: &Path) -> Cursor {
    let read = || {
        let file = file_system.open(path, false).ok()?;
        let size = file.size().ok().filter(|size| *size <= MAX_CURSOR)?;
        let mut bytes = vec![0; usize::try_from(size).ok()?];
        let read = file.read_at(&mut bytes, 0).ok()?;
        Cursor::decode(bytes.get(..read)?)
    };
    read().unwrap_or_default()
}
