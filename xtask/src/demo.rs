//! `cargo xtask demo`: starts the demo of the binary `otlp`.

use crate::cargo::{self, Failure, cargo};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Arguments of `otlp demo`; `--help` lists them
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    rest: Vec<String>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let fixed = ["run", "--quiet", "--package", "otlp-cli", "--bin", "otlp", "--", "demo"];
    // The demo ends at Ctrl-C with its ledger; nobody in between may end first.
    cargo::become_it(cargo(fixed).args(&arguments.rest))
}
