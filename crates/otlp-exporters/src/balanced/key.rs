//! What a batch has that should be seen at the same receiver again.

use otlp_batch::Batch;
use otlp_core::{
    Signal, TraceId,
    wire::view::{self, LogView, SpanView},
};

/// The trace of the first record that has one, among the first records of the fragments.
pub(super) fn first_trace(batch: &Batch) -> Option<TraceId> {
    batch.fragments().iter().find_map(|fragment| {
        let entries = fragment.entries();
        let trace = match batch.signal() {
            Signal::Traces => view::records::<SpanView<'_>>(entries).iter().next()?.ok()?.trace_id,
            Signal::Logs => view::records::<LogView<'_>>(entries).iter().next()?.ok()?.trace_id?,
            Signal::Metrics => return None,
        };
        trace.is_valid().then_some(trace)
    })
}
