//! `cargo xtask contract`: the contract test for longer than the tests run it.

use crate::cargo::{self, Failure, cargo};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Seconds of production for each signal over each transport
    #[arg(long, default_value_t = 30)]
    seconds: u64,
    /// The seed of the faults; a failure prints the one it had
    #[arg(long)]
    seed: Option<u64>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let mut command =
        cargo(["test", "--release", "--package", "otlp-client", "--test", "contract", "--", "--nocapture"]);
    command.env("OTLP_CONTRACT_SECONDS", arguments.seconds.to_string());
    if let Some(seed) = arguments.seed {
        command.env("OTLP_CONTRACT_SEED", seed.to_string());
    }
    cargo::run(&mut command)
}
