//! Owned data from the encoded records of a batch, for those who ask.

use otlp_batch::Batch;
use otlp_core::{
    data::{LogData, MetricData, SpanData},
    wire::decode::{self, DecodeError},
};

/// The spans of a batch of traces.
pub fn spans(batch: &Batch) -> Result<Vec<SpanData>, DecodeError> {
    let mut spans = Vec::new();
    for fragment in batch.fragments() {
        spans.extend(decode::span_entries(batch.resource(), fragment.scope(), fragment.entries())?);
    }
    Ok(spans)
}

/// The metrics of a batch of metrics.
pub fn metrics(batch: &Batch) -> Result<Vec<MetricData>, DecodeError> {
    let mut metrics = Vec::new();
    for fragment in batch.fragments() {
        metrics.extend(decode::metric_entries(batch.resource(), fragment.scope(), fragment.entries())?);
    }
    Ok(metrics)
}

/// The log records of a batch of logs.
pub fn logs(batch: &Batch) -> Result<Vec<LogData>, DecodeError> {
    let mut logs = Vec::new();
    for fragment in batch.fragments() {
        logs.extend(decode::log_entries(batch.resource(), fragment.scope(), fragment.entries())?);
    }
    Ok(logs)
}
