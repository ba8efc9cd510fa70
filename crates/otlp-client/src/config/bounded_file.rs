//! Reading a file that a person names: never more of it than the limit, and nothing that would make us wait.

use std::{
    fs::{self, File},
    io::{self, Read},
    path::Path,
};

use thiserror::Error;

/// Why a file was not read.
#[derive(Debug, Error)]
pub(super) enum Unread {
    /// The system says so, or it is no file.
    #[error("{0}")]
    Failed(#[from] io::Error),
    /// It has more bytes than the limit.
    #[error("it has more than {0} bytes")]
    TooLong(u64),
    /// It is something else than text.
    #[error("it is no UTF-8 text")]
    NoText,
}

/// The text of a file of at most `limit` bytes.
pub(super) fn read_text(path: &Path, limit: u64) -> Result<String, Unread> {
    let is_file = |found: fs::Metadata| match found.is_file() {
        true => Ok(()),
        false => Err(io::Error::other("it is no file")),
    };
    // Before it is opened, for opening a pipe would wait for whoever writes to it; and once more, for it may have been
    // replaced in between.
    is_file(fs::metadata(path)?)?;
    let file = File::open(path)?;
    is_file(file.metadata()?)?;
    let mut content = Vec::new();
    file.take(limit.saturating_add(1)).read_to_end(&mut content)?;
    // Before it is looked at: what was cut may end within a character.
    if content.len() as u64 > limit {
        return Err(Unread::TooLong(limit));
    }
    String::from_utf8(content).map_err(|_| Unread::NoText)
}
