//! Jaeger 2, of the newest module of which all parts can be had.

use super::{Counterpart, go::Program};

pub(super) const COUNTERPART: Counterpart =
    Counterpart { name: "jaeger", variable: "JAEGER_BIN", build: |bin| PROGRAM.build(bin) };

const PROGRAM: Program = Program {
    name: "jaeger",
    module: "github.com/jaegertracing/jaeger",
    version: "v1.62.0",
    package: "cmd/jaeger",
    tags: "",
};
