//! Exporters at the end of a real pipeline.

#![allow(clippy::unwrap_used, reason = "clippy exempts test functions, but not the functions that they share")]

mod balanced;
mod circuit_breaker;
mod console;
mod custom;
#[cfg(feature = "kafka")]
mod kafka;
mod misbehaviour;
mod records;
