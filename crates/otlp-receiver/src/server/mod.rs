//! The serving side: listeners and their supervisor, connections, and the way of a request from its bytes to its answer.
//!
//! ```text
//! supervisor ─► connection ─► dispatch ─► grpc | http: body, encoding, framing
//!                                           └─► export: decode, fault, store ─► verdict
//!                                         grpc | http: the verdict in the protocol's words
//! ```
//!
//! What goes that way: the `context` of a request, which leads to what all connections have `shared`; and in the other
//! direction a `command` to the supervisor, from a fault or from the owner of the receiver.

mod answer;
mod body;
mod command;
mod connection;
mod context;
mod dispatch;
mod export;
mod grpc;
mod headers;
mod http;
mod pings;
mod port;
mod preface;
mod reading;
mod shared;
mod supervisor;
mod wire;

pub(crate) use self::{
    command::{Command, Done},
    port::{Port, Speaks},
    shared::Shared,
    supervisor::Supervisor,
};
