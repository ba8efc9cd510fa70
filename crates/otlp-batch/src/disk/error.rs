//! Why a disk queue could not be opened.

use std::{io, path::PathBuf};

use thiserror::Error;

use super::{lock::LockError, refusal::OpenError};

/// Why a disk queue could not be opened. Nothing in its directory was changed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum DiskQueueError {
    /// Somebody has it open.
    #[error(
        "the disk queue in {} is in use by {holder}: give each process a directory of its own",
        directory.display()
    )]
    InUse {
        /// The directory of the destination.
        directory: PathBuf,
        /// Who, as far as is known.
        holder: String,
    },
    /// It was written by a version of this library that is not known here.
    #[error(
        "{} has version {version} of the disk queue's format, which is not known here: update this program, or move the \
         directory away",
        file.display()
    )]
    UnknownVersion {
        /// The file.
        file: PathBuf,
        /// Its version.
        version: u32,
    },
    /// It is encrypted, and no key is set.
    #[error("{} is encrypted, and no key is set: set disk_queue.encryption_key to the one it was written with", file.display())]
    KeyMissing {
        /// The file.
        file: PathBuf,
    },
    /// It is encrypted with another key.
    #[error("{} is encrypted with another key than disk_queue.encryption_key", file.display())]
    WrongKey {
        /// The file.
        file: PathBuf,
    },
    /// The disk refuses.
    #[error("cannot open the disk queue: {}: {error}", path.display())]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// What the disk said.
        error: io::Error,
    },
}

impl DiskQueueError {
    pub(super) fn lock(directory: &std::path::Path, error: LockError) -> Self {
        match error {
            LockError::Held(holder) => DiskQueueError::InUse { directory: directory.to_owned(), holder },
            LockError::Io(path, error) => DiskQueueError::Io { path, error },
        }
    }
}

impl From<OpenError> for DiskQueueError {
    fn from(error: OpenError) -> Self {
        match error {
            OpenError::UnknownVersion { file, version } => DiskQueueError::UnknownVersion { file, version },
            OpenError::KeyMissing { file } => DiskQueueError::KeyMissing { file },
            OpenError::WrongKey { file } => DiskQueueError::WrongKey { file },
            OpenError::Io { path, error } => DiskQueueError::Io { path, error },
        }
    }
}
