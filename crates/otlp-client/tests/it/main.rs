//! The client as an application has it, against a real receiver or none at all.

#![allow(clippy::unwrap_used, reason = "clippy exempts test functions, but not the functions that they share")]

mod backends;
mod bad_values;
mod batches;
mod config;
mod connections;
mod content;
mod discovery;
mod disk;
mod http_server;
#[cfg(feature = "kafka")]
mod kafka;
mod lifecycle;
mod logging;
mod memory;
mod monitoring;
mod outages;
mod policies;
mod ranges;
mod reconnect;
mod registry;
mod runtimes;
mod setup;
mod signals;
#[cfg(feature = "kafka")]
#[path = "../telemetry/mod.rs"]
mod telemetry;
mod variables;
