//! Where PEM text comes from: memory, or a file that is read again when it changes. Nothing of the content
//! is ever shown.

#[cfg(feature = "tls")]
use std::io;
use std::{fmt, path::PathBuf};

#[cfg(feature = "tls")]
use super::read_file;

/// More than any chain of certificates or bundle of authorities has.
#[cfg(feature = "tls")]
const LARGEST_FILE: u64 = 4 << 20;

/// PEM text, or the file that holds it.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum PemSource {
    /// The text itself.
    Memory(Vec<u8>),
    /// A file of at most 4 MiB. It is read when the transport is built and again before each new connection, so that
    /// rotated certificates take effect without a restart.
    File(PathBuf),
}

#[cfg(feature = "tls")]
impl PemSource {
    /// The text as it is now.
    pub(crate) fn read(&self) -> io::Result<Vec<u8>> {
        match self {
            PemSource::Memory(text) => Ok(text.clone()),
            PemSource::File(path) => read_file(path, LARGEST_FILE),
        }
    }

    /// The file, if it is one.
    pub(crate) fn file(&self) -> Option<&PathBuf> {
        match self {
            PemSource::Memory(_) => None,
            PemSource::File(path) => Some(path),
        }
    }
}

/// Names the file; shows nothing of a text.
impl fmt::Debug for PemSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PemSource::Memory(_) => f.write_str("Memory(..)"),
            PemSource::File(path) => f.debug_tuple("File").field(path).finish(),
        }
    }
}
