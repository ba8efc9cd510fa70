//! Programs from Go modules, built in a folder that is a module of our own: what is downloaded is read-only.

use std::{path::Path, process::Command};

use super::{Built, answers, folder};
use crate::cargo::{self, Failure};

/// A program of a module.
pub(super) struct Program {
    pub(super) name: &'static str,
    pub(super) module: &'static str,
    pub(super) version: &'static str,
    /// Within the module.
    pub(super) package: &'static str,
    pub(super) tags: &'static str,
}

impl Program {
    /// Builds it, unless this version is there. The module is required by one of our own: `go install` refuses one whose
    /// `go.mod` has a `replace`.
    pub(super) fn build(&self, bin: &Path) -> Result<Built, Failure> {
        let Program { name, module, version, package, tags } = self;
        built(bin, name, version, |source| {
            folder::write(
                &source.join("go.mod"),
                &format!("module counterpart/{name}\n\ngo 1.26.0\n\nrequire {module} {version}\n"),
            )?;
            compile(source, &format!("{module}/{package}"), tags)
        })
    }
}

/// The program that `make` leaves as `program` in the folder that it gets, unless this version was made before.
pub(super) fn built(
    bin: &Path,
    name: &str,
    version: &str,
    make: impl FnOnce(&Path) -> Result<(), Failure>,
) -> Result<Built, Failure> {
    let program = bin.join(format!("{name}-{version}"));
    if program.is_file() {
        return Ok(Built::There(program));
    }
    if !answers("go", "version") {
        return Ok(Built::Skipped("it is built with Go, and no `go` is on the PATH".to_owned()));
    }
    println!("{name} {version}: building, which takes minutes");
    let source = bin.join(format!("{name}-source"));
    folder::remove(&source)?;
    folder::create(&source)?;
    if let Err(failure) = make(&source) {
        return Ok(Built::Skipped(format!("it cannot be built here: {failure}; see above")));
    }
    // Under its name it is there only when it is whole.
    folder::rename(&source.join("program"), &program)?;
    folder::remove(&source)?;
    Ok(Built::There(program))
}

/// Runs `go` in a folder.
pub(super) fn go(folder: &Path, arguments: &[&str]) -> Result<(), Failure> {
    cargo::run(Command::new("go").args(arguments).current_dir(folder))
}

/// Compiles a package to `program`.
pub(super) fn compile(folder: &Path, package: &str, tags: &str) -> Result<(), Failure> {
    let output = folder.join("program");
    let output = output.to_string_lossy();
    go(folder, &["build", "-mod=mod", "-trimpath", "-ldflags=-s -w", "-tags", tags, "-o", &output, package])
}

/// Downloads a module; the folder of its archive. In a folder that is no module, so that none is changed.
pub(super) fn download(folder: &Path, module: &str) -> Result<String, Failure> {
    let mut command = Command::new("go");
    command.args(["mod", "download", "-json", module]).current_dir(folder);
    let output = command.output().map_err(|error| format!("cannot start go: {error}"))?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let directory = text.lines().find_map(|line| line.trim().strip_prefix("\"Dir\": \"")?.strip_suffix("\","));
    match directory {
        Some(directory) if output.status.success() => Ok(directory.to_owned()),
        _ => {
            println!("{text}{}", String::from_utf8_lossy(&output.stderr));
            Err(format!("{module} cannot be downloaded"))
        }
    }
}
