//! The short form: the program as `cargo xtask torture` starts it.

#![allow(clippy::unwrap_used, reason = "a test may panic, and so may what tests share")]

use std::process::Command;

/// Runs the program to its end; what it printed.
fn torture(arguments: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_otlp-torture"));
    let output = command.args(arguments).output().unwrap();
    let printed = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    assert!(output.status.success(), "{printed}");
    printed
}

#[test]
fn nothing_durable_is_lost_by_fifty_kills() {
    let printed = torture(&["--scenario", "kill", "--kills", "50"]);
    let row = printed.lines().find(|line| line.starts_with("| kill -9 |")).unwrap();
    let kills: u64 = row.trim_start_matches("| kill -9 | ").split(' ').next().unwrap().parse().unwrap();
    assert!(kills >= 50 && row.contains(", 0 lost;") && row.ends_with("| held |"), "{printed}");
}

#[test]
fn nothing_durable_is_lost_on_a_full_disk() {
    let printed = torture(&["--scenario", "full-disk"]);
    assert!(printed.contains(", 0 lost;") && printed.contains("| held |"), "{printed}");
}

#[test]
fn an_unknown_scenario_is_refused() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_otlp-torture"));
    assert!(!command.args(["--scenario", "meteor"]).output().unwrap().status.success());
}
