//! Why a directory is not opened, or cannot be looked at: the reason of both, whoever asked.

use std::{io, path::PathBuf};

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
