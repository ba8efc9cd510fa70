//! The receiver from outside: plain hyper clients and sockets on one side, the handles on the other.

#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

mod client;
mod concurrency;
mod exports;
mod faults;
mod fidelity;
mod lifecycle;
mod messages;
mod protocol;
mod robustness;
mod tls;
