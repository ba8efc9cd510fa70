//! Prometheus, without the discovery of clouds: some of their modules cannot be had at the versions that it wants.

use super::{Counterpart, go::Program};

pub(super) const COUNTERPART: Counterpart =
    Counterpart { name: "prometheus", variable: "PROMETHEUS_BIN", build: |bin| PROGRAM.build(bin) };

/// 3.16.0, as its Go module is numbered.
const PROGRAM: Program = Program {
    name: "prometheus",
    module: "github.com/prometheus/prometheus",
    version: "v0.316.0",
    package: "cmd/prometheus",
    tags: "remove_all_sd",
};
