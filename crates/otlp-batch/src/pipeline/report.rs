//! What a pipeline answers: the report of a flush or a shutdown, and why it could not start.

use std::{fmt, io};

use thiserror::Error;

use crate::{ConfigError, DiskQueueError, Intake, Ledger};

/// What a flush or a shutdown found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Whether everything that had been accepted before the call has its fate: delivered, rejected or dropped.
    pub complete: bool,
    /// Whether everything that had been accepted before the call has its fate, or is in a disk queue for good: the next
    /// process will find it, and calls it recovered. Without a disk queue this says no more than `complete`. With
    /// [`Durability::None`](crate::Durability::None), [`Pipeline::persist`](crate::Pipeline::persist) and a shutdown
    /// make it so.
    pub durable: bool,
    /// Where every item went, for each destination.
    pub ledgers: Vec<Ledger>,
}

impl Report {
    /// How it stands with everything up to the sequence `last`.
    pub(super) fn now(intake: &Intake, last: u64) -> Self {
        let shared = intake.shared();
        Report {
            complete: shared.lanes().all(|lane| lane.is_done_with(last)),
            durable: shared.lanes().all(|lane| lane.queue().is_persisted(last)),
            ledgers: shared.ledgers(),
        }
    }
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
    /// A disk queue could not be opened.
    #[error(transparent)]
    DiskQueue(#[from] DiskQueueError),
    /// The background thread or its runtime could not be made.
    #[error("cannot start the background thread of the telemetry pipeline: {0}")]
    Thread(#[from] io::Error),
}
