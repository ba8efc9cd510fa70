//! What all connections of a receiver share: what they store, count, script and hold, and the way to the supervisor.

use std::sync::Arc;

use tokio::sync::mpsc::UnboundedSender;

use super::command::Command;
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
