//! Looking at the directory of a disk queue without changing anything in it: what waits, whether it is sound, and the
//! batches themselves.
//!
//! No lock is taken, so this works beside a crash's leftovers, on a read-only medium and, as a picture that is out of
//! date at once, beside the process that holds the directory.

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use otlp_core::Signal;
use thiserror::Error;

use super::{
    aside::DAMAGED,
    cipher::EncryptionKey,
    dead_letter::DEAD_LETTER,
    examine::examine,
    file_system::{FileSystem, LocalDisk},
    index::Entry,
    lock::DirectoryLock,
    log::{Log, ReadError},
    refusal::OpenError,
    scan::Depth,
    segment,
    survey::Survey,
};

/// What stands in the directory of one destination's disk queue.
///
/// ```no_run
/// use otlp_batch::Inspection;
///
/// let inspection = Inspection::of("/var/spool/telemetry/collector", None)?;
/// for one in inspection.signals() {
///     println!("{}: {} items in {} batches", one.signal.name(), one.items, one.batches);
/// }
/// # Ok::<(), otlp_batch::InspectError>(())
/// ```
pub struct Inspection {
    directory: PathBuf,
    holder: Option<String>,
    signals: [WaitingSignal; 3],
    segments: Vec<InspectedSegment>,
    is_cursor_lost: bool,
    set_aside: usize,
    log: Log,
}

/// What waits of one signal.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct WaitingSignal {
    /// The signal.
    pub signal: Signal,
    /// Batches without a fate.
    pub batches: u64,
    /// Spans, data points or log records in them.
    pub items: u64,
    /// Their bytes as they are stored.
    pub bytes: u64,
    /// When the oldest of them was put, by the clock of that moment.
    pub oldest: Option<SystemTime>,
    /// When the newest was.
    pub newest: Option<SystemTime>,
    /// Items that were there once, have no fate, and cannot be found.
    pub missing_items: u64,
}

/// One file of the queue.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct InspectedSegment {
    /// Where it is.
    pub path: PathBuf,
    /// Its size.
    pub bytes: u64,
    /// How many of its batches have no fate.
    pub waiting_batches: u64,
    /// Bytes that are no part of a batch: damage, or in the newest segment what a crash cut off.
    pub damaged_bytes: u64,
    /// Whether it is encrypted.
    pub is_encrypted: bool,
}

/// What [`Inspection::verify`] found.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Verification {
    /// Waiting batches whose bytes are what was written.
    pub sound_batches: u64,
    /// Waiting batches whose bytes are not.
    pub damaged_batches: u64,
    /// Items in those.
    pub damaged_items: u64,
    /// Bytes that are no part of a batch.
    pub damaged_bytes: u64,
    /// Items of which nothing is left but a gap.
    pub missing_items: u64,
}

/// A batch of a queue, as the request that is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct StoredRequest {
    /// Its signal.
    pub signal: Signal,
    /// How many spans, data points or log records it holds.
    pub items: u64,
    /// When it was put, by the clock of that moment.
    pub put_at: SystemTime,
    /// The encoded request.
    pub request: Bytes,
}

/// Why a directory cannot be inspected.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum InspectError {
    /// A later version wrote it.
    #[error("{} has version {version} of the format, which this program does not know", file.display())]
    UnknownVersion {
        /// The file.
        file: PathBuf,
        /// Its version.
        version: u32,
    },
    /// It is encrypted and no key was given: what is in it can be counted, and not read.
    #[error("{} is encrypted, and no key was given", file.display())]
    KeyMissing {
        /// The file.
        file: PathBuf,
    },
    /// It is encrypted with another key.
    #[error("{} is encrypted with another key", file.display())]
    WrongKey {
        /// The file.
        file: PathBuf,
    },
    /// The directory or a file cannot be read.
    #[error("cannot read {}", path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        error: io::Error,
    },
}

/// Why one batch cannot be read. The others can.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StoredRequestError {
    /// What stands there is not what was written.
    #[error("a batch of {items} items ({}) is damaged", signal.name())]
    Damaged {
        /// Its signal.
        signal: Signal,
        /// How many items are lost with it.
        items: u64,
    },
    /// The disk does not answer.
    #[error("cannot read a batch of {items} items ({})", signal.name())]
    Io {
        /// Its signal.
        signal: Signal,
        /// How many items it holds.
        items: u64,
        /// Why.
        #[source]
        error: io::Error,
    },
}

impl From<OpenError> for InspectError {
    fn from(error: OpenError) -> Self {
        match error {
            OpenError::UnknownVersion { file, version } => InspectError::UnknownVersion { file, version },
            OpenError::KeyMissing { file } => InspectError::KeyMissing { file },
            OpenError::WrongKey { file } => InspectError::WrongKey { file },
            OpenError::Io { path, error } => InspectError::Io { path, error },
        }
    }
}

/// Where queues are at or below `directory`: itself if it is the queue of a destination, else the directories in it that
/// are.
///
/// # Errors
/// If the directory cannot be read.
pub fn queue_directories(directory: impl AsRef<Path>) -> io::Result<Vec<PathBuf>> {
    let directory = directory.as_ref();
    let is_queue = |path: &Path| -> io::Result<bool> {
        let names = LocalDisk.list(path)?;
        Ok(names.iter().any(|name| segment::number(name).is_some() || name == super::cursor_file::CURSOR))
    };
    if is_queue(directory)? {
        return Ok(vec![directory.to_owned()]);
    }
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() && is_queue(&entry.path()).unwrap_or(false) {
            found.push(entry.path());
        }
    }
    found.sort();
    Ok(found)
}

impl Inspection {
    /// Reads what stands in a directory. The key is needed to read encrypted batches, and not to count them.
    ///
    /// # Errors
    /// If the directory cannot be read, or another version or key wrote it.
    pub fn of(directory: impl AsRef<Path>, key: Option<EncryptionKey>) -> Result<Self, InspectError> {
        let file_system: Arc<dyn FileSystem> = Arc::new(LocalDisk);
        let directory = directory.as_ref();
        let mut survey = Survey::of(&*file_system, directory)?;
        if key.is_some() {
            survey.check_key(directory, key.as_ref())?;
        }
        let (contents, counts) = survey.contents();
        let inspected =
            |((number, candidate), segment): (&(u32, super::examine::Candidate), &segment::Segment)| InspectedSegment {
                path: segment::path(directory, *number),
                bytes: candidate.size,
                waiting_batches: segment.live as u64,
                damaged_bytes: candidate.damaged_bytes(),
                is_encrypted: candidate.is_encrypted,
            };
        let segments = survey.segments.iter().zip(&contents.sealed).map(inspected).collect();
        // Without a call that writes, a log writes nothing.
        let log = Log::new(Arc::clone(&file_system), directory, u64::MAX, key, contents);
        let signals = Signal::ALL.map(|signal| {
            let entries = || log.index(signal).entries();
            let counts = counts[signal.index()];
            let put_at = |entry: Option<&Entry>| log.put_at(signal, entry?).map(time);
            WaitingSignal {
                signal,
                batches: counts.batches,
                items: counts.items,
                bytes: entries().map(|entry| u64::from(entry.payload_len)).sum(),
                oldest: put_at(entries().next()),
                newest: put_at(entries().next_back()),
                missing_items: counts.missing_items,
            }
        });
        Ok(Inspection {
            directory: directory.to_owned(),
            holder: DirectoryLock::holder(directory),
            signals,
            segments,
            is_cursor_lost: survey.is_cursor_lost,
            set_aside: file_system.list(&directory.join(DAMAGED)).map_or(0, |names| names.len()),
            log,
        })
    }

    /// The directory.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Who has the directory open, if somebody has.
    pub fn holder(&self) -> Option<&str> {
        self.holder.as_deref()
    }

    /// What waits, by signal.
    pub fn signals(&self) -> &[WaitingSignal] {
        &self.signals
    }

    /// The files, oldest first.
    pub fn segments(&self) -> &[InspectedSegment] {
        &self.segments
    }

    /// Whether the cursor is damaged or gone: what has its fate and still stands in a segment is delivered again.
    pub fn is_cursor_lost(&self) -> bool {
        self.is_cursor_lost
    }

    /// How many damaged segments were set aside.
    pub fn set_aside(&self) -> usize {
        self.set_aside
    }

    /// Where the batches are that a receiver refused for good, if there are any: a directory to inspect like this one.
    pub fn dead_letters(&self) -> Option<PathBuf> {
        let directory = self.directory.join(DEAD_LETTER);
        directory.is_dir().then_some(directory)
    }

    /// Reads everything and compares it with its checksums. That needs no key, and no memory for what is read.
    ///
    /// # Errors
    /// If a file cannot be opened any more.
    pub fn verify(&self) -> Result<Verification, InspectError> {
        let mut verification = Verification {
            missing_items: self.signals.iter().map(|signal| signal.missing_items).sum(),
            ..Verification::default()
        };
        let mut waiting: Vec<Entry> =
            Signal::ALL.into_iter().flat_map(|signal| self.log.index(signal).entries()).copied().collect();
        waiting.sort_unstable_by_key(|entry| (entry.segment, entry.offset));
        for of_segment in waiting.chunk_by(|one, other| one.segment == other.segment) {
            let path = segment::path(&self.directory, of_segment[0].segment);
            let mut sound = Vec::new();
            examine(&LocalDisk, &path, Depth::Payloads, |frame| sound.push(frame.offset)).map_err(|fault| {
                let error = match fault {
                    super::examine::Fault::Io(error) => error,
                    super::examine::Fault::UnknownVersion(_) => io::ErrorKind::InvalidData.into(),
                };
                InspectError::Io { path, error }
            })?;
            for entry in of_segment {
                if sound.binary_search(&entry.offset).is_ok() {
                    verification.sound_batches += 1;
                } else {
                    verification.damaged_batches += 1;
                    verification.damaged_items += u64::from(entry.items);
                }
            }
        }
        verification.damaged_bytes = self.segments.iter().map(|segment| segment.damaged_bytes).sum();
        Ok(verification)
    }

    /// The batches that wait, by signal and oldest first. Each is read when it is asked for.
    ///
    /// # Errors
    /// If some are encrypted and no key was given.
    pub fn into_requests(
        mut self,
    ) -> Result<impl Iterator<Item = Result<StoredRequest, StoredRequestError>>, InspectError> {
        if let Some(locked) = self.segments.iter().find(|segment| segment.is_encrypted)
            && !self.log.has_key()
        {
            return Err(InspectError::KeyMissing { file: locked.path.clone() });
        }
        let mut signals = Signal::ALL.into_iter().peekable();
        Ok(std::iter::from_fn(move || {
            loop {
                if let Some(stored) = self.log.take(*signals.peek()?) {
                    return Some(self.request(stored.signal, stored.sequence, u64::from(stored.items)));
                }
                signals.next();
            }
        }))
    }

    fn request(&mut self, signal: Signal, sequence: u64, items: u64) -> Result<StoredRequest, StoredRequestError> {
        let mut request = Vec::new();
        match self.log.read_frame(signal, sequence, &mut request) {
            Ok(header) => Ok(StoredRequest { signal, items, put_at: time(header.put_at), request: request.into() }),
            Err(ReadError::Damaged) => Err(StoredRequestError::Damaged { signal, items }),
            Err(ReadError::Io(error)) => Err(StoredRequestError::Io { signal, items, error }),
        }
    }
}

impl std::fmt::Debug for Inspection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Inspection")
            .field("directory", &self.directory)
            .field("holder", &self.holder)
            .field("signals", &self.signals)
            .field("segments", &self.segments)
            .finish_non_exhaustive()
    }
}

fn time(nanoseconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_nanos(nanoseconds)
}
