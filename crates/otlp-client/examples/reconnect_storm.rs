//! Shows what jitter, circuit breakers and a pace are for: ten thousand clients that return together after an outage.
//!
//! `cargo run --release -p otlp-client --example reconnect_storm [clients] [seed] [headroom]` simulates the clients and their
//! receivers in virtual time, with the real policies between them, and prints a table. It fails if the table does not show
//! what the documentation claims: above all, if clients with our policies ask for more than the receivers can take.
//! The headroom is what the receivers can take, in percent of what the fleet sends in good times: 200 if it is left out.

#![expect(clippy::print_stdout, clippy::print_stderr, clippy::unwrap_used, reason = "a program that shows something")]

#[path = "../tests/reconnect/mod.rs"]
mod reconnect;

use std::process::ExitCode;

use self::reconnect::Fleet;

fn main() -> ExitCode {
    let numbers: Result<Vec<u32>, _> = std::env::args().skip(1).map(|number| number.parse()).collect();
    let Ok(numbers) = numbers else {
        eprintln!("The clients, the seed and the headroom in percent are whole numbers.");
        return ExitCode::FAILURE;
    };
    let number = |index, otherwise| numbers.get(index).copied().unwrap_or(otherwise);
    let headroom = f64::from(number(2, 200)) / 100.0;
    let fleet = Fleet { headroom, ..Fleet::of(number(0, 10_000)) };
    let outcomes = reconnect::run(fleet, number(1, 1).into());
    print!("{}", reconnect::table(fleet, &outcomes));
    let broken = reconnect::broken_claims(fleet, &outcomes);
    for claim in &broken {
        eprintln!("This does not show: {claim}");
    }
    if broken.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
