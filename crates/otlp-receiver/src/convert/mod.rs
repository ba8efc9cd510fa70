//! From the derived messages to the owned data that the store keeps.
//!
//! Strict where the specification is: an id of a wrong length fails the request and says which item it was. All-zero
//! and absent optional ids both mean "none".

mod common;
mod logs;
mod metrics;
mod trace;

pub(crate) use self::{logs::logs, metrics::metrics, trace::spans};

/// Why a message that is valid protobuf is no valid OTLP.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{field} takes {expected} bytes or none, and there are {len}")]
pub(crate) struct InvalidId {
    field: &'static str,
    expected: usize,
    len: usize,
}
