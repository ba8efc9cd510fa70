//! One attempt to deliver an encoded OTLP request to one receiver, over gRPC, HTTP/protobuf or HTTP/JSON, and one
//! classified [`Outcome`](otlp_core::Outcome) of it. Retrying, queueing and choosing among receivers happen elsewhere.
//!
//! - [`Transport`]: the trait. [`GrpcTransport`], [`HttpTransport`], and [`AnyTransport`] for a [`Protocol`] that is
//!   chosen at run time.
//! - [`TransportConfig`]: endpoints, headers, compression, limits, connections, TLS, credentials. Unusable settings are a
//!   [`ConfigError`].
//! - [`ConnectionPoolConfig`]: how many connections there are, and how long. [`TlsOptions`]: whom to trust and who we are;
//!   files may rotate. [`Auth`] and [`Authenticate`]: tokens, token files, and hooks that renew credentials.
//! - [`TransportEvent`]: what happens beside the attempts.
//!
//! # What an outcome says
//!
//! | the receiver | outcome |
//! |---|---|
//! | answered 2xx, or gRPC OK | `Delivered`, with its rejected items and its warning |
//! | did so with a whole body that cannot be read | `Delivered`, with a warning that says so: it has acknowledged |
//! | began such an answer, which broke off or did not come in time | `Retry` |
//! | answered 429, 502, 503, 504; CANCELLED, DEADLINE_EXCEEDED, ABORTED, OUT_OF_RANGE, UNAVAILABLE, DATA_LOSS | `Retry`, after the delay it asked for |
//! | answered RESOURCE_EXHAUSTED | `Retry` with a `RetryInfo`, else `Refused` |
//! | answered 413, or that the message is too large | `TooLarge` |
//! | answered anything else, a web page, or gRPC without a status | `Refused` |
//! | answered 401 or UNAUTHENTICATED to credentials of [`Auth`] | as it answers the request that is sent again with fresher ones; `Refused` if there are none; `Retry` if they cannot be had |
//! | could not be reached, broke the connection, reset the stream, answered no HTTP, or not in time | `Retry` |
//!
//! An answer that is no HTTP at all is retried like a lost connection: it is not among the answers that the
//! specification makes final, and whatever stands at that port may be replaced. A request that is larger than the
//! configured limit is `TooLarge` without being sent.
//!
//! # When an acknowledgement counts as lost
//!
//! `acknowledgement_lost` is set exactly if the connection took the last byte of the request, no whole answer came,
//! and nothing proves that the receiver did not process it. Proofs are: no connection came about; hyper gave the request
//! back unsent; an HTTP/2 `GOAWAY` whose last stream is below the request's; `RST_STREAM` with `REFUSED_STREAM`; a
//! peer whose first bytes are no HTTP/2 on an HTTP/2 connection, or TLS or HTTP/2 on an HTTP/1.1 one; a TLS alert
//! before anything else. A receiver that answers, be it "unavailable", has answered: nothing is lost.
//!
//! A request that a reused connection provably never took is sent again over a new connection, within the attempt.
//!
//! # Runtime
//!
//! Constructors read the files that settings name, do no other I/O, and need no runtime. `send` needs a tokio runtime with I/O and time; connections live in
//! tasks on it, which end when the transport is dropped. A connection whose runtime has ended is replaced.
//!
//! # Features
//!
//! `gzip`, `zstd` and `tls`, all on by default. A setting that needs one that is missing is refused by name.

mod any_transport;
mod auth;
mod binding;
mod config;
mod connection;
mod grpc;
mod http;
mod payload;
mod protocol;
mod response;
mod sender;
mod transport;

pub use async_trait::async_trait;

pub use self::{
    any_transport::AnyTransport,
    auth::{Auth, AuthError, Authenticate, Credentials},
    config::{
        ClientIdentity, Compression, ConfigError, ConnectionPoolConfig, Endpoints, EventHook, Headers, KeepAlive,
        PemSource, TlsOptions, TlsVersion, TransportConfig, TransportEvent,
    },
    grpc::GrpcTransport,
    http::{HttpEncoding, HttpTransport, retry_after},
    payload::PreparedRequest,
    protocol::Protocol,
    transport::Transport,
};
