//! `cargo xtask torture`: the disk queue under fire. What needs processes is the program `otlp-torture`; power cuts,
//! faults of a disk, damage, a day of outage and clocks that jump are simulated in the tests of the queue, of which this
//! runs longer ones.

use crate::cargo::{self, Failure, cargo};

/// The tests of the simulated scenarios, and those of them that turn a clock.
const SIMULATED: [&str; 2] = ["disk::", "pipeline::day_tests::"];
const CLOCK: [&str; 1] = ["whatever_the_clock"];

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
    match scenario {
        None => cargo::run(&mut simulated(arguments, &SIMULATED))?,
        Some("simulated") => return cargo::run(&mut simulated(arguments, &SIMULATED)),
        Some("clock") => return cargo::run(&mut simulated(arguments, &CLOCK)),
        Some(_) => {}
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

/// Tests of the disk queue, with a disk that fails, loses power and is damaged at every operation, and in virtual time.
fn simulated(arguments: &Arguments, tests: &[&str]) -> std::process::Command {
    let mut command = cargo(["test", "--release", "--package", "otlp-batch", "--lib", "--", "--nocapture"]);
    command.args(tests);
    if let Some(seed) = arguments.seed {
        command.env("OTLP_DISK_SEED", seed.to_string());
    }
    if let Some(minutes) = arguments.minutes {
        command.env("OTLP_DISK_ROUNDS", minutes.max(1).to_string());
    }
    command
}
