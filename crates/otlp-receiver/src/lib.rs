//! An OTLP receiver to embed: what tests and demos send to.
//!
//! It speaks OTLP over gRPC, HTTP/protobuf and HTTP/JSON, with gzip and zstd, in plaintext or TLS, on ports that the
//! kernel gives. What arrives is kept in a bounded [`Store`] that can be asked and waited on; [`Faults`] make it fail in
//! all the ways in which a backend fails, and remember to whom; [`Requests`] tells how it was asked.
//!
//! It shares the data model with the client and nothing else: messages are decoded by derived structs of its own, so
//! that what it understands was well said.
//!
//! ```
//! use std::{io::{Read, Write}, net::TcpStream, time::Duration};
//! use otlp_core::Signal;
//! use otlp_receiver::{Fault, GrpcCode, Receiver};
//!
//! // On a thread of its own; with tokio at hand, `start().await` does without.
//! let receiver = Receiver::builder().start_blocking()?;
//!
//! // The first request is to fail.
//! receiver.faults().inject(Fault::grpc(GrpcCode::Unavailable).times(1));
//!
//! // A client of few words: one span, in JSON. Others are given `http_endpoint()` or `grpc_endpoint()`.
//! let body = r#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"name":"checkout",
//!     "traceId":"4bf92f3577b34da6a3ce929d0e0e4736","spanId":"00f067aa0ba902b7"}]}]}]}"#;
//! let send = || -> std::io::Result<String> {
//!     let mut connection = TcpStream::connect(receiver.http_address())?;
//!     write!(connection, "POST /v1/traces HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\
//!         content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}", body.len())?;
//!     let mut answer = String::new();
//!     connection.read_to_string(&mut answer)?;
//!     Ok(answer)
//! };
//! assert!(send()?.starts_with("HTTP/1.1 503"));
//! assert!(send()?.starts_with("HTTP/1.1 200"));
//!
//! receiver.store().wait_for_items_blocking(Signal::Traces, 1, Duration::from_secs(10))?;
//! assert_eq!(receiver.store().spans_named("checkout").len(), 1);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What holds
//!
//! - Nothing from outside panics it or makes it grow without bound: sizes are limited before and after decompression
//!   and before decoding, times and connections too ([`Limits`]). What exceeds a limit is told so, and it goes on
//!   serving.
//! - An item that arrives twice is there twice ([`Store::duplicates`]); an item that a partial success rejected is in
//!   [`Receiver::rejected`] and not in the store.
//! - Whether a fault struck before or after the items were stored is chosen, counted and logged: only the latter makes
//!   an honest sender deliver twice.
//! - No header value is printed by `Debug`.

mod builder;
mod changes;
mod compression;
mod convert;
mod count;
mod decode;
mod error;
mod failure;
mod faults;
mod identity;
mod items;
mod limits;
mod message;
mod receiver;
mod requests;
mod server;
mod store;
mod tls;
mod weigh;

pub use self::{
    builder::ReceiverBuilder,
    changes::WaitTimeout,
    compression::Encoding,
    error::StartError,
    failure::{Failure, GrpcCode, RetryHint},
    faults::{
        Fault, FaultKind, FaultMix, FaultRule, Faults, GarbageLayer, InjectedFault, Rejection, ResetPoint, ResetScope,
    },
    identity::Identity,
    limits::Limits,
    receiver::Receiver,
    requests::{Answer, Protocol, RequestRecord, Requests, TlsVersion, Totals},
    store::{Counts, SignalCounts, Store, StoreCapacity},
    tls::{TlsConfig, TlsError},
};
