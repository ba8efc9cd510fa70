//! The disk queue by itself: what a durable item costs when many ask at once, how long a large queue takes to open and to
//! read, and whether a backlog comes out as fast as new items come in.
//!
//! Each figure is taken in a child process of its own, so that memory is that one's alone. The queues are in the directory
//! for the temporary, or in `--directory`: a disk is measured that way, and not the memory that many systems have there.

mod backlog;
mod counting_disk;
mod group_commit;
mod recovery;

use std::{
    env, fs,
    io::Write,
    path::{Path, PathBuf},
    process::{self, Command, Stdio},
};

use clap::{Args, ValueEnum};

use crate::{Failure, receiver::NullReceiver};

#[derive(Args)]
pub(crate) struct Run {
    /// How many bytes the large queue has.
    #[arg(long, default_value_t = 1 << 30)]
    bytes: u64,
    /// Where the queues are made.
    #[arg(long)]
    directory: Option<PathBuf>,
}

#[derive(Args)]
pub(crate) struct ChildJob {
    #[arg(long, value_enum)]
    part: Part,
    #[arg(long)]
    directory: PathBuf,
    /// Threads, or bytes, as the part has it.
    #[arg(long, default_value_t = 0)]
    amount: u64,
    /// The null receiver.
    #[arg(long, default_value = "")]
    receiver: String,
}

/// What a child does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    /// Threads that each record an item and wait until it is durable, again and again.
    GroupCommit,
    /// Leaves a queue behind.
    Fill,
    /// Opens it, and reads all of it.
    Recover,
    /// Delivers it over gRPC while new spans are recorded.
    Backlog,
}

/// Takes all figures, and prints each as it comes.
pub(crate) fn parent(run: &Run) -> Result<(), Failure> {
    let directory = run.directory.clone().unwrap_or_else(env::temp_dir).join(format!("otlp-bench-{}", process::id()));
    let done = measure(run, &directory);
    fs::remove_dir_all(&directory)
        .or_else(|error| if error.kind() == std::io::ErrorKind::NotFound { Ok(()) } else { Err(error) })?;
    done
}

fn measure(run: &Run, directory: &Path) -> Result<(), Failure> {
    let fresh = |name: &str| -> Result<PathBuf, Failure> {
        let path = directory.join(name);
        fs::create_dir_all(&path)?;
        Ok(path)
    };
    say("durability Always, each thread records a span of 300 bytes and waits until it is durable")?;
    for threads in [1, 8, 64] {
        let at = fresh(&format!("commit-{threads}"))?;
        child(Part::GroupCommit, &at, threads, "")?;
        fs::remove_dir_all(&at)?;
    }
    let large = fresh("large")?;
    child(Part::Fill, &large, run.bytes, "")?;
    child(Part::Recover, &large, 0, "")?;
    child(Part::Fill, &large, run.bytes, "")?;
    let receiver = NullReceiver::start()?;
    receiver.reset()?;
    child(Part::Backlog, &large, 0, receiver.address())?;
    say(&format!("  the receiver got {} spans", receiver.counts()?.spans))
}

fn child(part: Part, directory: &Path, amount: u64, receiver: &str) -> Result<(), Failure> {
    let name = part.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default();
    let mut command = Command::new(env::current_exe()?);
    command.arg("disk-child").args(["--part", &name]).arg("--directory").arg(directory);
    command.args(["--amount", &amount.to_string(), "--receiver", receiver]).stdin(Stdio::null());
    let status = command.status()?;
    if status.success() { Ok(()) } else { Err(format!("{name} ended with {status}").into()) }
}

/// What the parent started this process for.
pub(crate) fn run(job: &ChildJob) -> Result<(), Failure> {
    let line = match job.part {
        Part::GroupCommit => group_commit::run(&job.directory, job.amount)?,
        Part::Fill => backlog::fill(&job.directory, job.amount)?,
        Part::Recover => recovery::run(&job.directory)?,
        Part::Backlog => backlog::deliver(&job.directory, &job.receiver)?,
    };
    say(&line)
}

fn say(line: &str) -> Result<(), Failure> {
    writeln!(std::io::stdout(), "{line}")?;
    Ok(())
}
