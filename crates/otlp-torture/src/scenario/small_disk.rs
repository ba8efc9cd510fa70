//! A disk that is soon full: a small file system of its own where this process may mount one, else a limit on the size
//! of files, at which writes fail as well.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use crate::Failure;

/// The file in the way, whose removal makes room.
const BALLAST: &str = "ballast";

/// A file system in memory, unmounted on drop.
#[derive(Debug)]
pub(super) struct SmallDisk(PathBuf);

impl SmallDisk {
    /// Mounts one of `mebibytes` there. `None` where this process may not.
    pub(super) fn mount(at: &Path, mebibytes: u32) -> Option<Self> {
        let mut command = Command::new("mount");
        command.args(["-t", "tmpfs", "-o", &format!("size={mebibytes}m,mode=700"), "tmpfs"]).arg(at);
        let status = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
        status.is_ok_and(|status| status.success()).then(|| SmallDisk(at.to_owned()))
    }

    /// Takes so much of it away.
    ///
    /// # Errors
    /// If there is not so much.
    pub(super) fn put_ballast(&self, mebibytes: usize) -> Result<(), Failure> {
        Ok(fs::write(self.0.join(BALLAST), vec![0; mebibytes << 20])?)
    }

    /// Gives it back.
    ///
    /// # Errors
    /// If it was not there.
    pub(super) fn remove_ballast(&self) -> Result<(), Failure> {
        Ok(fs::remove_file(self.0.join(BALLAST))?)
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily: a child that is about to die may still have a file open.
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}
