//! Benchmarks of `otlp-reliability` beside failsafe, recloser, tower's own layers and tower-resilience, in one run.
//!
//! What is measured is what a policy adds to a call: the operation is a future that is ready at its first poll, and the
//! bare operation is a case like the others, measured the same way. All cases of a scene are taken in turn, round after
//! round, so that whatever disturbs the machine for a while disturbs them all; the least of the rounds is the figure.

mod budgets;
mod call;
mod case;
mod cases;
#[path = "../../otlp-bench/src/counting_allocator.rs"]
mod counting_allocator;
mod cpu;
mod measure;
mod report;
mod rounds;
mod worker;

use std::{io::Write, process::ExitCode};

use clap::Parser;

use self::{case::Scene, measure::Effort, rounds::Selection};

/// Why something could not be measured.
type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Measures otlp-reliability beside its peers.
///
/// Fails if a case does not do what its scene says; the figures themselves decide nothing unless --gate is given.
#[derive(Parser)]
struct Cli {
    /// How often each figure is taken.
    #[arg(long, default_value_t = 9, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// A tenth of the work: to see that everything runs.
    #[arg(long)]
    quick: bool,
    /// Only cases whose name contains this, and the bare call.
    #[arg(long)]
    only: Option<String>,
    /// Only these scenes.
    #[arg(long, value_enum)]
    scene: Vec<Scene>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
    /// Fail if a budget is exceeded.
    #[arg(long)]
    gate: bool,
}

fn main() -> ExitCode {
    run(&Cli::parse()).unwrap_or_else(|failure| {
        // Nothing is left to be told if standard error is closed.
        let _ = writeln!(std::io::stderr(), "otlp-reliability-bench: {failure}");
        ExitCode::FAILURE
    })
}

fn run(cli: &Cli) -> Result<ExitCode, Failure> {
    let selection = Selection {
        rounds: cli.rounds as usize,
        effort: if cli.quick { Effort::QUICK } else { Effort::FULL },
        only: cli.only.clone(),
        scenes: cli.scene.clone(),
    };
    let rows = rounds::run(cases::all()?, &selection)?;
    let verdicts = budgets::verdicts(&rows);
    if cli.json {
        report::print_json(&rows, &verdicts)?;
    } else {
        report::print_tables(&rows, &verdicts)?;
    }
    let exceeded = verdicts.iter().filter(|verdict| verdict.is_exceeded()).count();
    if cli.gate && exceeded > 0 {
        writeln!(std::io::stderr(), "{exceeded} budgets are exceeded")?;
        return Ok(ExitCode::FAILURE);
    }
    Ok(ExitCode::SUCCESS)
}
