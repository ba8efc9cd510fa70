//! `cargo xtask loom`: the state machines of the reliability crate in every order of events that the memory model allows.

use crate::cargo::{self, Failure, cargo, target_dir};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Only models whose name contains this
    #[arg(default_value = "loom_")]
    name: String,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    cargo::run(&mut command(&arguments.name))
}

/// The tests in a build where atomics and locks are loom's; a target folder of its own, for the flag changes every crate.
pub(crate) fn command(name: &str) -> std::process::Command {
    let mut command = cargo(["test", "--release", "--package", "otlp-reliability", "--lib", name]);
    command.env("RUSTFLAGS", "--cfg otlp_loom").env("CARGO_TARGET_DIR", target_dir().join("loom"));
    command
}
