//! Benchmarks of `otlp` beside `opentelemetry_sdk` + `opentelemetry-otlp` and a hand-encoded floor, in one run against the
//! same null receiver.
//!
//! The parent process takes the subjects in turn, round after round; each figure is taken in a child process of its own, so
//! that CPU time, allocations and memory are one subject's alone, and the receiver is a process of its own as well.

mod budgets;
mod catalogue;
mod content;
mod counting_allocator;
mod cpu;
mod disk;
mod frame_body;
mod grpc_client;
mod measure;
mod receiver;
mod report;
mod resident;
mod rounds;
mod sample;
mod stopwatch;
mod subject;

use std::{
    io::Write,
    process::{self, ExitCode},
};

use clap::{Args, Parser};

use self::{
    catalogue::{Case, Measure, Subject, Variant, Workload},
    measure::Job,
    rounds::Selection,
    sample::NOT_OFFERED,
};

/// Why something could not be measured.
type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Measures otlp beside its peers.
///
/// Fails if anything was not delivered, but for peers that fall behind a given pace; the figures themselves decide nothing
/// unless --gate is given.
#[derive(Parser)]
#[command(args_conflicts_with_subcommands = true)]
struct Cli {
    #[command(subcommand)]
    role: Option<Role>,
    #[command(flatten)]
    run: Run,
}

#[derive(Args)]
struct Run {
    /// How often each figure is taken.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// A tenth of the work: to see that everything runs.
    #[arg(long)]
    quick: bool,
    /// Only these subjects.
    #[arg(long, value_enum)]
    subject: Vec<Subject>,
    /// Only these workloads.
    #[arg(long, value_enum)]
    workload: Vec<Workload>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
    /// Fail if a budget is exceeded.
    #[arg(long)]
    gate: bool,
}

#[derive(clap::Subcommand)]
enum Role {
    /// Receives and counts; what the parent starts first.
    #[command(hide = true)]
    NullReceiver,
    /// The disk queue: durable items by group commit, recovery of a large queue, a backlog beside live spans
    Disk(disk::Run),
    /// Takes one figure of the disk queue; what its parent starts for each.
    #[command(hide = true)]
    DiskChild(disk::ChildJob),
    /// Takes one figure; what the parent starts for each.
    #[command(hide = true)]
    Child(ChildJob),
}

#[derive(Args)]
struct ChildJob {
    #[arg(long, value_enum)]
    subject: Subject,
    #[arg(long, value_enum)]
    workload: Workload,
    #[arg(long, value_enum)]
    variant: Variant,
    #[arg(long, value_enum)]
    measure: Measure,
    #[arg(long)]
    endpoint: String,
    #[arg(long)]
    quick: bool,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let outcome = match cli.role {
        Some(Role::NullReceiver) => receiver::run().map(|()| ExitCode::SUCCESS),
        Some(Role::Child(job)) => child(job),
        Some(Role::Disk(run)) => disk::parent(&run).map(|()| ExitCode::SUCCESS),
        Some(Role::DiskChild(job)) => disk::run(&job).map(|()| ExitCode::SUCCESS),
        None => parent(&cli.run),
    };
    outcome.unwrap_or_else(|failure| {
        // Nothing is left to be told if standard error is closed.
        let _ = writeln!(std::io::stderr(), "otlp-bench: {failure}");
        ExitCode::FAILURE
    })
}

fn child(job: ChildJob) -> Result<ExitCode, Failure> {
    let sample = measure::run(&Job {
        subject: job.subject,
        case: Case { workload: job.workload, variant: job.variant },
        measure: job.measure,
        receiver: job.endpoint,
        quick: job.quick,
    })?;
    let line = match sample {
        Some(sample) => serde_json::to_string(&sample)?,
        None => NOT_OFFERED.to_owned(),
    };
    let mut stdout = std::io::stdout();
    writeln!(stdout, "{line}")?;
    stdout.flush()?;
    // Whatever threads the subject has left are not waited for.
    process::exit(0)
}

fn parent(run: &Run) -> Result<ExitCode, Failure> {
    let rows = rounds::run(&Selection {
        rounds: run.rounds as usize,
        quick: run.quick,
        subjects: run.subject.clone(),
        workloads: run.workload.clone(),
    })?;
    let verdicts = budgets::verdicts(&rows);
    if run.json {
        report::print_json(&rows, &verdicts)?;
    } else {
        report::print_tables(&rows, &verdicts)?;
    }
    let mut code = ExitCode::SUCCESS;
    for row in &rows {
        if let Some(items) = row.delivery.filter(|items| items.delivered != items.sent) {
            writeln!(
                std::io::stderr(),
                "{}: {} sent {} items and {} were received",
                row.case,
                row.subject,
                items.sent,
                items.delivered
            )?;
            // A peer that cannot keep up with a given pace on a busy machine is a finding, not a fault of the run.
            if row.subject.is_ours() || !row.case.workload.is_paced() {
                code = ExitCode::FAILURE;
            }
        }
    }
    if run.gate && verdicts.iter().any(|verdict| verdict.gates && verdict.is_met() == Some(false)) {
        writeln!(std::io::stderr(), "a budget is exceeded")?;
        code = ExitCode::FAILURE;
    }
    Ok(code)
}
