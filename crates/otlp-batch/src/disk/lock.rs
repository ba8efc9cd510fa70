//! One process per directory: a lock that the system releases with the process, however it ends.

use std::{
    fmt, fs,
    io::{self, Read, Seek, Write},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

const NAME: &str = "lock";
const BETWEEN: Duration = Duration::from_millis(5);
/// Somebody who only asks for the holder has the lock for a moment.
const ASKING: Duration = Duration::from_millis(15);
/// A queue of this process that was just shut down has it until its disk has answered.
const CLOSING: Duration = Duration::from_secs(2);

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
    /// Takes the lock of a directory, which is created if it is not there. Waits a little for one that this process holds.
    pub(super) fn acquire(directory: &Path) -> Result<Self, LockError> {
        DirectoryLock::acquire_within(directory, CLOSING)
    }

    /// As [`DirectoryLock::acquire`], waiting so long.
    fn acquire_within(directory: &Path, closing: Duration) -> Result<Self, LockError> {
        let path = directory.join(NAME);
        let failed = |error| LockError::Io(path.clone(), error);
        fs::create_dir_all(directory).map_err(failed)?;
        // Not truncated before it is ours: what stands in it names the holder.
        let mut file =
            fs::OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path).map_err(failed)?;
        let (begun, this_process) = (Instant::now(), Holder::this_process().to_string());
        loop {
            match file.try_lock() {
                Ok(()) => break,
                Err(fs::TryLockError::WouldBlock) => {
                    let holder = holder(&mut file);
                    let patience = if holder == this_process { closing } else { ASKING };
                    if begun.elapsed() >= patience {
                        return Err(LockError::Held(holder));
                    }
                    std::thread::sleep(BETWEEN);
                }
                Err(fs::TryLockError::Error(error)) => return Err(failed(error)),
            }
        }
        // For people and error messages alone: the lock holds without it, also on a full disk.
        let _ = file.set_len(0).and_then(|()| file.rewind()).and_then(|()| write!(file, "{this_process}"));
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
    let _ = file.rewind().and_then(|()| file.take(200).read_to_string(&mut text));
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
    fn one_that_this_process_is_about_to_give_back_is_waited_for() {
        let directory = std::env::temp_dir().join(format!("otlp-lock-own-{}", std::process::id()));
        let held = DirectoryLock::acquire(&directory).unwrap();
        assert!(DirectoryLock::acquire_within(&directory, Duration::ZERO).is_err());
        std::thread::scope(|threads| {
            let next = threads.spawn(|| DirectoryLock::acquire_within(&directory, Duration::from_secs(600)).map(drop));
            drop(held);
            assert!(next.join().unwrap().is_ok());
        });
        fs::remove_dir_all(&directory).unwrap();
    }

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
