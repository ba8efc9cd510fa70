//! Where the attempts of a batch go, as the retry around them sees it.

use std::{future::Future, sync::Arc};

use otlp_batch::{Attempts, Batch, MemoryBudget, ReadyFuture};
use otlp_core::{ExportError, Outcome, Signal};
use otlp_reliability::Control;

/// One endpoint, or several that are balanced over.
///
/// An implementor guarantees that an attempt which is let through is reported to `attempts`, and that its outcome is
/// known to whatever decides whether others are let through before [`Route::attempt`] completes.
pub(crate) trait Route: Send + Sync {
    /// What is kept of a batch from one attempt to the next.
    type Course: Send + Sync;

    /// A batch is about to be tried; what is kept of it comes out of `memory`.
    fn begin(&self, batch: &Batch, memory: &MemoryBudget) -> Result<Self::Course, ExportError>;

    /// Tries once; `None` if nobody takes the attempt.
    fn attempt(
        &self,
        batch: &Batch,
        course: &Self::Course,
        attempts: &Attempts<'_>,
    ) -> impl Future<Output = Option<Tried>> + Send;

    /// Whether any number of attempts would be let through now, and not just a probe.
    fn takes_all(&self, signal: Signal) -> bool;

    /// Completes when an attempt may be let through.
    fn ready(&self, signal: Signal) -> ReadyFuture<'_>;

    /// The policies of the route itself, each with its kind.
    fn policies(&self) -> Vec<(&'static str, Arc<dyn Control>)>;
}

/// An attempt that was made.
#[derive(Debug)]
pub(crate) struct Tried {
    pub(crate) outcome: Outcome,
    /// Whether the route took everything when the attempt began.
    pub(crate) was_up: bool,
}
