//! The command `otlp`: reads the command line and hands over to the module of the subcommand.

mod demo;
mod queue;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "otlp", version, about = "OpenTelemetry Protocol tools", disable_help_subcommand = true)]
struct CommandLine {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Five observed services under load and scripted faults, with the delivery ledger at the end
    Demo(demo::Arguments),
    /// What a disk queue holds: look at it, check it, print it, deliver it
    Queue(queue::Arguments),
    /// One of the five services; started by `demo`
    #[command(hide = true)]
    DemoService(demo::ServiceArguments),
}

fn main() -> ExitCode {
    match CommandLine::parse().command {
        Command::Demo(arguments) => demo::run(&arguments),
        Command::DemoService(arguments) => demo::serve(&arguments),
        Command::Queue(arguments) => queue::run(&arguments),
    }
}
