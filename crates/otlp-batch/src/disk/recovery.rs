//! Opening a directory: whatever stands in it, everything sound is found again, and what is missing is counted.
//!
//! All is read first, and refused as a whole if a later version or another key wrote it; only then anything is changed.
//! A process that dies in here leaves a directory that opens as well.

use std::{io, path::Path, sync::Arc};

use super::{
    cipher::EncryptionKey, cursor_file::CURSOR_DRAFT, examine::Candidate, file_system::FileSystem,
    format::SEGMENT_HEADER_LEN, index::Index, log::Log, once::RecoveredSignal, refusal::OpenError, segment,
    survey::Survey,
};

/// What was found in a directory.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Recovered {
    /// By [`Signal::index`](otlp_core::Signal::index).
    pub(crate) signals: [RecoveredSignal; 3],
    /// Bytes that were no frames: damage, and what a crash cut off.
    pub(crate) damaged_bytes: u64,
    /// The cursor was there once and cannot be read. What had its fate and still stands in a segment is delivered again.
    pub(crate) is_cursor_lost: bool,
    /// What the disk refused while the directory was opened. Everything found is there; whether it survives a power cut
    /// is not known.
    pub(crate) refused: Option<io::ErrorKind>,
}

/// Opens the log in a directory. With a key, what is written from now on is encrypted; what was written without one is
/// read as it is.
pub(crate) fn open(
    file_system: Arc<dyn FileSystem>,
    directory: &Path,
    segment_bytes: u64,
    key: Option<EncryptionKey>,
) -> Result<(Log, Recovered), OpenError> {
    let refused = |error| OpenError::Io { path: directory.to_owned(), error };
    file_system.create_dir(directory).map_err(refused)?;
    let mut survey = Survey::of(&*file_system, directory)?;
    survey.check_key(directory, key.as_ref())?;
    // From here on the directory is changed.
    if survey.has_draft {
        let _ = file_system.remove(&directory.join(CURSOR_DRAFT));
    }
    let (mut contents, signals) = survey.contents();
    let mut recovered = Recovered { signals, is_cursor_lost: survey.is_cursor_lost, ..Recovered::default() };
    let newest = survey.segments.len().saturating_sub(1);
    for (at, ((number, candidate), segment)) in survey.segments.iter().zip(&mut contents.sealed).enumerate() {
        recovered.damaged_bytes += candidate.damaged_bytes();
        let may_be_torn = at == newest && !survey.is_tail_damaged;
        segment.is_damaged = if may_be_torn { candidate.is_damaged_before_tail() } else { candidate.is_damaged() };
        if at == newest {
            let path = segment::path(directory, *number);
            match settle_newest(&*file_system, directory, &path, candidate, may_be_torn) {
                Ok(size) => segment.bytes = size,
                Err(error) => recovered.refused = Some(error.kind()),
            }
        }
    }
    if recovered.refused.is_none() {
        contents.stored = contents.indexes.each_ref().map(Index::next_sequence);
    }
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
    may_be_torn: bool,
) -> io::Result<u64> {
    let mut file = file_system.open(path, true)?;
    let is_torn = may_be_torn && candidate.tail() > 0 && candidate.has_header && candidate.unreadable == 0;
    let mut size = candidate.size;
    if is_torn {
        size = candidate.end.max(SEGMENT_HEADER_LEN as u64);
        file.truncate(size)?;
    }
    file.sync()?;
    file_system.sync_dir(directory)?;
    Ok(size)
}
