//! `cargo xtask test`: formatting, lints, all tests, all examples. Ends with the counts.

use std::{
    fs,
    io::{BufRead, BufReader},
    process::{Command, Stdio},
    time::Instant,
};

use crate::{
    cargo::{self, Failure, cargo, root, shown},
    loom,
};

/// What is tested beside the defaults. Everything in one build: other features would build every dependency again.
const FEATURES: &str =
    "otlp-reliability/tower,otlp-reliability/tracing,otlp-reliability/metrics,otlp-reliability/serde";

pub(crate) fn run() -> Result<(), Failure> {
    let started = Instant::now();
    let features = features();
    step("formatting");
    cargo::run(&mut cargo(["fmt", "--all", "--check"]))?;
    step("lints");
    cargo::run(&mut cargo([
        "clippy",
        "--workspace",
        "--features",
        &features,
        "--all-targets",
        "--quiet",
        "--",
        "-D",
        "warnings",
    ]))?;
    step("documentation");
    let mut doc = cargo(["doc", "--workspace", "--features", &features, "--no-deps", "--quiet"]);
    cargo::run(doc.env("RUSTDOCFLAGS", "-D warnings"))?;
    step("tests");
    let mut counts = Counts::default();
    let tests = counted(&mut cargo(["test", "--workspace", "--features", &features, "--no-fail-fast"]), &mut counts);
    step("state machines under loom");
    let models = counted(&mut loom::command("loom_"), &mut counts);
    step("examples");
    let examples = examples(&mut counts);
    println!("\nall steps took {} s", started.elapsed().as_secs());
    println!("{} passed, {} failed, {} skipped", counts.passed, counts.failed, counts.ignored);
    tests.and(models).and(examples)
}

/// The features that this machine can build: librdkafka, behind the Kafka exporter, wants make and a C compiler.
fn features() -> String {
    let is_there =
        |program: &&str| Command::new(program).arg("--version").output().is_ok_and(|output| output.status.success());
    match ["make", "cc"].iter().find(|program| !is_there(program)) {
        None => format!("{FEATURES},otlp-exporters/kafka,otlp-client/kafka,otlp/kafka"),
        Some(missing) => {
            println!("skipped: the Kafka exporter, for there is no `{missing}` to build librdkafka with");
            FEATURES.to_owned()
        }
    }
}

fn step(name: &str) {
    println!("\n== {name}");
}

#[derive(Default)]
struct Counts {
    passed: u64,
    failed: u64,
    ignored: u64,
}

/// Runs `cargo test`, passes its output on, and adds up its results.
fn counted(command: &mut Command, counts: &mut Counts) -> Result<(), Failure> {
    let name = shown(command);
    let mut child = command.stdout(Stdio::piped()).spawn().map_err(|error| format!("cannot start {name}: {error}"))?;
    for line in child.stdout.take().map(BufReader::new).into_iter().flat_map(BufRead::lines) {
        let line = line.map_err(|error| format!("cannot read what {name} prints: {error}"))?;
        if let Some(result) = line.strip_prefix("test result: ") {
            counts.passed += number_before(result, " passed");
            counts.failed += number_before(result, " failed");
            counts.ignored += number_before(result, " ignored");
        }
        println!("{line}");
    }
    let status = child.wait().map_err(|error| format!("cannot wait for {name}: {error}"))?;
    if status.success() { Ok(()) } else { Err(format!("{name} ended with {status}")) }
}

fn number_before(text: &str, word: &str) -> u64 {
    let number = text.split(word).next().and_then(|before| before.rsplit(' ').next());
    number.and_then(|number| number.parse().ok()).unwrap_or(0)
}

/// Runs every program in `examples/`; each brings what it needs and fails if it does not see what it expects.
fn examples(counts: &mut Counts) -> Result<(), Failure> {
    let folder = root().join("examples/examples");
    let entries = fs::read_dir(&folder).map_err(|error| format!("cannot read {}: {error}", folder.display()))?;
    let mut names: Vec<String> = entries
        .filter_map(|entry| entry.ok()?.path().file_stem().map(|stem| stem.to_string_lossy().into_owned()))
        .collect();
    names.sort();
    let mut failed = Vec::new();
    for name in names {
        println!("-- {name}");
        match cargo::run(&mut cargo(["run", "--quiet", "--package", "otlp-examples", "--example", &name])) {
            Ok(()) => counts.passed += 1,
            Err(failure) => {
                counts.failed += 1;
                failed.push(failure);
            }
        }
    }
    if failed.is_empty() { Ok(()) } else { Err(failed.join("\n")) }
}
