//! `otlp queue`: what waits in the directory of a disk queue, without the program that left it there.
//!
//! ```text
//! directories   the queues at or below a directory, and who has them
//! ├ inspect       what is in them      ┐
//! ├ verify        whether it is sound  ├ change nothing
//! ├ export        as OTLP JSON lines   ┘
//! └ drain         sent to an endpoint: what that acknowledges leaves the queue, and nothing else does
//! ```

mod directories;
mod drain;
mod export;
mod failure;
mod inspect;
mod key_file;
mod quantity;
mod verify;

use std::{
    io::{self, Write},
    path::PathBuf,
    process::ExitCode,
};

use clap::{Args, Subcommand};
use otlp_batch::{EncryptionKey, Inspection};

use self::failure::Failure;

/// What `otlp queue` takes.
#[derive(Args)]
#[command(
    after_help = "Exit code: 0 if all is well; 1 if something is damaged or stays behind; 2 if it could not be done."
)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Show what waits, its age, the files and who has them open; also beside the program that uses the queue
    Inspect(inspect::Arguments),
    /// Compare everything with its checksums; that needs no key
    Verify(Where),
    /// Print what waits as OTLP JSON on standard output, one request per line, oldest first
    Export(Where),
    /// Send what waits to an OTLP endpoint: what it acknowledges leaves the queue, the rest stays
    Drain(drain::Arguments),
}

/// Which queue.
#[derive(Args)]
struct Where {
    /// The directory of a disk queue, or of one destination in it
    #[arg(value_name = "DIR")]
    directory: PathBuf,
    /// The key of an encrypted queue: a file of 32 bytes, or of 64 hexadecimal digits
    #[arg(long, value_name = "FILE")]
    key_file: Option<PathBuf>,
}

impl Where {
    fn key(&self) -> Result<Option<EncryptionKey>, Failure> {
        self.key_file.as_deref().map(key_file::read).transpose()
    }

    /// The queues that are there, of which nobody else has one.
    fn left_behind(&self) -> Result<Vec<Inspection>, Failure> {
        let key = self.key()?;
        let all = directories::find(&self.directory)?;
        all.iter().try_for_each(|directory| directories::refuse_if_held(directory))?;
        all.iter().map(|directory| Ok(Inspection::of(directory, key.clone())?)).collect()
    }
}

/// Runs a command.
pub(crate) fn run(arguments: &Arguments) -> ExitCode {
    let mut output = io::stdout().lock();
    let is_well = match &arguments.command {
        Command::Inspect(arguments) => inspect::run(arguments, &mut output),
        Command::Verify(queue) => verify::run(queue, &mut output),
        Command::Export(queue) => export::run(queue, &mut output),
        Command::Drain(arguments) => drain::run(arguments, &mut output),
    };
    match is_well {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(failure) => {
            if !failure.is_closed_output() {
                say(format_args!("otlp queue: {failure}"));
            }
            ExitCode::from(2)
        }
    }
}

/// A line for people, beside the output.
fn say(line: std::fmt::Arguments<'_>) {
    let _ = writeln!(io::stderr(), "{line}");
}
