//! `cargo xtask fuzz`: builds the fuzz targets with coverage and runs each of them. Needs a C++ compiler, which
//! libFuzzer is built with, and no nightly toolchain.

use std::{fs, process::Command};

use crate::cargo::{self, Failure, cargo, root, target_dir};

/// What makes rustc instrument for libFuzzer.
const COVERAGE: &str = "-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=3 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares -Cdebug-assertions --cfg fuzzing";

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Seconds for each target
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// So many inputs for each target instead, however long that takes
    #[arg(long)]
    runs: Option<u64>,
    /// Only targets whose name contains this
    #[arg(long)]
    target: Option<String>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let build = target_dir().join("fuzz");
    // With an explicit target triple the flags reach the targets and not their build scripts.
    let triple = host()?;
    let mut command = cargo(["build", "--release", "--manifest-path", "fuzz/Cargo.toml", "--target", &triple]);
    cargo::run(command.arg("--target-dir").arg(&build).env("RUSTFLAGS", COVERAGE))?;
    for target in targets()? {
        if arguments.target.as_ref().is_some_and(|part| !target.contains(part)) {
            continue;
        }
        let found = build.join("found").join(&target);
        fs::create_dir_all(&found).map_err(|error| format!("cannot create {}: {error}", found.display()))?;
        println!("fuzz {target}");
        let mut fuzz = Command::new(build.join(&triple).join("release").join(&target));
        fuzz.arg(&found).arg(root().join("fuzz/corpus").join(&target));
        fuzz.arg(match arguments.runs {
            Some(runs) => format!("-runs={runs}"),
            None => format!("-max_total_time={}", arguments.seconds),
        });
        fuzz.args(["-rss_limit_mb=2048", "-verbosity=0"]);
        fuzz.args(["-print_final_stats=1", &format!("-artifact_prefix={}/", found.display())]);
        cargo::run(&mut fuzz)?;
    }
    Ok(())
}

/// The target triple of this machine.
fn host() -> Result<String, Failure> {
    let output = Command::new("rustc").arg("-vV").output().map_err(|error| format!("cannot start rustc: {error}"))?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let host = text.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned).ok_or_else(|| "rustc -vV names no host".into())
}

/// The targets: the files in `fuzz/fuzz_targets`.
fn targets() -> Result<Vec<String>, Failure> {
    let folder = root().join("fuzz/fuzz_targets");
    let entries = fs::read_dir(&folder).map_err(|error| format!("cannot read {}: {error}", folder.display()))?;
    let mut names: Vec<String> = entries
        .filter_map(|entry| entry.ok()?.path().file_stem().map(|stem| stem.to_string_lossy().into_owned()))
        .collect();
    names.sort();
    Ok(names)
}
