//! What a logger and the records that it makes share.

use std::sync::Arc;

use otlp_batch::{Intake, ScopeHandle};

use super::{LogConfig, aggregation::Aggregator};
use crate::clock::Clock;

pub(super) struct Shared {
    pub(super) intake: Intake,
    pub(super) scope: ScopeHandle,
    pub(super) max_record_bytes: usize,
    pub(super) clock: Arc<Clock>,
    pub(super) config: LogConfig,
    /// `None` if nothing is folded.
    pub(super) aggregator: Option<Arc<Aggregator>>,
}
