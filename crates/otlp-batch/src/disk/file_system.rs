//! What a disk queue asks of a file system, and the real one. Everything that touches a disk goes through here, so that
//! a test can fail any operation, or cut the power after it.

use std::{
    fmt, fs,
    io::{self, IoSlice, Seek, SeekFrom, Write},
    path::Path,
};

/// A file system, or something that behaves, and misbehaves, like one.
///
/// What an implementor promises is what POSIX does: content is durable after [`DiskFile::sync`], names are durable after
/// [`FileSystem::sync_dir`], and a rename is atomic.
pub trait FileSystem: Send + Sync + 'static {
    /// Creates a directory and those above it, for good; fine if it is there.
    fn create_dir(&self, path: &Path) -> io::Result<()>;

    /// The names of the files in a directory.
    fn list(&self, path: &Path) -> io::Result<Vec<String>>;

    /// Creates a file that is not there, for appending and reading.
    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>>;

    /// Opens a file that is there, for reading; for appending as well if `writable`.
    fn open(&self, path: &Path, writable: bool) -> io::Result<Box<dyn DiskFile>>;

    /// Renames a file, in place of another if there is one.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Removes a file.
    fn remove(&self, path: &Path) -> io::Result<()>;

    /// Makes the names in a directory durable.
    fn sync_dir(&self, path: &Path) -> io::Result<()>;

    /// Whether other processes may use the same directories, which are locked then.
    fn is_local(&self) -> bool {
        true
    }
}

/// An open file.
pub trait DiskFile: Send {
    /// How many bytes it has.
    fn size(&self) -> io::Result<u64>;

    /// Reads at an offset; fewer bytes than asked for only at the end of the file.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize>;

    /// Appends all pieces. After an error any part of them may have been written.
    fn append(&mut self, pieces: &[&[u8]]) -> io::Result<()>;

    /// Cuts the file at a size; what is appended next stands there.
    fn truncate(&mut self, size: u64) -> io::Result<()>;

    /// Makes the content durable.
    fn sync(&self) -> io::Result<()>;
}

/// The file system of the machine.
#[derive(Debug, Clone, Copy, Default)]
pub struct LocalDisk;

impl FileSystem for LocalDisk {
    fn create_dir(&self, path: &Path) -> io::Result<()> {
        let absent: Vec<&Path> = path.ancestors().take_while(|above| !above.is_dir()).collect();
        fs::create_dir_all(path)?;
        // Outermost first; a name stands in the directory above it.
        for created in absent.iter().rev() {
            match created.parent() {
                Some(above) if above.as_os_str().is_empty() => self.sync_dir(Path::new("."))?,
                Some(above) => self.sync_dir(above)?,
                None => {}
            }
        }
        Ok(())
    }

    fn list(&self, path: &Path) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(path)? {
            let entry = entry?;
            if entry.file_type()?.is_file() {
                names.push(entry.file_name().to_string_lossy().into_owned());
            }
        }
        Ok(names)
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        Ok(Box::new(LocalFile(private().read(true).write(true).create_new(true).open(path)?)))
    }

    fn open(&self, path: &Path, writable: bool) -> io::Result<Box<dyn DiskFile>> {
        let mut file = fs::OpenOptions::new().read(true).write(writable).open(path)?;
        if writable {
            file.seek(SeekFrom::End(0))?;
        }
        Ok(Box::new(LocalFile(file)))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        // Elsewhere a directory cannot be opened as a file; there the names are as durable as the system makes them.
        if cfg!(unix) { fs::File::open(path)?.sync_all() } else { Ok(()) }
    }
}

/// Telemetry may hold what not everybody on the machine should read.
fn private() -> fs::OpenOptions {
    let mut options = fs::OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

struct LocalFile(fs::File);

impl DiskFile for LocalFile {
    fn size(&self) -> io::Result<u64> {
        Ok(self.0.metadata()?.len())
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let mut done = 0;
        while done < buffer.len() {
            match read_once(&self.0, &mut buffer[done..], offset + done as u64) {
                Ok(0) => break,
                Ok(read) => done += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(done)
    }

    fn append(&mut self, pieces: &[&[u8]]) -> io::Result<()> {
        let mut slices: Vec<IoSlice<'_>> = pieces.iter().map(|piece| IoSlice::new(piece)).collect();
        let mut slices = slices.as_mut_slice();
        // Skips pieces without bytes, which would read as a write that wrote nothing.
        IoSlice::advance_slices(&mut slices, 0);
        while !slices.is_empty() {
            match self.0.write_vectored(slices) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => IoSlice::advance_slices(&mut slices, written),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn truncate(&mut self, size: u64) -> io::Result<()> {
        self.0.set_len(size)?;
        self.0.seek(SeekFrom::Start(size)).map(drop)
    }

    fn sync(&self) -> io::Result<()> {
        self.0.sync_data()
    }
}

#[cfg(unix)]
fn read_once(file: &fs::File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    std::os::unix::fs::FileExt::read_at(file, buffer, offset)
}

#[cfg(windows)]
fn read_once(file: &fs::File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    std::os::windows::fs::FileExt::seek_read(file, buffer, offset)
}

impl fmt::Debug for dyn DiskFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DiskFile")
    }
}
