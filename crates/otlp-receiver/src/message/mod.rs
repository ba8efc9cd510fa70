//! The OTLP messages as prost derives them, written by hand from the `.proto` files.
//!
//! They share no code with the encoder of `otlp-core`, so decoding with them checks it. Field numbers and types are
//! those of opentelemetry-proto 1.x; names are the proto's without the prefixes that Rust's modules make redundant.

pub(crate) mod collector;
pub(crate) mod common;
pub(crate) mod logs;
pub(crate) mod metrics;
pub(crate) mod rpc;
pub(crate) mod trace;
