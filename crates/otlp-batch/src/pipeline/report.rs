//! What a pipeline answers: the report of a flush or a shutdown, and why it could not start.

use std::{fmt, io};

use thiserror::Error;

use crate::{ConfigError, Ledger};

/// What a flush or a shutdown found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Whether everything that had been accepted before the call has its fate: delivered, rejected or dropped.
    pub complete: bool,
    /// Where every item went, for each destination.
    pub ledgers: Vec<Ledger>,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.ledgers.iter().try_for_each(|ledger| ledger.fmt(f))
    }
}

/// A pipeline that could not be started.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StartError {
    /// A setting is out of range.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The background thread or its runtime could not be made.
    #[error("cannot start the background thread of the telemetry pipeline: {0}")]
    Thread(#[from] io::Error),
}
