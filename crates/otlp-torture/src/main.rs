//! Drives processes with a disk queue into trouble, and checks item by item that what the library called durable is
//! delivered in the end.
//!
//! The parent holds the backend and the verdict; a child (this program again) is an ordinary user of the client, and
//! keeps a journal of its own. Neither trusts the ledger: what arrived is compared with what was promised.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program for the terminal")]

mod backend;
mod child;
mod item;
mod journal;
mod orders;
mod process;
mod round;
mod run;
mod scenario;
mod tally;
mod verdict;

use std::{
    process::ExitCode,
    time::{Duration, Instant},
};

use clap::{Parser, Subcommand};

use self::scenario::{Extent, Scenario};

/// Why something could not be carried through.
type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Kills, starves and cuts off a process with a disk queue, and checks that nothing durable is lost.
#[derive(Parser)]
struct CommandLine {
    #[command(subcommand)]
    role: Option<Role>,
    /// The scenario, or several of them; default all
    #[arg(long, value_enum)]
    scenario: Vec<Scenario>,
    /// At least so many kills
    #[arg(long, default_value_t = 60)]
    kills: u64,
    /// At least so many minutes of kills, and half of that of outage
    #[arg(long, default_value_t = 0)]
    minutes: u64,
    /// The seed of everything random; a failure prints the one it had
    #[arg(long)]
    seed: Option<u64>,
}

#[derive(Subcommand)]
enum Role {
    /// What the parent starts
    #[command(hide = true)]
    Child {
        /// What it is to do
        orders: String,
    },
}

fn main() -> ExitCode {
    let arguments = CommandLine::parse();
    if let Some(Role::Child { orders }) = &arguments.role {
        return if child::run(orders).is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE };
    }
    let all = [Scenario::Kill, Scenario::FullDisk, Scenario::Outage];
    let scenarios = if arguments.scenario.is_empty() { &all } else { arguments.scenario.as_slice() };
    // Small enough to be typed.
    let seed = arguments.seed.unwrap_or_else(|| fastrand::u64(..1_000_000));
    println!("seed {seed}");
    let extent = Extent { seed, kills: arguments.kills, time: Duration::from_secs(arguments.minutes * 60) };
    let mut rows = Vec::new();
    let mut is_good = true;
    for scenario in scenarios {
        let began = Instant::now();
        match scenario.run(extent) {
            Ok(found) => {
                is_good &= found.iter().all(|row| row.is_good);
                println!("{} took {} s", scenario.name(), began.elapsed().as_secs());
                rows.extend(found);
            }
            Err(failure) => {
                is_good = false;
                eprintln!("{} with seed {seed} could not be carried through: {failure}", scenario.name());
            }
        }
    }
    println!("\n| scenario | what was done | what was found | promises |\n|---|---|---|---|");
    rows.iter().for_each(|row| println!("{row}"));
    if is_good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
