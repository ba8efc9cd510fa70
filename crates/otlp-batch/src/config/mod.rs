//! What the pipeline may hold and when it hands on. Checked once, when the pipeline is built.

mod batch;
mod limits;
mod memory_pool;

use std::fmt;

use thiserror::Error;

pub use self::{
    batch::{BatchConfig, BatchStrategy},
    limits::{BatchLimits, OnFull},
    memory_pool::MemoryPoolConfig,
};

/// How records become batches.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Settings {
    pub(crate) batch: BatchConfig,
    pub(crate) limits: BatchLimits,
    /// Records and requests are copied once more each than they would have to be.
    pub(crate) copies: bool,
}

/// A setting outside of what is accepted.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{field} is {value}, but takes {accepted}")]
pub struct ConfigError {
    /// The field's name.
    pub field: &'static str,
    /// What it was set to.
    pub value: String,
    /// What it may be set to.
    pub accepted: &'static str,
}

fn check(ok: bool, field: &'static str, value: impl fmt::Display, accepted: &'static str) -> Result<(), ConfigError> {
    if ok { Ok(()) } else { Err(ConfigError { field, value: value.to_string(), accepted }) }
}
