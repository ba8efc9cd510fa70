//! The walls of the workspace: which crate may depend on which, and on how much.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    process::Command,
};

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, PackageId};

/// From the bottom up; a crate may depend on crates before it.
const LAYERS: [&str; 9] = [
    "otlp-core",
    "otlp-reliability",
    "otlp-discovery",
    "otlp-transport",
    "otlp-batch",
    "otlp-exporters",
    "otlp-sdk",
    "otlp-client",
    "otlp",
];

/// What else a layer must not know.
const FORBIDDEN: [(&str, &[&str]); 4] = [
    ("otlp-discovery", &["otlp-core"]),
    ("otlp-transport", &["otlp-reliability", "otlp-discovery"]),
    ("otlp-batch", &["otlp-transport", "otlp-discovery"]),
    ("otlp-sdk", &["otlp-exporters", "otlp-transport", "otlp-reliability", "otlp-discovery"]),
];

/// Crates that no published crate may depend on.
const PEERS: [&str; 11] = [
    "opentelemetry",
    "opentelemetry_sdk",
    "opentelemetry-otlp",
    "opentelemetry-proto",
    "opentelemetry-http",
    "failsafe",
    "recloser",
    "tower-resilience-bulkhead",
    "tower-resilience-circuitbreaker",
    "tower-resilience-retry",
    "tower-resilience-timelimiter",
];

fn metadata() -> Metadata {
    MetadataCommand::new()
        .manifest_path(concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.toml"))
        .exec()
        .expect("cargo metadata works")
}

/// The direct dependencies of the workspace's crates that are part of what users build.
fn normal_dependencies(metadata: &Metadata) -> BTreeMap<String, BTreeSet<String>> {
    let packages = metadata.workspace_packages();
    let normal = |package: &&cargo_metadata::Package| {
        let names = package.dependencies.iter().filter(|one| one.kind == DependencyKind::Normal);
        (package.name.to_string(), names.map(|one| one.name.clone()).collect())
    };
    packages.iter().map(normal).collect()
}

#[test]
fn a_crate_depends_on_lower_layers_only() {
    let dependencies = normal_dependencies(&metadata());
    for (height, layer) in LAYERS.iter().enumerate() {
        let above: BTreeSet<&str> = LAYERS[height..].iter().copied().collect();
        let forbidden = FORBIDDEN.iter().filter(|(name, _)| name == layer).flat_map(|(_, names)| names.iter().copied());
        let forbidden: BTreeSet<&str> = above.into_iter().chain(forbidden).collect();
        for dependency in &dependencies[*layer] {
            assert!(!forbidden.contains(dependency.as_str()), "{layer} must not depend on {dependency}");
        }
    }
}

#[test]
fn the_receiver_knows_the_data_model_and_nothing_else_of_the_client() {
    let ours: Vec<String> = normal_dependencies(&metadata())["otlp-receiver"]
        .iter()
        .filter(|name| name.starts_with("otlp"))
        .cloned()
        .collect();
    assert_eq!(ours, ["otlp-core"]);
}

#[test]
fn published_crates_do_not_depend_on_a_peer() {
    let metadata = metadata();
    for package in metadata.workspace_packages() {
        let is_published = package.publish.as_ref().is_none_or(|registries| !registries.is_empty());
        if is_published {
            let all = all_normal(&metadata, &package.id);
            let peers: Vec<&&str> = PEERS.iter().filter(|peer| all.contains(**peer)).collect();
            assert!(peers.is_empty(), "{} depends on {peers:?}", package.name);
        }
    }
}

#[test]
fn the_two_lowest_crates_stay_nearly_free_of_dependencies() {
    for name in ["otlp-core", "otlp-reliability"] {
        let tree = tree_of(name);
        let all: BTreeSet<&str> = tree.lines().skip(1).filter(|line| !line.is_empty()).collect();
        assert!(all.len() <= 15, "{name} depends on {} crates: {all:?}", all.len());
        assert!(name != "otlp-reliability" || !tree.lines().skip(1).any(|line| line.contains("otlp")), "{all:?}");
    }
}

#[test]
fn discovery_has_the_policies_and_nothing_else_of_ours() {
    let tree = tree_of("otlp-discovery");
    let ours: BTreeSet<&str> =
        tree.lines().skip(1).filter(|line| line.contains("otlp") || line.contains("telemetry")).collect();
    assert_eq!(ours, BTreeSet::from(["otlp_reliability"]));
}

#[test]
fn the_example_service_has_the_policies_and_nothing_else_of_ours() {
    let tree = tree_of("resilient-service");
    let ours: BTreeSet<&str> =
        tree.lines().filter(|line| line.contains("otlp") || line.contains("telemetry")).collect();
    assert_eq!(ours, BTreeSet::from(["otlp_reliability"]));
    assert!(tree.lines().any(|line| line == "axum") && tree.lines().any(|line| line == "reqwest"), "{tree}");
}

/// The crates that `package` is built of, itself first, by normal edges. Alone, as `cargo tree` shows it: the metadata
/// of the whole workspace mixes in what other crates enable.
fn tree_of(package: &str) -> String {
    let tree = Command::new(env!("CARGO"))
        .args([
            "tree",
            "--package",
            package,
            "--edges",
            "normal",
            "--prefix",
            "none",
            "--no-dedupe",
            "--format",
            "{lib}",
        ])
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
        .output()
        .expect("cargo tree starts");
    assert!(tree.status.success(), "{}", String::from_utf8_lossy(&tree.stderr));
    String::from_utf8(tree.stdout).expect("names of crates are text")
}

/// The names of all crates below `root`, by normal edges.
fn all_normal(metadata: &Metadata, root: &PackageId) -> BTreeSet<String> {
    let resolve = metadata.resolve.as_ref().expect("the graph is resolved");
    let nodes: BTreeMap<&PackageId, _> = resolve.nodes.iter().map(|node| (&node.id, node)).collect();
    let mut seen = BTreeSet::new();
    let mut open = vec![root];
    while let Some(id) = open.pop() {
        for dependency in &nodes[id].deps {
            let is_normal = dependency.dep_kinds.iter().any(|kind| kind.kind == DependencyKind::Normal);
            if is_normal && seen.insert(&dependency.pkg) {
                open.push(&dependency.pkg);
            }
        }
    }
    metadata
        .packages
        .iter()
        .filter(|package| seen.contains(&package.id))
        .map(|package| package.name.to_string())
        .collect()
}

#[test]
fn the_command_runner_stays_thin() {
    let mut folders = vec![PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/src"))];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let lines = std::fs::read_to_string(&path).unwrap().lines().count();
            assert!(lines < 160, "{} has {lines} lines", path.display());
        }
    }
}
