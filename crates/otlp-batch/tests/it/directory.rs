//! A directory that is gone after the test.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
};

pub(crate) struct Directory(PathBuf);

impl Directory {
    pub(crate) fn new() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("otlp-batch-{}-{number}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).expect("a temporary directory");
        Directory(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// How many bytes the files in it have.
    pub(crate) fn bytes(&self) -> u64 {
        fn of(path: &Path) -> u64 {
            let entries = fs::read_dir(path).expect("a directory").map(|entry| entry.expect("an entry"));
            // A file may be removed while we look.
            let len = |path: &Path| fs::metadata(path).map_or(0, |metadata| metadata.len());
            entries.map(|entry| entry.path()).map(|path| if path.is_dir() { of(&path) } else { len(&path) }).sum()
        }
        of(&self.0)
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
