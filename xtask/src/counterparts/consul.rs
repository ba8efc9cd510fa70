//! The agent of Consul, without one command whose module was not published with it.

use std::{fs, path::Path};

use super::{Built, Counterpart, folder, go};
use crate::cargo::Failure;

pub(super) const COUNTERPART: Counterpart = Counterpart { name: "consul", variable: "CONSUL_BIN", build };

/// The module, and its newest version of which all parts are published.
const MODULE: (&str, &str) = ("github.com/hashicorp/consul", "v1.21.0");

/// Where `replace` of its own go.mod points to folders that its archive does not have.
const PARTS: [&str; 5] = ["api", "envoyextensions", "proto-public", "sdk", "troubleshoot"];

fn build(bin: &Path) -> Result<Built, Failure> {
    let (module, version) = MODULE;
    go::built(bin, COUNTERPART.name, version, |source| {
        let archive = go::download(bin, &format!("{module}@{version}"))?;
        folder::copy(Path::new(&archive), source)?;
        for part in PARTS {
            go::go(source, &["mod", "edit", &format!("-dropreplace={module}/{part}")])?;
        }
        drop_troubleshoot(source)?;
        go::go(source, &["mod", "edit", &format!("-droprequire={module}/troubleshoot")])?;
        go::compile(source, ".", "")
    })
}

/// Removes a command that needs a module which was not published with this version, and that no agent needs.
fn drop_troubleshoot(source: &Path) -> Result<(), Failure> {
    for unwanted in ["command/troubleshoot", "agent/xds/validateupstream-test"] {
        folder::remove(&source.join(unwanted))?;
    }
    let registry = source.join("command/registry.go");
    let text = fs::read_to_string(&registry).map_err(|error| format!("cannot read {}: {error}", registry.display()))?;
    let kept: String =
        text.lines().filter(|line| !line.contains("roubleshoot")).map(|line| format!("{line}\n")).collect();
    folder::write(&registry, &kept)
}
