//! `cargo xtask deny`: checks licences, bans and sources with cargo-deny, which it installs below the target folder
//! if it is not there.

use std::{env, path::PathBuf, process::Command};

use crate::cargo::{self, Failure, cargo, target_dir};

pub(crate) fn run() -> Result<(), Failure> {
    let deny = program()?;
    cargo::run(Command::new(deny).args(["check", "licenses", "bans", "sources"]).current_dir(cargo::root()))
}

/// cargo-deny from the search path, or our own.
fn program() -> Result<PathBuf, Failure> {
    let paths = env::var_os("PATH").unwrap_or_default();
    let tools = target_dir().join("tools");
    let own = tools.join("bin");
    if let Some(found) =
        env::split_paths(&paths).chain([own.clone()]).map(|path| path.join("cargo-deny")).find(|path| path.is_file())
    {
        return Ok(found);
    }
    eprintln!("cargo-deny is not there: installing it, once, into {}", tools.display());
    cargo::run(cargo(["install", "cargo-deny", "--locked", "--version", "0.20.2", "--root"]).arg(&tools))?;
    Ok(own.join("cargo-deny"))
}
