//! The transports against real sockets: one conformance suite for all three, and what is particular to each.

#![allow(clippy::unwrap_used, reason = "what a test needs and does not get is its failure")]

mod auth;
mod conformance;
mod connections;
mod directory;
mod grpc;
mod http;
mod lost;
mod pool;
mod raw_server;
mod requests;
mod response;
mod rotation;
mod server;
mod tls;
