//! The transports against real sockets: one conformance suite for all three, and what is particular to each.

#![allow(clippy::unwrap_used, reason = "what a test needs and does not get is its failure")]

mod conformance;
mod connections;
mod grpc;
mod http;
mod lost;
mod requests;
mod server;
mod tls;
