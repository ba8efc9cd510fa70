//! The transports against real sockets: one conformance suite for all three, and what is particular to each.

mod conformance;
mod connections;
mod grpc;
mod http;
mod lost;
mod requests;
mod server;
#[cfg(feature = "tls")]
mod tls;
