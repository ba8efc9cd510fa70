//! [`Sink`]: where a collection puts its encoded metrics.

use otlp_batch::{Intake, ScopeHandle};
use otlp_core::Signal;

/// Takes the encoded metrics of one scope.
pub(super) trait Sink {
    /// The largest entry that it can take, in bytes.
    fn max_bytes(&self) -> usize;

    /// Takes an entry of field 2 of `ScopeMetrics`, with tag and length, that has `items` data points. `write` appends
    /// exactly `len` bytes.
    fn append(&mut self, items: u32, len: usize, write: impl FnOnce(&mut Vec<u8>));
}

/// The way to the exporters.
pub(super) struct IntakeSink<'a> {
    intake: &'a Intake,
    scope: ScopeHandle,
}

impl<'a> IntakeSink<'a> {
    pub(super) fn new(intake: &'a Intake, scope: ScopeHandle) -> Self {
        IntakeSink { intake, scope }
    }
}

impl Sink for IntakeSink<'_> {
    fn max_bytes(&self) -> usize {
        self.intake.max_record_bytes()
    }

    fn append(&mut self, items: u32, len: usize, write: impl FnOnce(&mut Vec<u8>)) {
        self.intake.append(Signal::Metrics, &self.scope, items, len, write);
    }
}
