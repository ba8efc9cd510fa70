//! The disk of the machine, with a count of its syncs.

use std::{
    io,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use otlp_batch::{DiskFile, FileSystem, LocalDisk};

/// Counts the syncs of files; those of directories come with new files alone.
#[derive(Debug, Clone, Default)]
pub(super) struct CountingDisk {
    syncs: Arc<AtomicU64>,
}

impl CountingDisk {
    /// How many there were.
    pub(super) fn syncs(&self) -> u64 {
        self.syncs.load(Relaxed)
    }

    fn counting(&self, file: io::Result<Box<dyn DiskFile>>) -> io::Result<Box<dyn DiskFile>> {
        file.map(|file| -> Box<dyn DiskFile> { Box::new(CountingFile { file, syncs: Arc::clone(&self.syncs) }) })
    }
}

impl FileSystem for CountingDisk {
    fn create_dir(&self, path: &Path) -> io::Result<()> {
        LocalDisk.create_dir(path)
    }

    fn list(&self, path: &Path) -> io::Result<Vec<String>> {
        LocalDisk.list(path)
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        self.counting(LocalDisk.create(path))
    }

    fn open(&self, path: &Path, writable: bool) -> io::Result<Box<dyn DiskFile>> {
        self.counting(LocalDisk.open(path, writable))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        LocalDisk.rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        LocalDisk.remove(path)
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        LocalDisk.sync_dir(path)
    }
}

struct CountingFile {
    file: Box<dyn DiskFile>,
    syncs: Arc<AtomicU64>,
}

impl DiskFile for CountingFile {
    fn size(&self) -> io::Result<u64> {
        self.file.size()
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.file.read_at(buffer, offset)
    }

    fn append(&mut self, pieces: &[&[u8]]) -> io::Result<()> {
        self.file.append(pieces)
    }

    fn truncate(&mut self, size: u64) -> io::Result<()> {
        self.file.truncate(size)
    }

    fn sync(&self) -> io::Result<()> {
        self.syncs.fetch_add(1, Relaxed);
        self.file.sync()
    }
}
