//! Our client in front of servers that others wrote, read back with what those servers offer for it.
//!
//! Each server is named by a variable: `COLLECTOR_BIN`, `PROMETHEUS_BIN`, `JAEGER_BIN` and, for brokers that run already,
//! `KAFKA_BROKERS`. `cargo xtask counterparts` builds them, sets the variables and runs this. A test without its server
//! passes, and says that it was skipped.

#![allow(clippy::unwrap_used, reason = "clippy exempts test functions, but not the functions that they share")]
#![cfg(unix)]

mod client;
mod collector;
mod http;
mod jaeger;
mod prometheus;
mod server;
#[path = "../telemetry/mod.rs"]
mod telemetry;
