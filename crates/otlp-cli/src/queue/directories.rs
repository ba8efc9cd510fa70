//! Finds the queues at or below a directory, and says who has one.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use otlp_batch::{Inspection, queue_directories};

use super::Failure;

/// The file that a client locks: it is there also when everything was delivered before it touched the disk.
const LOCK: &str = "lock";

/// The queues: `directory` itself if it is one, else those in it, by name.
pub(super) fn find(directory: &Path) -> Result<Vec<PathBuf>, Failure> {
    let unreadable = |error: io::Error| Failure::Unreadable { path: directory.to_owned(), error };
    // The whole path: what is reported should say where it is, whatever the working directory was.
    let directory = fs::canonicalize(directory).map_err(unreadable)?;
    let mut found = queue_directories(&directory).map_err(unreadable)?;
    if found.first() == Some(&directory) || directory.join(LOCK).is_file() {
        return Ok(vec![directory]);
    }
    for entry in fs::read_dir(&directory).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        if path.join(LOCK).is_file() && !found.contains(&path) {
            found.push(path);
        }
    }
    found.sort();
    if found.is_empty() { Err(Failure::NoQueue(directory)) } else { Ok(found) }
}

/// Whether a directory is where a queue keeps what was refused: not one of its own, but part of the one above.
pub(super) fn is_dead_letter(directory: &Path) -> bool {
    let above = directory.parent().and_then(|above| Inspection::of(above, None).ok());
    above.and_then(|above| above.dead_letters()).is_some_and(|letters| letters == directory)
}

/// Refuses a queue that somebody has open.
pub(super) fn refuse_if_held(directory: &Path) -> Result<(), Failure> {
    let holder = |of: &Path| -> Result<(), Failure> {
        match Inspection::of(of, None)?.holder() {
            Some(holder) => Err(Failure::InUse { directory: directory.to_owned(), holder: holder.to_owned() }),
            None => Ok(()),
        }
    };
    holder(directory)?;
    match directory.parent() {
        Some(above) if is_dead_letter(directory) => holder(above),
        _ => Ok(()),
    }
}
