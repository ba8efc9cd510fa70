//! `cargo xtask torture`: the disk queue under fire. What needs processes is the program `otlp-torture`; power cuts,
//! faults of a disk and damage are simulated in the tests of the queue, of which this runs longer ones.

use crate::cargo::{self, Failure, cargo};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// At least so many minutes of kills, half of that of outage, and more of everything that is simulated
    #[arg(long)]
    minutes: Option<u64>,
    /// The seed of everything random; a failure prints the one it had
    #[arg(long)]
    seed: Option<u64>,
    /// One scenario: kill, full-disk, outage, clock, or simulated
    #[arg(long)]
    scenario: Option<String>,
    /// At least so many kills
    #[arg(long)]
    kills: Option<u64>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let scenario = arguments.scenario.as_deref();
    if scenario.is_none_or(|scenario| scenario == "simulated") {
        cargo::run(&mut simulated(arguments))?;
    }
    if scenario == Some("simulated") {
        return Ok(());
    }
    let mut command = cargo(["run", "--quiet", "--release", "--package", "otlp-torture", "--"]);
    let numbers = [("--minutes", arguments.minutes), ("--seed", arguments.seed), ("--kills", arguments.kills)];
    for (name, number) in numbers {
        command.args(number.map(|number| format!("{name}={number}")));
    }
    if let Some(scenario) = scenario {
        command.args(["--scenario", scenario]);
    }
    cargo::run(&mut command)
}

/// The tests of the disk queue, with a disk that fails, loses power and is damaged at every operation.
fn simulated(arguments: &Arguments) -> std::process::Command {
    let mut command = cargo(["test", "--release", "--package", "otlp-batch", "--lib", "disk::", "--", "--nocapture"]);
    if let Some(seed) = arguments.seed {
        command.env("OTLP_DISK_SEED", seed.to_string());
    }
    if let Some(minutes) = arguments.minutes {
        command.env("OTLP_DISK_ROUNDS", minutes.max(1).to_string());
    }
    command
}
