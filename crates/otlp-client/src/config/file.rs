//! Configuration files: bounded reading, and what can go wrong with them.

use std::{
    ffi::{OsStr, OsString},
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
};

use thiserror::Error;

use super::{
    FieldError, Place,
    bounded_file::{self, Unread},
};

/// The longest that a configuration file may be.
pub(crate) const MAX_BYTES: u64 = 1 << 20;

/// Why a configuration could not be read or written. No message shows what may be a secret.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ConfigFileError {
    /// The file cannot be read.
    #[error("cannot read the configuration file {path:?}: {error}")]
    Read {
        /// The file.
        path: String,
        /// Why not.
        error: io::Error,
    },
    /// What a file says cannot be used.
    #[error("{path}: {error}")]
    In {
        /// The file.
        path: String,
        /// Why not.
        error: Box<ConfigFileError>,
    },
    /// It is longer than any configuration.
    #[error("the configuration has more than {MAX_BYTES} bytes, the most that is read of one")]
    TooLong,
    /// It is no YAML.
    #[error("{}{problem}", place.map(|place| format!("{place}: ")).unwrap_or_default())]
    Syntax {
        /// Where.
        place: Option<Place>,
        /// What is wrong there.
        problem: String,
    },
    /// A field cannot be used.
    #[error(transparent)]
    Field(#[from] FieldError),
    /// The configuration cannot be written.
    #[error("cannot write the configuration: {problem}")]
    Write {
        /// Why not.
        problem: String,
    },
}

impl ConfigFileError {
    /// Where in the file it is.
    pub fn place(&self) -> Option<Place> {
        match self {
            ConfigFileError::Syntax { place, .. } => *place,
            ConfigFileError::Field(error) => error.place(),
            ConfigFileError::In { error, .. } => error.place(),
            _ => None,
        }
    }
}

/// What `parse` makes of the text of a file; errors name the file.
pub(crate) fn read<T>(
    path: &Path,
    parse: impl FnOnce(&str) -> Result<T, ConfigFileError>,
) -> Result<T, ConfigFileError> {
    let unusable = |error| ConfigFileError::In { path: path.display().to_string(), error: Box::new(error) };
    let text = bounded_file::read_text(path, MAX_BYTES).map_err(|unread| {
        let error = match unread {
            Unread::TooLong(_) => return unusable(ConfigFileError::TooLong),
            Unread::Failed(error) => error,
            Unread::NoText => io::Error::new(io::ErrorKind::InvalidData, unread.to_string()),
        };
        ConfigFileError::Read { path: path.display().to_string(), error }
    })?;
    parse(&text).map_err(unusable)
}

/// Writes a file that only its owner can read, for it may hold secrets. It takes the place of the old one at once:
/// whoever reads it finds one of them whole.
pub(crate) fn write(path: &Path, text: &str) -> Result<(), ConfigFileError> {
    let failed = |error: io::Error| ConfigFileError::Write { problem: format!("{}: {error}", path.display()) };
    let name = path.file_name().ok_or_else(|| failed(io::Error::other("it is the path of no file")))?;
    let (mut file, beside) = create_beside(path, name).map_err(failed)?;
    let written = file.write_all(text.as_bytes()).and_then(|()| file.sync_all());
    written.and_then(|()| fs::rename(&beside, path)).map_err(|error| {
        // What is left of it, if anything: the error is about what went wrong before.
        let _ = fs::remove_file(&beside);
        failed(error)
    })
}

/// A new file in the same directory, which nobody else has: neither another thread that writes the same configuration,
/// nor a process that was killed while it did, which in a container had the same id.
fn create_beside(path: &Path, name: &OsStr) -> io::Result<(File, PathBuf)> {
    static WRITTEN: AtomicU64 = AtomicU64::new(0);
    loop {
        let number = WRITTEN.fetch_add(1, Ordering::Relaxed);
        let mut beside = OsString::from(".");
        beside.push(name);
        beside.push(format!(".{}-{number}", std::process::id()));
        let beside = path.with_file_name(beside);
        match create_private(&beside) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            created => return created.map(|file| (file, beside)),
        }
    }
}

fn create_private(path: &Path) -> io::Result<File> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}
