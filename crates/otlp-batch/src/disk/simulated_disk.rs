//! A file system in memory that can refuse any operation, and shows what a power cut would leave behind: what was synced,
//! and whatever a file system may have kept of what was not.
//!
//! It is as harsh as the worst that POSIX allows: unsynced bytes are there, gone, zeros or old, block by block; names that
//! were not synced are there or not, each for itself; what a failed sync could not write is never written by a later one.

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    path::{Path, PathBuf},
    sync::{Arc, Condvar, Mutex},
};

use super::file_system::{DiskFile, FileSystem};

/// What is kept or not of unsynced content, as one. Small, as the segments of tests are.
const BLOCK: usize = 64;

/// Clones are the same disk.
#[derive(Clone, Default)]
pub(crate) struct SimulatedDisk {
    state: Arc<Mutex<State>>,
    hanging: Arc<Hanging>,
}

/// Holds up whatever is to be changed.
#[derive(Default)]
struct Hanging {
    is_hanging: Mutex<bool>,
    changed: Condvar,
}

#[derive(Clone, Default)]
struct State {
    /// What programs see: names and their files.
    names: BTreeMap<PathBuf, usize>,
    /// The names as of the last sync of their directory.
    durable_names: BTreeMap<PathBuf, usize>,
    files: Vec<Arc<Content>>,
    directories: BTreeSet<PathBuf>,
    operations: usize,
    failing: Option<Failing>,
    /// Bytes of files that cannot be read.
    unreadable: BTreeMap<PathBuf, std::ops::Range<u64>>,
    history: Option<Vec<State>>,
}

#[derive(Default, Clone)]
struct Content {
    bytes: Vec<u8>,
    durable: Vec<u8>,
    /// What a failed sync could not write: no later one does.
    forgotten: Vec<std::ops::Range<usize>>,
}

#[derive(Clone, Copy)]
struct Failing {
    from: usize,
    count: usize,
    error: io::ErrorKind,
}

/// What a power cut leaves of what was not synced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unsynced {
    /// Nothing.
    Gone,
    /// All of it, and all names.
    Kept,
    /// The bytes up to any one; names one by one.
    Torn,
    /// The length, but zeros from any byte on; names one by one.
    Zeros,
    /// Each block for itself, or zeros, or what stood there before; names one by one.
    Scattered,
}

impl Unsynced {
    pub(super) const ALL: [Unsynced; 5] =
        [Unsynced::Gone, Unsynced::Kept, Unsynced::Torn, Unsynced::Zeros, Unsynced::Scattered];
}

/// Numbers that are the same for the same seed (xorshift64*).
pub(super) struct Random(u64);

impl Random {
    pub(super) fn new(seed: u64) -> Self {
        Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// Any number below `bound`, which is more than zero.
    pub(super) fn below(&mut self, bound: usize) -> usize {
        (self.next() >> 33) as usize % bound
    }

    fn flip(&mut self) -> bool {
        self.below(2) == 0
    }
}

impl Content {
    fn after_power_cut(&self, unsynced: Unsynced, random: &mut Random) -> Content {
        let (old, new) = (&self.durable, &self.bytes);
        let cut = old.len().min(new.len()) + random.below(new.len().saturating_sub(old.len()) + 1);
        let bytes = match unsynced {
            Unsynced::Gone => old.clone(),
            Unsynced::Kept => new.clone(),
            Unsynced::Torn => new[..cut].to_vec(),
            Unsynced::Zeros => [&new[..cut], &vec![0; new.len() - cut]].concat(),
            Unsynced::Scattered => {
                let len = if random.flip() { old.len() } else { new.len() };
                let mut bytes = vec![0; len];
                for (at, byte) in bytes.iter_mut().enumerate() {
                    *byte = old.get(at).copied().unwrap_or(0);
                }
                let changed = (0..len).find(|at| old.get(*at) != new.get(*at)).unwrap_or(len);
                for block in (changed..len).collect::<Vec<_>>().chunks(BLOCK) {
                    if random.flip() {
                        block.iter().for_each(|at| bytes[*at] = new.get(*at).copied().unwrap_or(0));
                    }
                }
                bytes
            }
        };
        Content { durable: bytes.clone(), bytes, forgotten: Vec::new() }
    }
}

impl SimulatedDisk {
    fn of(state: State) -> Self {
        SimulatedDisk { state: Arc::new(Mutex::new(state)), hanging: Arc::default() }
    }

    /// Lets whoever changes something wait, until it is told otherwise.
    pub(super) fn hang(&self, is_hanging: bool) {
        *self.hanging.is_hanging.lock().unwrap() = is_hanging;
        self.hanging.changed.notify_all();
    }

    /// Lets `count` operations fail, beginning with the one of this number.
    pub(super) fn fail(&self, from: usize, count: usize, error: io::ErrorKind) {
        self.state.lock().unwrap().failing = Some(Failing { from, count, error });
    }

    /// Nothing fails any more.
    pub(super) fn repair(&self) {
        let mut state = self.state.lock().unwrap();
        state.failing = None;
        state.unreadable.clear();
    }

    /// Lets reads fail that touch these bytes of a file.
    pub(super) fn fail_reads(&self, path: &Path, bytes: std::ops::Range<u64>) {
        self.state.lock().unwrap().unreadable.insert(path.to_owned(), bytes);
    }

    /// How many operations there were that change something.
    pub(super) fn operations(&self) -> usize {
        self.state.lock().unwrap().operations
    }

    /// From here on remembers what each operation left.
    pub(super) fn record(&self) {
        self.state.lock().unwrap().history = Some(Vec::new());
    }

    /// The disk after each operation since [`SimulatedDisk::record`].
    pub(super) fn recorded(&self) -> Vec<SimulatedDisk> {
        let history = self.state.lock().unwrap().history.take().unwrap_or_default();
        history.into_iter().map(SimulatedDisk::of).collect()
    }

    /// What a power cut at this moment leaves behind.
    pub(super) fn after_power_cut(&self, unsynced: Unsynced, random: &mut Random) -> SimulatedDisk {
        let state = self.state.lock().unwrap();
        let (mut names, mut files) = (BTreeMap::new(), Vec::new());
        let paths: BTreeSet<&PathBuf> = state.names.keys().chain(state.durable_names.keys()).collect();
        for path in paths {
            let is_new = match unsynced {
                Unsynced::Gone => false,
                Unsynced::Kept => true,
                _ => random.flip(),
            };
            let from = if is_new { &state.names } else { &state.durable_names };
            if let Some(file) = from.get(path) {
                names.insert(path.clone(), files.len());
                files.push(Arc::new(state.files[*file].after_power_cut(unsynced, random)));
            }
        }
        let directories = state.directories.clone();
        let after = State { durable_names: names.clone(), names, files, directories, ..State::default() };
        SimulatedDisk::of(after)
    }

    /// Another disk with the same content.
    pub(super) fn copy(&self) -> SimulatedDisk {
        SimulatedDisk::of(self.state.lock().unwrap().clone())
    }

    /// All files with their bytes.
    pub(super) fn contents(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let state = self.state.lock().unwrap();
        state.names.iter().map(|(path, file)| (path.clone(), state.files[*file].bytes.clone())).collect()
    }

    /// Puts these bytes, for good, in place of a file's.
    pub(super) fn replace(&self, path: &Path, bytes: Vec<u8>) {
        let mut state = self.state.lock().unwrap();
        state.files.push(Arc::new(Content { durable: bytes.clone(), bytes, forgotten: Vec::new() }));
        let file = state.files.len() - 1;
        state.names.insert(path.to_owned(), file);
        state.durable_names.insert(path.to_owned(), file);
    }

    fn change<T>(&self, change: impl FnOnce(&mut State) -> io::Result<T>) -> io::Result<T> {
        drop(self.hanging.changed.wait_while(self.hanging.is_hanging.lock().unwrap(), |is_hanging| *is_hanging));
        let mut state = self.state.lock().unwrap();
        state.operations += 1;
        let number = state.operations;
        if let Some(failing) = &state.failing
            && number >= failing.from
            && number - failing.from < failing.count
        {
            return Err(failing.error.into());
        }
        let changed = change(&mut state);
        state.remember();
        changed
    }
}

impl State {
    fn remember(&mut self) {
        let Some(mut history) = self.history.take() else { return };
        // Files without a name are of no interest to those who open the disk later.
        let named: BTreeSet<usize> = self.names.values().chain(self.durable_names.values()).copied().collect();
        let mut now = self.clone();
        for (at, file) in now.files.iter_mut().enumerate() {
            if !named.contains(&at) {
                *file = Arc::default();
            }
        }
        history.push(now);
        self.history = Some(history);
    }

    fn file(&self, path: &Path) -> io::Result<usize> {
        self.names.get(path).copied().ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn content(&mut self, file: usize) -> &mut Content {
        Arc::make_mut(&mut self.files[file])
    }
}

impl FileSystem for SimulatedDisk {
    fn create_dir(&self, path: &Path) -> io::Result<()> {
        if self.state.lock().unwrap().directories.contains(path) {
            return Ok(());
        }
        self.change(|state| {
            state.directories.insert(path.to_owned());
            Ok(())
        })
    }

    fn list(&self, directory: &Path) -> io::Result<Vec<String>> {
        let state = self.state.lock().unwrap();
        if !state.directories.contains(directory) {
            return Err(io::ErrorKind::NotFound.into());
        }
        let inside = state.names.keys().filter(|path| path.parent() == Some(directory));
        Ok(inside.filter_map(|path| Some(path.file_name()?.to_str()?.to_owned())).collect())
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let file = self.change(|state| {
            if state.names.contains_key(path) {
                return Err(io::ErrorKind::AlreadyExists.into());
            }
            state.files.push(Arc::default());
            state.names.insert(path.to_owned(), state.files.len() - 1);
            Ok(state.files.len() - 1)
        })?;
        Ok(Box::new(SimulatedFile { disk: self.clone(), file, path: path.to_owned() }))
    }

    fn open(&self, path: &Path, _: bool) -> io::Result<Box<dyn DiskFile>> {
        let file = self.state.lock().unwrap().file(path)?;
        Ok(Box::new(SimulatedFile { disk: self.clone(), file, path: path.to_owned() }))
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
    path: PathBuf,
}

impl DiskFile for SimulatedFile {
    fn size(&self) -> io::Result<u64> {
        Ok(self.disk.state.lock().unwrap().files[self.file].bytes.len() as u64)
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let state = self.disk.state.lock().unwrap();
        if let Some(bad) = state.unreadable.get(&self.path)
            && offset < bad.end
            && offset + buffer.len() as u64 > bad.start
        {
            return Err(io::Error::other("the medium cannot be read here"));
        }
        let bytes = state.files[self.file].bytes.get(offset as usize..).unwrap_or_default();
        let len = bytes.len().min(buffer.len());
        buffer[..len].copy_from_slice(&bytes[..len]);
        Ok(len)
    }

    fn append(&mut self, pieces: &[&[u8]]) -> io::Result<()> {
        let (file, whole) = (self.file, pieces.concat());
        let result = self.disk.change(|state| {
            state.content(file).bytes.extend_from_slice(&whole);
            Ok(())
        });
        if result.is_err() {
            // A write that fails may have written a part, or all.
            let mut state = self.disk.state.lock().unwrap();
            let part = [0, whole.len() / 2, whole.len()][state.operations % 3];
            state.content(file).bytes.extend_from_slice(&whole[..part]);
        }
        result
    }

    fn truncate(&mut self, size: u64) -> io::Result<()> {
        let file = self.file;
        self.disk.change(|state| {
            state.content(file).bytes.truncate(size as usize);
            Ok(())
        })
    }

    fn sync(&self) -> io::Result<()> {
        let file = self.file;
        let result = self.disk.change(|state| {
            let content = state.content(file);
            let before = std::mem::replace(&mut content.durable, content.bytes.clone());
            for forgotten in &content.forgotten {
                for at in forgotten.clone() {
                    if let Some(byte) = content.durable.get_mut(at) {
                        *byte = before.get(at).copied().unwrap_or(0);
                    }
                }
            }
            Ok(())
        });
        if result.is_err() {
            let mut state = self.disk.state.lock().unwrap();
            let content = state.content(file);
            content.forgotten.push(content.durable.len()..content.bytes.len());
        }
        result
    }
}
