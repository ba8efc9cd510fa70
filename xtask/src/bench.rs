//! `cargo xtask bench`: builds the benchmarks with optimisation and runs them.

use crate::cargo::{self, Failure, cargo};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Arguments of the benchmark program; `--help` lists them
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    rest: Vec<String>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    cargo::run(cargo(["run", "--release", "--quiet", "--package", "otlp-bench", "--"]).args(&arguments.rest))
}
