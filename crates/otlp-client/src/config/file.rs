//! Configuration files: bounded reading, and what can go wrong with them.

use std::{
    fs::{self, File},
    io::{self, Read, Write},
    path::Path,
};

use thiserror::Error;

use super::{FieldError, Place};

/// The longest that a configuration file may be.
pub(crate) const MAX_BYTES: u64 = 1 << 20;

/// Why a configuration could not be read or written. No message shows what may be a secret.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ConfigFileError {
    /// The file cannot be read.
    #[error("cannot read the configuration file {path}: {error}")]
    Read {
        /// The file.
        path: String,
        /// Why not.
        error: io::Error,
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
            _ => None,
        }
    }
}

/// The text of a file.
pub(crate) fn read(path: &Path) -> Result<String, ConfigFileError> {
    let failed = |error| ConfigFileError::Read { path: path.display().to_string(), error };
    // Opening a pipe would wait for whoever writes to it.
    if !fs::metadata(path).map_err(failed)?.is_file() {
        return Err(failed(io::Error::other("it is no file")));
    }
    let mut content = Vec::new();
    let file = File::open(path).map_err(failed)?;
    file.take(MAX_BYTES + 1).read_to_end(&mut content).map_err(failed)?;
    // Before it is looked at: what was cut may end within a character.
    if content.len() as u64 > MAX_BYTES {
        return Err(ConfigFileError::TooLong);
    }
    String::from_utf8(content).map_err(|_| failed(io::Error::new(io::ErrorKind::InvalidData, "it is no UTF-8 text")))
}

/// Writes a file that only its owner can read, for it may hold secrets. It takes the place of the old one at once:
/// whoever reads it finds one of them whole.
pub(crate) fn write(path: &Path, text: &str) -> Result<(), ConfigFileError> {
    let failed = |error: io::Error| ConfigFileError::Write { problem: format!("{}: {error}", path.display()) };
    let name = path.file_name().ok_or_else(|| failed(io::Error::other("it is the path of no file")))?;
    let mut beside = std::ffi::OsString::from(".");
    beside.push(name);
    beside.push(format!(".{}", std::process::id()));
    let beside = path.with_file_name(beside);
    let written = create_private(&beside)
        .and_then(|mut file| file.write_all(text.as_bytes()).and_then(|()| file.sync_all()))
        .and_then(|()| fs::rename(&beside, path));
    written.map_err(|error| {
        // What is left of it, if anything: the error is about what went wrong before.
        let _ = fs::remove_file(&beside);
        failed(error)
    })
}

fn create_private(path: &Path) -> io::Result<File> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}
