//! The disk queue of ours, in a directory for the temporary.
//!
//! A child process ends with a client that is never dropped, so it is its parent that removes what is left.

use std::{env, fs, io, path::PathBuf, process};

use otlp::config::{DiskQueueConfig, Durability};

/// What the disk queue stores.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Disk {
    /// What is not delivered in time: the default.
    AsNeeded,
    /// Each batch at once, unless its acknowledgement is quicker.
    Always,
}

impl Disk {
    /// A queue with nothing in it.
    pub(super) fn queue(self) -> io::Result<DiskQueueConfig> {
        let directory = directory_of(process::id());
        remove(&directory)?;
        let config = DiskQueueConfig::new(directory);
        Ok(match self {
            Disk::AsNeeded => config,
            Disk::Always => config.with_durability(Durability::Always),
        })
    }

    /// Removes what the child process `id` left.
    ///
    /// # Errors
    /// If it cannot be removed. That there is nothing is none.
    pub(crate) fn remove_of(id: u32) -> io::Result<()> {
        remove(&directory_of(id))
    }
}

fn directory_of(id: u32) -> PathBuf {
    env::temp_dir().join(format!("otlp-bench-{id}"))
}

fn remove(directory: &PathBuf) -> io::Result<()> {
    match fs::remove_dir_all(directory) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
