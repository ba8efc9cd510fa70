//! `cargo xtask counterparts`: builds third-party servers from their Go modules, and runs the tests that want them. What
//! this machine lacks is skipped, with the reason.

use std::{fs, path::Path, process::Command};

use crate::cargo::{self, Failure, cargo, target_dir};

/// The module of the Consul agent, and its newest version of which all parts are published.
const CONSUL: (&str, &str) = ("github.com/hashicorp/consul", "v1.21.0");

/// Where `replace` of Consul's own go.mod points to folders that its archive does not have.
const CONSUL_PARTS: [&str; 5] = ["api", "envoyextensions", "proto-public", "sdk", "troubleshoot"];

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Builds, and runs no tests
    #[arg(long)]
    build_only: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let bin = target_dir().join("counterparts");
    create(&bin)?;
    match consul(&bin)? {
        Built::There(agent) if arguments.build_only => println!("Consul: {}", agent.display()),
        Built::There(agent) => {
            println!("Consul: {}; its tests:", agent.display());
            let mut tests = cargo(["test", "--package", "otlp-discovery", "--test", "it", "consul::real"]);
            cargo::run(tests.env("CONSUL_BIN", agent))?;
        }
        Built::Skipped(reason) => println!("Consul: skipped, {reason}"),
    }
    println!("Collector: skipped, no test of the workspace starts one");
    Ok(())
}

/// What came of a build.
enum Built {
    There(std::path::PathBuf),
    Skipped(String),
}

/// Builds the agent, unless this version was built before.
fn consul(bin: &Path) -> Result<Built, Failure> {
    let (module, version) = CONSUL;
    let agent = bin.join(format!("consul-{version}"));
    if agent.is_file() {
        return Ok(Built::There(agent));
    }
    if !Command::new("go").arg("version").output().is_ok_and(|output| output.status.success()) {
        return Ok(Built::Skipped("it is built with Go, and no `go` is on the PATH".to_owned()));
    }
    println!("Consul {version}: building, which takes ten minutes or so");
    let Some(archive) = download(bin, &format!("{module}@{version}"))? else {
        return Ok(Built::Skipped(format!("{module}@{version} cannot be downloaded; see above")));
    };
    // What was downloaded is read-only, and shared with whatever else uses Go here.
    let source = bin.join("consul-source");
    if source.exists() {
        fs::remove_dir_all(&source).map_err(|error| format!("cannot remove {}: {error}", source.display()))?;
    }
    copy(Path::new(&archive), &source)?;
    let go = |arguments: &[&str]| cargo::run(Command::new("go").args(arguments).current_dir(&source));
    for part in CONSUL_PARTS {
        go(&["mod", "edit", &format!("-dropreplace={module}/{part}")])?;
    }
    drop_troubleshoot(&source)?;
    go(&["mod", "edit", &format!("-droprequire={module}/troubleshoot")])?;
    // Under its name it is there only when it is whole.
    let unfinished = bin.join("consul-unfinished");
    go(&["build", "-mod=mod", "-trimpath", "-ldflags=-s -w", "-o", &unfinished.to_string_lossy(), "."])?;
    fs::rename(&unfinished, &agent).map_err(|error| format!("cannot write {}: {error}", agent.display()))?;
    fs::remove_dir_all(&source).map_err(|error| format!("cannot remove {}: {error}", source.display()))?;
    Ok(Built::There(agent))
}

/// Downloads a module with Go; the folder of its archive, or `None` if it cannot be had.
fn download(bin: &Path, module: &str) -> Result<Option<String>, Failure> {
    let mut command = Command::new("go");
    // In a folder that is no module, so that none is changed.
    command.args(["mod", "download", "-json", module]).current_dir(bin);
    let output = command.output().map_err(|error| format!("cannot start go: {error}"))?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    if !output.status.success() {
        println!("{text}{}", String::from_utf8_lossy(&output.stderr));
        return Ok(None);
    }
    Ok(text.lines().find_map(|line| line.trim().strip_prefix("\"Dir\": \"")?.strip_suffix("\",")).map(str::to_owned))
}

/// Removes a command that needs a module which was not published with this version, and that no agent needs.
fn drop_troubleshoot(source: &Path) -> Result<(), Failure> {
    for folder in ["command/troubleshoot", "agent/xds/validateupstream-test"] {
        let folder = source.join(folder);
        fs::remove_dir_all(&folder).map_err(|error| format!("cannot remove {}: {error}", folder.display()))?;
    }
    let registry = source.join("command/registry.go");
    let text = fs::read_to_string(&registry).map_err(|error| format!("cannot read {}: {error}", registry.display()))?;
    let kept: String =
        text.lines().filter(|line| !line.contains("roubleshoot")).map(|line| format!("{line}\n")).collect();
    fs::write(&registry, kept).map_err(|error| format!("cannot write {}: {error}", registry.display()))
}

/// Copies a folder; what is copied can be changed.
fn copy(from: &Path, to: &Path) -> Result<(), Failure> {
    let failed = |error: std::io::Error| format!("cannot copy {}: {error}", from.display());
    create(to)?;
    for entry in fs::read_dir(from).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let target = to.join(entry.file_name());
        if entry.file_type().map_err(failed)?.is_dir() {
            copy(&entry.path(), &target)?;
        } else {
            // Through memory and not with its permissions, which are read-only.
            fs::write(&target, fs::read(entry.path()).map_err(failed)?).map_err(failed)?;
        }
    }
    Ok(())
}

fn create(folder: &Path) -> Result<(), Failure> {
    fs::create_dir_all(folder).map_err(|error| format!("cannot create {}: {error}", folder.display()))
}
