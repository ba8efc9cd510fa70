//! What all clones of a bulkhead share.

use super::{BulkheadConfig, BulkheadSnapshot, gate::Gate};
use crate::{ConfigError, Control, PolicyConfig, Snapshot};

#[derive(Debug)]
pub(super) struct Core {
    pub(super) gate: Gate,
}

impl Core {
    pub(super) fn new(settings: &BulkheadConfig) -> Self {
        Core { gate: Gate::new(settings.max_concurrent(), settings.max_waiting(), settings.max_wait()) }
    }

    /// One with the same settings and nothing done yet.
    pub(super) fn afresh(&self) -> Self {
        Core { gate: self.gate.afresh() }
    }

    pub(super) fn figures(&self) -> BulkheadSnapshot {
        let standing = self.gate.standing();
        BulkheadSnapshot {
            max_concurrent: standing.limit,
            in_flight: standing.in_flight,
            waiting: standing.waiting,
            waited: standing.waited,
            rejected: standing.rejected,
            timed_out: standing.timed_out,
        }
    }
}

impl Control for Core {
    fn snapshot(&self) -> Snapshot {
        Snapshot::Bulkhead(self.figures())
    }

    fn reload(&self, settings: &PolicyConfig) -> Result<(), ConfigError> {
        let PolicyConfig::Bulkhead(settings) = settings else {
            return Err(settings.not_for("bulkhead"));
        };
        settings.validate()?;
        self.gate.set(settings.max_concurrent(), settings.max_waiting(), settings.max_wait());
        self.gate.hand_out();
        Ok(())
    }
}
