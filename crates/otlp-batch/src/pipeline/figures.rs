//! [`PipelineFigures`]: how a pipeline stands, for whoever watches it. Holding them keeps no pipeline running, and they
//! can be read after it has ended.

use std::fmt;

use otlp_core::Signal;

use crate::{Intake, Ledger, QueueDepth};

/// Reads how a pipeline stands. Clones are cheap and read the same pipeline.
#[derive(Clone)]
pub struct PipelineFigures {
    intake: Intake,
}

impl PipelineFigures {
    pub(super) fn new(intake: Intake) -> Self {
        PipelineFigures { intake }
    }

    /// Where every item is now, for each destination.
    pub fn ledgers(&self) -> Vec<Ledger> {
        self.intake.shared().ledgers()
    }

    /// What waits and what is in flight for one signal, for each destination.
    pub fn queue_depths(&self, signal: Signal) -> Vec<QueueDepth> {
        let destinations = self.intake.shared().destinations().iter();
        destinations.map(|destination| destination.lane(signal).depth()).collect()
    }

    /// How many items of one signal count against the limit of the queue, for each destination: those that wait in
    /// memory alone.
    pub fn queue_occupancies(&self, signal: Signal) -> Vec<u64> {
        let destinations = self.intake.shared().destinations().iter();
        destinations.map(|destination| destination.lane(signal).waiting()).collect()
    }

    /// How many items of one signal may wait in the queue of a destination.
    pub fn max_queue_size(&self) -> usize {
        self.intake.shared().max_queue_size()
    }

    /// How many bytes of memory the records between call site and acknowledgement occupy.
    pub fn memory_in_use(&self) -> usize {
        self.intake.shared().memory_in_use()
    }

    /// How many bytes of memory they may occupy.
    pub fn memory_budget(&self) -> usize {
        self.intake.shared().memory_budget()
    }

    /// Whether the pipeline takes no more records, because it was shut down.
    pub fn is_shut_down(&self) -> bool {
        self.intake.shared().is_closed()
    }
}

impl fmt::Debug for PipelineFigures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PipelineFigures").field("ledgers", &self.ledgers()).finish_non_exhaustive()
    }
}
