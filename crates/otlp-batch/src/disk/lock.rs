//! One process per directory: a lock that the system releases with the process, however it ends.

use std::{
    fmt, fs,
    io::{self, Read, Seek, Write},
    path::{Path, PathBuf},
    time::Duration,
};

const NAME: &str = "lock";
const ATTEMPTS: u32 = 3;
const BETWEEN: Duration = Duration::from_millis(5);

/// Holds a directory until it is dropped.
#[derive(Debug)]
pub(super) struct DirectoryLock {
    _file: fs::File,
}

/// Why a directory could not be locked.
#[derive(Debug)]
pub(super) enum LockError {
    /// Somebody has it; who, as far as is known.
    Held(String),
    Io(PathBuf, io::Error),
}

impl DirectoryLock {
    /// Takes the lock of a directory, which is created if it is not there.
    pub(super) fn acquire(directory: &Path) -> Result<Self, LockError> {
        let path = directory.join(NAME);
        let failed = |error| LockError::Io(path.clone(), error);
        fs::create_dir_all(directory).map_err(failed)?;
        // Not truncated before it is ours: what stands in it names the holder.
        let mut file =
            fs::OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path).map_err(failed)?;
        let mut attempts = 0;
        loop {
            match file.try_lock() {
                Ok(()) => break,
                // Somebody who only asks for the holder has it for a moment.
                Err(fs::TryLockError::WouldBlock) if attempts < ATTEMPTS => {
                    attempts += 1;
                    std::thread::sleep(BETWEEN);
                }
                Err(fs::TryLockError::WouldBlock) => return Err(LockError::Held(holder(&mut file))),
                Err(fs::TryLockError::Error(error)) => return Err(failed(error)),
            }
        }
        // For people and error messages alone: the lock holds without it, also on a full disk.
        let _ = file.set_len(0).and_then(|()| file.rewind()).and_then(|()| write!(file, "{}", Holder::this_process()));
        Ok(DirectoryLock { _file: file })
    }

    /// Who holds the lock of a directory, if somebody does. Writes nothing.
    pub(super) fn holder(directory: &Path) -> Option<String> {
        let mut file = fs::File::open(directory.join(NAME)).ok()?;
        matches!(file.try_lock_shared(), Err(fs::TryLockError::WouldBlock)).then(|| holder(&mut file))
    }
}

/// What the file says of its holder.
fn holder(file: &mut fs::File) -> String {
    let mut text = String::new();
    let _ = file.take(200).read_to_string(&mut text);
    let text = text.trim();
    if text.is_empty() { "another process".to_owned() } else { text.to_owned() }
}

struct Holder {
    process: u32,
    program: String,
}

impl Holder {
    fn this_process() -> Self {
        let program =
            std::env::current_exe().ok().and_then(|path| Some(path.file_name()?.to_string_lossy().into_owned()));
        Holder { process: std::process::id(), program: program.unwrap_or_else(|| "unknown".to_owned()) }
    }
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "process {} ({})", self.process, self.program)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_is_told_who_the_first_is() {
        let directory = std::env::temp_dir().join(format!("otlp-lock-{}", std::process::id()));
        assert_eq!(DirectoryLock::holder(&directory), None);
        let held = DirectoryLock::acquire(&directory).unwrap();
        let us = Holder::this_process().to_string();
        assert!(matches!(DirectoryLock::acquire(&directory), Err(LockError::Held(holder)) if holder == us));
        assert_eq!(DirectoryLock::holder(&directory), Some(us));
        drop(held);
        assert_eq!(DirectoryLock::holder(&directory), None, "what the file says is not believed without the lock");
        assert!(DirectoryLock::acquire(&directory).is_ok());
        fs::remove_dir_all(&directory).unwrap();
    }
}
