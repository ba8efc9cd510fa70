//! Opening a directory: whatever stands in it, everything sound is found again, and what is missing is counted.
//!
//! All is read first, and refused as a whole if a later version or another key wrote it; only then anything is changed.
//! A process that dies in here leaves a directory that opens as well.

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use otlp_core::Signal;

use super::{
    cipher::EncryptionKey,
    examine::{Candidate, Fault, examine},
    file_system::FileSystem,
    format::{Cursor, MAX_CURSOR_LEN, SEGMENT_HEADER_LEN},
    index::{Entry, Index},
    log::{CURSOR, CURSOR_DRAFT, Contents, Copies, Log},
    runs::Runs,
    scan::Depth,
    segment::{self, Segment},
};

/// What was found in a directory.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Recovered {
    /// By [`Signal::index`].
    pub(crate) signals: [RecoveredSignal; 3],
    /// Bytes that were no frames: damage, and what a crash cut off.
    pub(crate) damaged_bytes: u64,
    /// The cursor was there once and cannot be read. What had its fate and still stands in a segment is delivered again.
    pub(crate) is_cursor_lost: bool,
    /// What the disk refused while the directory was opened. Everything found is there; whether it survives a power cut
    /// is not known.
    pub(crate) refused: Option<io::ErrorKind>,
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
    UnknownVersion {
        file: PathBuf,
        version: u32,
    },
    /// It is encrypted, and no key is configured.
    KeyMissing {
        file: PathBuf,
    },
    /// It is encrypted with another key.
    WrongKey {
        file: PathBuf,
    },
    Io {
        path: PathBuf,
        error: io::Error,
    },
}

/// Opens the log in a directory. With a key, what is written from now on is encrypted; what was written without one is
/// read as it is.
pub(crate) fn open(
    file_system: Arc<dyn FileSystem>,
    directory: &Path,
    segment_bytes: u64,
    key: Option<EncryptionKey>,
) -> Result<(Log, Recovered), OpenError> {
    let at = |path: &Path| {
        let path = path.to_owned();
        move |error| OpenError::Io { path, error }
    };
    file_system.create_dir(directory).map_err(at(directory))?;
    let names = file_system.list(directory).map_err(at(directory))?;
    let mut numbers: Vec<u32> = names.iter().filter_map(|name| segment::number(name)).collect();
    numbers.sort_unstable();
    let newest = numbers.last().copied();

    let mut candidates = Vec::with_capacity(numbers.len());
    let mut found = <[Vec<Entry>; 3]>::default();
    for number in &numbers {
        // Only the newest segment can have been cut off in the middle of a frame; the payloads of the others are checked
        // when they are read.
        let depth = if Some(*number) == newest { Depth::Payloads } else { Depth::Headers };
        let path = segment::path(directory, *number);
        let candidate = examine(&*file_system, &path, key.as_ref(), depth, |frame| {
            found[frame.header.signal.index()].push(Entry::found(*number, &frame));
        });
        candidates.push(candidate.map_err(|fault| match fault {
            Fault::UnknownVersion(version) => OpenError::UnknownVersion { file: path, version },
            Fault::KeyMissing => OpenError::KeyMissing { file: path },
            Fault::WrongKey => OpenError::WrongKey { file: path },
            Fault::Io(error) => OpenError::Io { path, error },
        })?);
    }
    let cursor = read_cursor(&*file_system, &directory.join(CURSOR));
    // From here on the directory is changed.
    if names.iter().any(|name| name == CURSOR_DRAFT) {
        let _ = file_system.remove(&directory.join(CURSOR_DRAFT));
    }
    // What was never settled has no cursor; what was lies before a segment that is gone.
    let is_fresh =
        cursor.is_none() && !names.iter().any(|name| name == CURSOR) && numbers.first().is_none_or(|n| *n == 1);
    let mut recovered = Recovered { is_cursor_lost: cursor.is_none() && !is_fresh, ..Recovered::default() };
    let mut segments = Vec::with_capacity(candidates.len());
    for (number, candidate) in numbers.iter().zip(candidates) {
        let path = segment::path(directory, *number);
        recovered.damaged_bytes += candidate.damaged_bytes();
        let (bytes, is_damaged) = if Some(*number) == newest {
            let cut = settle_newest(&*file_system, directory, &path, &candidate);
            recovered.refused = cut.as_ref().err().map(io::Error::kind);
            (cut.unwrap_or(candidate.size), candidate.is_damaged_before_tail())
        } else {
            (candidate.size, candidate.is_damaged())
        };
        segments.push(Segment { is_damaged, ..Segment::new(*number, bytes) });
    }
    let runs = Runs::new(&numbers, cursor.is_some() || is_fresh);
    let cursor = cursor.unwrap_or_default();
    let queue_time = Duration::from_millis(cursor.queue_time);
    let mut contents = Contents {
        next_number: newest.map_or(1, |newest| newest.saturating_add(1)),
        queue_time,
        ..Contents::default()
    };
    for signal in Signal::ALL {
        let entries = std::mem::take(&mut found[signal.index()]);
        let mut once = Once::new(entries, queue_time);
        let counts = once.settle(signal, &cursor, &runs);
        for entry in once.entries.iter().chain(once.copies.iter()) {
            if let Ok(at) = segments.binary_search_by_key(&entry.segment, |segment| segment.number) {
                segments[at].live += 1;
            }
        }
        let mut copies = Copies::new();
        for copy in once.copies {
            copies.entry((signal.index(), copy.sequence)).or_default().push(copy);
        }
        contents.copies.append(&mut copies);
        contents.indexes[signal.index()] = Index::recovered(once.entries, once.next_sequence);
        recovered.signals[signal.index()] = counts;
    }
    contents.sealed = segments;
    let mut log = Log::new(file_system, directory, segment_bytes, key, contents);
    // What a crash kept from being freed. If the disk refuses, it is tried again later.
    if let Err(error) = log.reclaim() {
        recovered.refused.get_or_insert(error.kind());
    }
    Ok((log, recovered))
}

/// Cuts a torn tail off, and makes what the last process wrote durable, which it may not have done: from here on other
/// segments follow, and what is in this one counts as stored. The size it has then.
fn settle_newest(
    file_system: &dyn FileSystem,
    directory: &Path,
    path: &Path,
    candidate: &Candidate,
) -> io::Result<u64> {
    let mut file = file_system.open(path, true)?;
    let is_torn = candidate.tail() > 0 && candidate.has_header && candidate.unreadable == 0;
    let mut size = candidate.size;
    if is_torn {
        size = candidate.end.max(SEGMENT_HEADER_LEN as u64);
        file.truncate(size)?;
    }
    file.sync()?;
    file_system.sync_dir(directory)?;
    Ok(size)
}

/// The frames of one signal, each batch once.
struct Once {
    entries: Vec<Entry>,
    /// Where a batch stands as well.
    copies: Vec<Entry>,
    next_sequence: u64,
}

impl Once {
    /// Of frames that claim the same items the newest is right, since the log gives a sequence to one batch alone.
    fn new(mut found: Vec<Entry>, queue_time: Duration) -> Self {
        // Nothing is older than the queue: see the cursor.
        let oldest = u32::try_from(queue_time.as_secs()).unwrap_or(u32::MAX);
        found.iter_mut().for_each(|entry| entry.put_at = entry.put_at.min(oldest));
        let order = |entry: &Entry| (entry.sequence, std::cmp::Reverse(entry.segment), entry.offset);
        if !found.is_sorted_by_key(order) {
            found.sort_unstable_by_key(order);
        }
        let mut copies = Vec::new();
        let mut kept = 0;
        for at in 0..found.len() {
            let entry = found[at];
            let mut is_kept = true;
            while kept > 0 && found[kept - 1].end() > entry.sequence {
                let last = found[kept - 1];
                if last.sequence == entry.sequence && last.items == entry.items {
                    copies.push(entry);
                    is_kept = false;
                    break;
                }
                if last.segment >= entry.segment {
                    is_kept = false;
                    break;
                }
                kept -= 1;
            }
            if is_kept {
                found[kept] = entry;
                kept += 1;
            }
        }
        found.truncate(kept);
        copies.retain(|copy: &Entry| found.binary_search_by_key(&copy.sequence, |entry| entry.sequence).is_ok());
        Once { entries: found, copies, next_sequence: 0 }
    }

    /// Leaves what has no fate, and counts it and what is missing between.
    fn settle(&mut self, signal: Signal, cursor: &Cursor, runs: &Runs) -> RecoveredSignal {
        let settled = cursor.signal(signal);
        let mut counts = RecoveredSignal::default();
        let mut known = (0, None);
        let missing = |from: u64, to: u64| to.saturating_sub(from).saturating_sub(settled.count_within(from, to));
        self.entries.retain(|entry| {
            if runs.are_joined(known.1, entry.segment) {
                counts.missing_items = counts.missing_items.saturating_add(missing(known.0, entry.sequence));
            }
            known = (entry.end(), Some(entry.segment));
            let has_fate = settled.covers(entry.sequence, entry.end());
            if !has_fate {
                counts.batches += 1;
                counts.items = counts.items.saturating_add(u64::from(entry.items));
            }
            !has_fate
        });
        self.copies.retain(|copy| !settled.covers(copy.sequence, copy.end()));
        self.next_sequence = settled.end().max(known.0);
        counts.missing_items = counts.missing_items.saturating_add(missing(known.0, self.next_sequence));
        counts
    }
}

/// The cursor. `None`: there is none, or it cannot be read.
pub(super) fn read_cursor(file_system: &dyn FileSystem, path: &Path) -> Option<Cursor> {
    let file = file_system.open(path, false).ok()?;
    let size = usize::try_from(file.size().ok()?).ok().filter(|size| *size <= MAX_CURSOR_LEN)?;
    let mut bytes = vec![0; size];
    let read = file.read_at(&mut bytes, 0).ok()?;
    Cursor::decode(bytes.get(..read)?)
}
