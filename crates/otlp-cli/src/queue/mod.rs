//! `otlp queue`: what stands in the directory of a disk queue, for a person who has found one after a crash.
//!
//! Everything but `drain` only reads: no lock is taken, no file is made, nothing is changed.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "commands for the terminal")]

mod drain;
mod export;
mod inspect;
mod verify;

use std::{
    fs, io,
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::{Args, Subcommand};
use otlp_batch::{EncryptionKey, Inspection, queue_directories};

/// Why a command could not be carried out, for a person.
type Failure = Box<dyn std::error::Error>;

#[derive(Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// What waits, by signal: batches, items, bytes, age. Also beside the program that has it open
    Inspect(inspect::Arguments),
    /// Reads everything and compares it with its checksums; fails if anything is damaged or missing
    Verify(verify::Arguments),
    /// Prints what waits as OTLP JSON, a request in each line, and leaves it where it is
    Export(export::Arguments),
    /// Sends what waits to an endpoint, and removes what was taken there
    Drain(drain::Arguments),
}

/// What all commands take.
#[derive(Args)]
struct Place {
    /// The directory that the program was given for its queues, or that of one destination in it
    directory: PathBuf,
    /// The file with the encryption key: 32 bytes, or 64 hexadecimal digits
    #[arg(long)]
    key_file: Option<PathBuf>,
}

pub(crate) fn run(arguments: &Arguments) -> ExitCode {
    let done = match &arguments.command {
        Command::Inspect(arguments) => inspect::run(arguments),
        Command::Verify(arguments) => verify::run(arguments),
        Command::Export(arguments) => export::run(arguments),
        Command::Drain(arguments) => drain::run(arguments),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(failure) => {
            eprintln!("otlp queue: {failure}");
            ExitCode::FAILURE
        }
    }
}

impl Place {
    /// The queues in the directory; at least one.
    fn queues(&self) -> Result<Vec<PathBuf>, Failure> {
        let shown = self.directory.display();
        let queues = queue_directories(&self.directory).map_err(|error| format!("cannot read {shown}: {error}"))?;
        if queues.is_empty() { Err(format!("there is no disk queue in {shown}").into()) } else { Ok(queues) }
    }

    /// Looks at one of them.
    fn inspect(&self, queue: &Path) -> Result<Inspection, Failure> {
        Inspection::of(queue, self.key()?).map_err(|error| with_sources(&error).into())
    }

    /// As [`Place::inspect`], but not while somebody works in it: what was read would no more be true.
    fn inspect_unused(&self, queue: &Path) -> Result<Inspection, Failure> {
        let inspection = self.inspect(queue)?;
        match inspection.holder() {
            Some(holder) => Err(format!("{} is in use by {holder}", queue.display()).into()),
            None => Ok(inspection),
        }
    }

    /// The key of the file, if one was given.
    fn key(&self) -> Result<Option<EncryptionKey>, Failure> {
        let Some(file) = &self.key_file else { return Ok(None) };
        let bytes = fs::read(file).map_err(|error| format!("cannot read the key in {}: {error}", file.display()))?;
        let key = key(&bytes).ok_or_else(|| format!("{} has no key of 32 bytes", file.display()))?;
        Ok(Some(EncryptionKey::from_bytes(key)))
    }
}

/// 32 bytes as they are, or in hexadecimal digits with or without a line end.
fn key(bytes: &[u8]) -> Option<[u8; 32]> {
    if let Ok(key) = bytes.try_into() {
        return Some(key);
    }
    let digits = bytes.trim_ascii();
    // A number may also have a sign.
    if digits.len() != 64 || !digits.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    let mut key = [0; 32];
    for (byte, digits) in key.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
    }
    Some(key)
}

/// An error and what caused it, in a line.
fn with_sources(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text += &format!(": {cause}");
        source = cause.source();
    }
    text
}

/// Whether whoever read our output has gone: then there is nothing more to do, and nothing wrong.
fn is_gone(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::BrokenPipe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_read_as_bytes_or_digits() {
        assert_eq!(key(&[3; 32]), Some([3; 32]));
        assert_eq!(key("0a".repeat(32).as_bytes()), Some([10; 32]));
        assert_eq!(key(format!("{}\n", "FF".repeat(32)).as_bytes()), Some([255; 32]));
        assert_eq!(key(b"secret"), None);
        assert_eq!(key("zz".repeat(32).as_bytes()), None);
        assert_eq!(key("+1".repeat(32).as_bytes()), None);
    }
}
