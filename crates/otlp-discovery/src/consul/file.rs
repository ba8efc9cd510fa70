//! Reading a file that a setting names: bounded in size, and never one that would make us wait for whoever writes to it.

use std::{
    fs::{self, File},
    io::Read,
    path::Path,
};

/// The content, if it is a file of at most `limit` bytes.
///
/// # Errors
///
/// Why not, without anything that is in it.
pub(super) fn read(path: &Path, limit: u64) -> Result<Vec<u8>, String> {
    // Before it is opened: opening a pipe waits until somebody writes to it.
    if !fs::metadata(path).map_err(|error| error.to_string())?.is_file() {
        return Err("it is no regular file".to_owned());
    }
    let file = File::open(path).map_err(|error| error.to_string())?;
    let mut content = Vec::new();
    let read = file.take(limit.saturating_add(1)).read_to_end(&mut content).map_err(|error| error.to_string())?;
    match read as u64 > limit {
        true => Err(format!("it is larger than {limit} bytes")),
        false => Ok(content),
    }
}
