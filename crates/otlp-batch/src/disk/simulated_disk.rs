//! A file system in memory that records what is done to it, can refuse any operation, and shows what a power cut would
//! leave behind: what was synced, and any part of what was not.

use std::{
    collections::BTreeMap,
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

use super::file_system::{DiskFile, FileSystem};

/// Clones are the same disk.
#[derive(Clone, Default)]
pub(super) struct SimulatedDisk(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    /// What programs see: names and their files.
    names: BTreeMap<PathBuf, usize>,
    /// What a power cut leaves: the names as of the last sync of their directory.
    durable_names: BTreeMap<PathBuf, usize>,
    files: Vec<Content>,
    operations: usize,
    /// Operations that fail, by number.
    failing: Option<Failing>,
}

#[derive(Default, Clone)]
struct Content {
    bytes: Vec<u8>,
    durable: Vec<u8>,
}

struct Failing {
    from: usize,
    count: usize,
    error: io::ErrorKind,
}

impl SimulatedDisk {
    /// Lets `count` operations fail, beginning with the one of this number.
    pub(super) fn fail(&self, from: usize, count: usize, error: io::ErrorKind) {
        self.0.lock().unwrap().failing = Some(Failing { from, count, error });
    }

    /// How many operations there were that change something.
    pub(super) fn operations(&self) -> usize {
        self.0.lock().unwrap().operations
    }

    /// What a power cut at this moment leaves behind; `keep` tells for each file how many of the bytes that were
    /// appended since its last sync made it, and whether names that were not synced did.
    pub(super) fn after_power_cut(&self, mut keep: impl FnMut(usize) -> usize, keep_names: bool) -> SimulatedDisk {
        let state = self.0.lock().unwrap();
        let files = state.files.iter().map(|file| {
            let mut bytes = file.durable.clone();
            if file.bytes.len() > bytes.len() {
                let extra = &file.bytes[bytes.len()..];
                let kept = keep(extra.len()).min(extra.len());
                bytes.extend_from_slice(&extra[..kept]);
            } else {
                bytes.truncate(file.bytes.len());
            }
            Content { durable: bytes.clone(), bytes }
        });
        let names = if keep_names { state.names.clone() } else { state.durable_names.clone() };
        let after = State { durable_names: names.clone(), names, files: files.collect(), ..State::default() };
        SimulatedDisk(Arc::new(Mutex::new(after)))
    }

    /// Changes the bytes of each file as `damage` says.
    pub(super) fn damage(&self, mut damage: impl FnMut(&Path, &mut Vec<u8>)) {
        let mut state = self.0.lock().unwrap();
        let State { names, files, .. } = &mut *state;
        for (path, file) in names {
            damage(path, &mut files[*file].bytes);
            files[*file].durable = files[*file].bytes.clone();
        }
    }

    fn change<T>(&self, change: impl FnOnce(&mut State) -> io::Result<T>) -> io::Result<T> {
        let mut state = self.0.lock().unwrap();
        state.operations += 1;
        let number = state.operations;
        if let Some(failing) = &state.failing
            && (failing.from..failing.from + failing.count).contains(&number)
        {
            return Err(failing.error.into());
        }
        change(&mut state)
    }
}

impl State {
    fn file(&self, path: &Path) -> io::Result<usize> {
        self.names.get(path).copied().ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

impl FileSystem for SimulatedDisk {
    fn create_dir(&self, _: &Path) -> io::Result<()> {
        Ok(())
    }

    fn list(&self, directory: &Path) -> io::Result<Vec<String>> {
        let state = self.0.lock().unwrap();
        let inside = state.names.keys().filter(|path| path.parent() == Some(directory));
        Ok(inside.filter_map(|path| Some(path.file_name()?.to_str()?.to_owned())).collect())
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let file = self.change(|state| {
            if state.names.contains_key(path) {
                return Err(io::ErrorKind::AlreadyExists.into());
            }
            state.files.push(Content::default());
            state.names.insert(path.to_owned(), state.files.len() - 1);
            Ok(state.files.len() - 1)
        })?;
        Ok(Box::new(SimulatedFile { disk: self.clone(), file }))
    }

    fn open(&self, path: &Path, _: bool) -> io::Result<Box<dyn DiskFile>> {
        let file = self.0.lock().unwrap().file(path)?;
        Ok(Box::new(SimulatedFile { disk: self.clone(), file }))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.change(|state| {
            let file = state.names.remove(from).ok_or(io::ErrorKind::NotFound)?;
            state.names.insert(to.to_owned(), file);
            Ok(())
        })
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.change(|state| state.names.remove(path).map(drop).ok_or_else(|| io::ErrorKind::NotFound.into()))
    }

    fn sync_dir(&self, directory: &Path) -> io::Result<()> {
        self.change(|state| {
            let is_inside = |path: &Path| path.parent() == Some(directory);
            state.durable_names.retain(|path, _| !is_inside(path));
            let inside = state.names.iter().filter(|(path, _)| is_inside(path));
            state.durable_names.extend(inside.map(|(path, file)| (path.clone(), *file)));
            Ok(())
        })
    }

    fn is_local(&self) -> bool {
        false
    }
}

struct SimulatedFile {
    disk: SimulatedDisk,
    file: usize,
}

impl DiskFile for SimulatedFile {
    fn size(&self) -> io::Result<u64> {
        Ok(self.disk.0.lock().unwrap().files[self.file].bytes.len() as u64)
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let state = self.disk.0.lock().unwrap();
        let bytes = state.files[self.file].bytes.get(offset as usize..).unwrap_or_default();
        let read = bytes.len().min(buffer.len());
        buffer[..read].copy_from_slice(&bytes[..read]);
        Ok(read)
    }

    fn append(&mut self, pieces: &[&[u8]]) -> io::Result<()> {
        let (file, whole) = (self.file, pieces.concat());
        let result = self.disk.change(|state| {
            state.files[file].bytes.extend_from_slice(&whole);
            Ok(())
        });
        if result.is_err() {
            // A write that fails may have written a part.
            let part = &whole[..whole.len() / 2];
            self.disk.0.lock().unwrap().files[file].bytes.extend_from_slice(part);
        }
        result
    }

    fn truncate(&mut self, size: u64) -> io::Result<()> {
        let file = self.file;
        self.disk.change(|state| {
            state.files[file].bytes.truncate(size as usize);
            Ok(())
        })
    }

    fn sync(&self) -> io::Result<()> {
        self.disk.change(|state| {
            let file = &mut state.files[self.file];
            file.durable = file.bytes.clone();
            Ok(())
        })
    }
}
