//! The serving side: listeners and their supervisor, connections, and the way of a request from its bytes to its answer.
//!
//! ```text
//! supervisor ─► connection ─► dispatch ─► grpc | http: body, encoding, framing
//!                                           └─► export: decode, fault, store ─► verdict
//!                                         grpc | http: the verdict in the protocol's words
//! ```

mod answer;
mod body;
mod connection;
mod dispatch;
mod export;
mod grpc;
mod http;
mod pings;
mod port;
mod preface;
mod reading;
mod supervisor;
mod wire;

use std::sync::Arc;

use tokio::sync::mpsc::UnboundedSender;

pub(crate) use self::{
    port::{Port, Speaks},
    supervisor::{Command, Done, Supervisor},
};
use crate::{
    Faults, Requests, Store,
    limits::{Limits, MemoryBudget},
};

/// What all connections of a receiver share.
pub(crate) struct Shared {
    pub(crate) limits: Limits,
    pub(crate) budget: Arc<MemoryBudget>,
    pub(crate) count_only: bool,
    pub(crate) store: Store,
    pub(crate) rejected: Store,
    pub(crate) faults: Faults,
    pub(crate) requests: Requests,
    /// To the supervisor, for faults that concern the whole receiver.
    pub(crate) commands: UnboundedSender<Command>,
}
