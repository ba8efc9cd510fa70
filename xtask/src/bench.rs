//! `cargo xtask bench`: builds the benchmarks with optimisation and runs them.

use crate::cargo::{self, Failure, cargo};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// `reliability` for the policies beside their peers; the rest, or all, are arguments of the benchmark program, which
    /// `--help` lists
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    rest: Vec<String>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let (package, rest) = match arguments.rest.split_first() {
        Some((first, rest)) if first == "reliability" => ("otlp-reliability-bench", rest),
        _ => ("otlp-bench", arguments.rest.as_slice()),
    };
    cargo::run(cargo(["run", "--release", "--quiet", "--package", package, "--"]).args(rest))
}
