//! `cargo xtask counterparts`: builds servers that others wrote, from the registries of their languages, and runs the tests
//! that want them. What this machine lacks is skipped with the reason, unless it was asked for by name.

mod collector;
mod consul;
mod folder;
mod go;
mod jaeger;
mod kafka;
mod prometheus;

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use crate::cargo::{self, Failure, cargo, target_dir};

/// A server that can be had.
struct Counterpart {
    /// As one says it to `--only`.
    name: &'static str,
    /// Tells the tests where it is.
    variable: &'static str,
    /// Builds it below this folder, unless this version of it is there.
    build: fn(&Path) -> Result<Built, Failure>,
}

/// What came of a build.
enum Built {
    There(PathBuf),
    Skipped(String),
}

const ALL: [Counterpart; 5] =
    [collector::COUNTERPART, prometheus::COUNTERPART, jaeger::COUNTERPART, consul::COUNTERPART, kafka::COUNTERPART];

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Builds, and runs no tests
    #[arg(long)]
    build_only: bool,
    /// Only this one, which must not be skipped then; can be given several times
    #[arg(long, value_name = "NAME", value_parser = ALL.map(|counterpart| counterpart.name))]
    only: Vec<String>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let bin = target_dir().join("counterparts");
    folder::create(&bin)?;
    let is_asked_for = |name: &str| arguments.only.iter().any(|only| only == name);
    let mut there = Vec::new();
    let mut summary = Vec::new();
    for counterpart in ALL {
        let Counterpart { name, variable, build } = counterpart;
        if !arguments.only.is_empty() && !is_asked_for(name) {
            continue;
        }
        match build(&bin)? {
            Built::There(path) => {
                summary.push(format!("{name}: {}", path.display()));
                there.push((name, variable, path));
            }
            Built::Skipped(reason) if is_asked_for(name) => return Err(format!("{name} cannot be had: {reason}")),
            Built::Skipped(reason) => summary.push(format!("{name}: skipped, {reason}")),
        }
    }
    let tested = if arguments.build_only { Ok(()) } else { test(&bin, &there) };
    println!("\n{}", summary.join("\n"));
    tested
}

/// Runs the tests of what is there; all of them, also if some fail.
fn test(bin: &Path, there: &[(&str, &str, PathBuf)]) -> Result<(), Failure> {
    let find = |wanted: &str| there.iter().find(|(name, ..)| *name == wanted).map(|(.., path)| path);
    let mut results = Vec::new();
    if let Some(agent) = find(consul::COUNTERPART.name) {
        let mut tests = cargo(["test", "--package", "otlp-discovery", "--test", "it", "consul::real"]);
        results.push(cargo::run(tests.env(consul::COUNTERPART.variable, agent)));
    }
    let broker = find(kafka::COUNTERPART.name).map(|jars| kafka::Broker::start(jars, bin)).transpose()?;
    let features: &[&str] = if broker.is_some() { &["--features", "kafka"] } else { &[] };
    if let Some(broker) = &broker {
        let tests = ["test", "--package", "otlp-exporters", "--test", "it"];
        let mut tests = cargo(tests.iter().chain(features).chain(&["kafka::real"]));
        results.push(cargo::run(tests.env(kafka::COUNTERPART.variable, broker.address())));
    }
    let mut tests = cargo(["test", "--package", "otlp-client", "--test", "counterparts"].iter().chain(features));
    for Counterpart { variable, .. } in ALL {
        tests.env_remove(variable);
    }
    for (name, variable, path) in there {
        match &broker {
            Some(broker) if *name == kafka::COUNTERPART.name => tests.env(variable, broker.address()),
            _ => tests.env(variable, path),
        };
    }
    results.push(cargo::run(&mut tests));
    let failures: Vec<Failure> = results.into_iter().filter_map(Result::err).collect();
    if failures.is_empty() { Ok(()) } else { Err(failures.join("\n")) }
}

/// Whether a program is on the PATH and answers to this.
fn answers(program: &str, argument: &str) -> bool {
    Command::new(program).arg(argument).output().is_ok_and(|output| output.status.success())
}
