//! Shows what a retry budget and adaptive limits are for: a retry storm that outlives its cause, and what ends it.
//!
//! `cargo run -p otlp-reliability --example retry_storm [seed]` simulates clients and a server in virtual time, with the
//! real policies between them, and prints a table. It fails if the table does not show what the documentation claims.

#![expect(clippy::print_stdout, clippy::print_stderr, clippy::unwrap_used, reason = "a program that shows something")]

#[path = "../tests/simulation/mod.rs"]
mod simulation;

use std::process::ExitCode;

fn main() -> ExitCode {
    let seed = match std::env::args().nth(1).map(|seed| seed.parse()) {
        None => 1,
        Some(Ok(seed)) => seed,
        Some(Err(_)) => {
            eprintln!("The seed is a number.");
            return ExitCode::FAILURE;
        }
    };
    let outcomes = simulation::run(seed);
    print!("{}", simulation::table(&outcomes));
    let broken = simulation::broken_claims(&outcomes);
    for claim in &broken {
        eprintln!("This does not show: {claim}");
    }
    if broken.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
