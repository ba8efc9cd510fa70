//! Where the disk queues of a demo are: a directory for the temporary, which is gone after it.

use std::{
    env, fs, io,
    path::{Path, PathBuf},
    process,
};

/// The directory; dropped, it is removed with all that is in it.
pub(crate) struct QueueDirectory(PathBuf);

impl QueueDirectory {
    /// Creates it, empty.
    ///
    /// # Errors
    /// If it cannot be created, or what a process of the same number left cannot be removed.
    pub(crate) fn create() -> io::Result<Self> {
        let path = env::temp_dir().join(format!("otlp-demo-{}", process::id()));
        match fs::remove_dir_all(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => fs::create_dir_all(&path)?,
        }
        Ok(QueueDirectory(path))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for QueueDirectory {
    fn drop(&mut self) {
        // What cannot be removed is for the system to clear away.
        let _ = fs::remove_dir_all(&self.0);
    }
}
