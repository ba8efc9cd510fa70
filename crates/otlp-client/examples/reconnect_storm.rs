//! Shows what jitter, circuit breakers and a pace are for: ten thousand clients that return together after an outage.
//!
//! `cargo run --release -p otlp-client --example reconnect_storm [clients] [seed]` simulates the clients and their receivers in
//! virtual time, with the real policies between them, and prints a table. It fails if the table does not show what the
//! documentation claims: above all, if clients with our policies ask for more than the receivers can take.

#![expect(clippy::print_stdout, clippy::print_stderr, clippy::unwrap_used, reason = "a program that shows something")]

#[path = "../tests/reconnect/mod.rs"]
mod reconnect;

use std::process::ExitCode;

use self::reconnect::Fleet;

fn main() -> ExitCode {
    let numbers: Result<Vec<u32>, _> = std::env::args().skip(1).map(|number| number.parse()).collect();
    let Ok(numbers) = numbers else {
        eprintln!("The clients and the seed are numbers.");
        return ExitCode::FAILURE;
    };
    let fleet = Fleet::of(numbers.first().copied().unwrap_or(10_000));
    let outcomes = reconnect::run(fleet, numbers.get(1).copied().unwrap_or(1).into());
    print!("{}", reconnect::table(fleet, &outcomes));
    let broken = reconnect::broken_claims(&outcomes);
    for claim in &broken {
        eprintln!("This does not show: {claim}");
    }
    if broken.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
