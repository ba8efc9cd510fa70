//! What crosses modules.

#![allow(clippy::unwrap_used, reason = "clippy exempts test functions, but not the functions that they share")]

#[cfg(feature = "consul")]
mod consul;
mod services;
