//! Folders that are made, copied and removed, with errors that name them.

use std::{fs, path::Path};

use crate::cargo::Failure;

pub(super) fn create(folder: &Path) -> Result<(), Failure> {
    fs::create_dir_all(folder).map_err(|error| format!("cannot create {}: {error}", folder.display()))
}

/// Removes a folder with all that is in it, if it is there.
pub(super) fn remove(folder: &Path) -> Result<(), Failure> {
    if !folder.exists() {
        return Ok(());
    }
    fs::remove_dir_all(folder).map_err(|error| format!("cannot remove {}: {error}", folder.display()))
}

pub(super) fn write(path: &Path, content: &str) -> Result<(), Failure> {
    fs::write(path, content).map_err(|error| format!("cannot write {}: {error}", path.display()))
}

/// Gives what is whole its name.
pub(super) fn rename(from: &Path, to: &Path) -> Result<(), Failure> {
    fs::rename(from, to).map_err(|error| format!("cannot write {}: {error}", to.display()))
}

/// Copies a folder; what is copied can be changed.
pub(super) fn copy(from: &Path, to: &Path) -> Result<(), Failure> {
    let failed = |error: std::io::Error| format!("cannot copy {}: {error}", from.display());
    create(to)?;
    for entry in fs::read_dir(from).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let target = to.join(entry.file_name());
        if entry.file_type().map_err(failed)?.is_dir() {
            copy(&entry.path(), &target)?;
        } else {
            // Through memory and not with its permissions, which are read-only.
            fs::write(&target, fs::read(entry.path()).map_err(failed)?).map_err(failed)?;
        }
    }
    Ok(())
}
