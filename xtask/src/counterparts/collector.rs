//! The OpenTelemetry Collector with the components that the tests use, put together by its own builder.

use std::{fmt::Write, path::Path, process::Command};

use super::{Built, Counterpart, folder, go};
use crate::cargo::{self, Failure};

pub(super) const COUNTERPART: Counterpart = Counterpart { name: "collector", variable: "COLLECTOR_BIN", build };

const VERSION: &str = "v0.155.0";
/// Of the modules that are stable.
const STABLE: &str = "v1.61.0";
const CORE: &str = "go.opentelemetry.io/collector";
const CONTRIB: &str = "github.com/open-telemetry/opentelemetry-collector-contrib";

/// Repository, path in it, version.
type Module = (&'static str, &'static str, &'static str);

/// The kinds of components, and the modules of each.
const COMPONENTS: [(&str, &[Module]); 5] = [
    ("receivers", &[(CORE, "receiver/otlpreceiver", VERSION), (CONTRIB, "receiver/kafkareceiver", VERSION)]),
    ("processors", &[(CORE, "processor/batchprocessor", VERSION)]),
    ("exporters", &[(CORE, "exporter/debugexporter", VERSION), (CONTRIB, "exporter/fileexporter", VERSION)]),
    ("extensions", &[(CONTRIB, "extension/healthcheckextension", VERSION)]),
    (
        "providers",
        &[
            (CORE, "confmap/provider/fileprovider", STABLE),
            (CORE, "confmap/provider/envprovider", STABLE),
            (CORE, "confmap/provider/yamlprovider", STABLE),
        ],
    ),
];

fn build(bin: &Path) -> Result<Built, Failure> {
    go::built(bin, COUNTERPART.name, VERSION, |source| {
        let mut install = Command::new("go");
        install.args(["install", &format!("{CORE}/cmd/builder@{VERSION}")]);
        cargo::run(install.env("GOBIN", source).current_dir(source))?;
        let (manifest, requirements) = manifest();
        folder::write(&source.join("manifest.yaml"), &manifest)?;
        let mut generate = Command::new(source.join("builder"));
        generate.args(["--config", "manifest.yaml", "--skip-get-modules", "--skip-compilation"]);
        cargo::run(generate.current_dir(source))?;
        // Not by `go mod tidy`, which wants what only the tests of dependencies need.
        folder::write(
            &source.join("generated/go.mod"),
            &format!("module counterpart/collector\n\ngo 1.26.0\n\nrequire (\n{requirements})\n"),
        )?;
        go::compile(&source.join("generated"), ".", "")?;
        folder::rename(&source.join("generated/program"), &source.join("program"))
    })
}

/// What the builder reads, and what the module requires.
fn manifest() -> (String, String) {
    let mut manifest =
        String::from("dist: { name: otelcol, output_path: ./generated, module: counterpart/collector }\n");
    let mut requirements = String::new();
    for (kind, modules) in COMPONENTS {
        // Writing to a string never fails.
        _ = writeln!(manifest, "{kind}:");
        for (repository, path, version) in modules {
            _ = writeln!(manifest, "  - gomod: {repository}/{path} {version}");
            _ = writeln!(requirements, "\t{repository}/{path} {version}");
        }
    }
    for part in ["otelcol", "service"] {
        _ = writeln!(requirements, "\t{CORE}/{part} {VERSION}");
    }
    (manifest, requirements)
}
