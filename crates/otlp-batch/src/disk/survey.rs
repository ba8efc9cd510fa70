//! Reads a directory and changes nothing: its segments, its cursor, and each batch without a fate.

use std::{io, path::Path, path::PathBuf, time::Duration};

use otlp_core::Signal;

use super::{
    cipher::EncryptionKey,
    cursor_file::{CURSOR, CURSOR_DRAFT},
    examine::{Candidate, Fault, examine},
    file_system::FileSystem,
    format::{Cursor, MAX_CURSOR_LEN, MAX_JOURNAL_LEN, journal_entries},
    index::{Entry, Index},
    journal::JOURNAL,
    log::Contents,
    once::{Once, RecoveredSignal},
    refusal::OpenError,
    runs::Runs,
    scan::Depth,
    segment::{self, Segment},
};

/// What stands in a directory.
pub(super) struct Survey {
    /// By rising number.
    pub(super) segments: Vec<(u32, Candidate)>,
    pub(super) has_draft: bool,
    pub(super) is_cursor_lost: bool,
    /// Frames are missing behind the last one: what stands there is no torn tail. Known after [`Survey::contents`].
    pub(super) is_tail_damaged: bool,
    cursor: Cursor,
    runs: Runs,
    /// By [`Signal::index`].
    found: [Vec<Entry>; 3],
}

impl Survey {
    pub(super) fn of(file_system: &dyn FileSystem, directory: &Path) -> Result<Self, OpenError> {
        let names = file_system.list(directory).map_err(|error| OpenError::Io { path: directory.to_owned(), error })?;
        let mut numbers: Vec<u32> = names.iter().filter_map(|name| segment::number(name)).collect();
        numbers.sort_unstable();
        let newest = numbers.last().copied();
        let mut segments = Vec::with_capacity(numbers.len());
        let mut found = <[Vec<Entry>; 3]>::default();
        for number in numbers {
            // Only the newest segment can have been cut off in the middle of a frame; the payloads of the others are
            // checked when they are read.
            let depth = if Some(number) == newest { Depth::Payloads } else { Depth::Headers };
            let path = segment::path(directory, number);
            let candidate = examine(file_system, &path, depth, |frame| {
                found[frame.header.signal.index()].push(Entry::found(number, &frame));
            });
            match candidate {
                Ok(candidate) => segments.push((number, candidate)),
                // Freed meanwhile by who holds the directory, if we only look at it.
                Err(Fault::Io(error)) if error.kind() == io::ErrorKind::NotFound => {}
                Err(Fault::UnknownVersion(version)) => return Err(OpenError::UnknownVersion { file: path, version }),
                Err(Fault::Io(error)) => return Err(OpenError::Io { path, error }),
            }
        }
        let cursor = read_cursor(file_system, directory);
        // What was never settled has no cursor; what was settled and freed lies before a segment that is gone.
        let is_first = segments.first().is_none_or(|(number, _)| *number == 1);
        let is_fresh = cursor.is_none() && is_first && !names.iter().any(|name| name == CURSOR);
        let numbers: Vec<u32> = segments.iter().map(|(number, _)| *number).collect();
        Ok(Survey {
            segments,
            has_draft: names.iter().any(|name| name == CURSOR_DRAFT),
            is_cursor_lost: cursor.is_none() && !is_fresh,
            is_tail_damaged: false,
            runs: Runs::new(&numbers, cursor.is_some() || is_fresh),
            cursor: cursor.unwrap_or_default(),
            found,
        })
    }

    /// Whether what is encrypted can be read with this key.
    pub(super) fn check_key(&self, directory: &Path, key: Option<&EncryptionKey>) -> Result<(), OpenError> {
        for (number, candidate) in &self.segments {
            let file = || -> PathBuf { segment::path(directory, *number) };
            match (key, &candidate.key_hint) {
                (None, _) if candidate.is_encrypted => return Err(OpenError::KeyMissing { file: file() }),
                (Some(key), Some(hint)) if !key.matches(hint) => return Err(OpenError::WrongKey { file: file() }),
                _ => {}
            }
        }
        Ok(())
    }

    /// The batches without a fate, and what is counted of them by [`Signal::index`].
    pub(super) fn contents(&mut self) -> (Contents, [RecoveredSignal; 3]) {
        let newest = self.segments.last().map(|(number, _)| *number);
        let mut contents = Contents {
            next_number: newest.map_or(1, |newest| newest.saturating_add(1)),
            queue_time: Duration::from_millis(self.cursor.queue_time),
            stored: Signal::ALL.map(|signal| self.cursor.stored(signal)),
            sealed: self.segments.iter().map(|(number, one)| Segment::new(*number, one.size)).collect(),
            ..Contents::default()
        };
        let mut counts = <[RecoveredSignal; 3]>::default();
        for signal in Signal::ALL {
            let found = std::mem::take(&mut self.found[signal.index()]);
            let mut once = Once::new(found, contents.queue_time);
            counts[signal.index()] = once.settle(signal, &self.cursor, &self.runs);
            self.is_tail_damaged |= once.missing_at_end > 0;
            for entry in once.entries.iter().chain(&once.copies) {
                if let Ok(at) = contents.sealed.binary_search_by_key(&entry.segment, |segment| segment.number) {
                    contents.sealed[at].live += 1;
                }
            }
            for copy in once.copies {
                contents.copies.entry((signal.index(), copy.sequence)).or_default().push(copy);
            }
            contents.indexes[signal.index()] = Index::recovered(once.entries, once.next_sequence);
        }
        (contents, counts)
    }
}

/// The cursor, with what its journal adds. `None`: there is none, or it cannot be read.
fn read_cursor(file_system: &dyn FileSystem, directory: &Path) -> Option<Cursor> {
    let bytes = read(file_system, &directory.join(CURSOR), MAX_CURSOR_LEN + 1)?;
    let mut cursor = Cursor::decode(&bytes)?;
    if let Some(journal) = read(file_system, &directory.join(JOURNAL), MAX_JOURNAL_LEN) {
        cursor.settle(journal_entries(&journal, Cursor::mark(&bytes)));
    }
    Some(cursor)
}

/// A small file, or its beginning.
fn read(file_system: &dyn FileSystem, path: &Path, max_bytes: usize) -> Option<Vec<u8>> {
    let file = file_system.open(path, false).ok()?;
    let size = usize::try_from(file.size().ok()?).unwrap_or(max_bytes).min(max_bytes);
    let mut bytes = vec![0; size];
    let read = file.read_at(&mut bytes, 0).ok()?;
    bytes.truncate(read);
    Some(bytes)
}
