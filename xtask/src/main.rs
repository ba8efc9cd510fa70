//! The project's own commands: `cargo xtask <command>`. Each is thin; what it does lives in the crates.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program for the terminal")]

mod bench;
mod cargo;
mod contract;
mod counterparts;
mod demo;
mod deny;
mod fuzz;
mod loom;
mod test;
mod torture;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "cargo xtask", about = "The project's own commands", disable_help_subcommand = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Five observed services under scripted faults, with the delivery ledger at the end
    Demo(demo::Arguments),
    /// Formatting, lints, all tests, all examples
    Test,
    /// Benchmarks beside the peers, with the budgets
    Bench(bench::Arguments),
    /// The contract test at length: every item in exactly one place under random faults
    Contract(contract::Arguments),
    /// The tests against third-party servers, which are built where this machine can
    Counterparts(counterparts::Arguments),
    /// Each fuzz target for some time
    Fuzz(fuzz::Arguments),
    /// The state machines in every order of events that the memory model allows
    Loom(loom::Arguments),
    /// Processes with a disk queue, killed, starved and cut off: is everything durable delivered in the end?
    Torture(torture::Arguments),
    /// Licences, bans and sources of all dependencies
    Deny,
}

fn main() -> ExitCode {
    let done = match Arguments::parse().command {
        Command::Demo(arguments) => demo::run(&arguments),
        Command::Test => test::run(),
        Command::Bench(arguments) => bench::run(&arguments),
        Command::Contract(arguments) => contract::run(&arguments),
        Command::Counterparts(arguments) => counterparts::run(&arguments),
        Command::Fuzz(arguments) => fuzz::run(&arguments),
        Command::Loom(arguments) => loom::run(&arguments),
        Command::Torture(arguments) => torture::run(&arguments),
        Command::Deny => deny::run(),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("xtask: {failure}");
            ExitCode::FAILURE
        }
    }
}
