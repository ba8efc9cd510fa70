//! How long operations took, exported as a metric: written where attempts are concluded, and made with the other metrics of
//! the pipeline.

use std::time::Duration;

use otlp_core::{KeyValue, Signal};
use otlp_sdk::metrics::Histogram;

/// Records how long operations of one destination took.
pub(super) struct OperationDurations {
    durations: Histogram<f64>,
    /// By [`Signal::index`].
    attributes: [Vec<KeyValue>; 3],
}

impl OperationDurations {
    /// Of the destination with these attributes, by [`Signal::index`].
    pub(super) fn new(durations: Histogram<f64>, attributes: [Vec<KeyValue>; 3]) -> Self {
        OperationDurations { durations, attributes }
    }

    pub(super) fn record(&self, signal: Signal, error_type: Option<&'static str>, took: Duration) {
        let attributes = &self.attributes[signal.index()];
        match error_type {
            None => self.durations.record(took.as_secs_f64(), attributes),
            Some(error) => self.durations.record(took.as_secs_f64(), &with_error(attributes, error)),
        }
    }
}

/// The attributes with `error.type`.
pub(super) fn with_error(attributes: &[KeyValue], error: &'static str) -> Vec<KeyValue> {
    let mut attributes = attributes.to_vec();
    attributes.push(KeyValue::new("error.type", error));
    attributes
}
