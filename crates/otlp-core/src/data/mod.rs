//! Owned telemetry: what exporters, tests and viewers get who want structures instead of bytes.
//!
//! Times are nanoseconds since the Unix epoch, as in OTLP; zero means "not set". Nobody on the way from a call site to
//! the wire builds these: they are decoded from the encoded bytes for whoever asks.

mod log;
mod metric;
mod span;

use serde::{Deserialize, Serialize};

pub use self::{
    log::{LogData, Severity},
    metric::{
        Exemplar, ExponentialBuckets, ExponentialHistogramPoint, HistogramPoint, MetricData, MetricPoints, MetricType,
        Number, NumberPoint, QuantileValue, SummaryPoint, Temporality,
    },
    span::{SpanData, SpanEvent, SpanKind, SpanLink, SpanStatus, StatusCode},
};
use crate::Attributes;

/// What produced the telemetry: a service instance, a process, a host.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Resource {
    /// `service.name` and its like.
    pub attributes: Attributes,
    /// How many attributes a limit removed.
    pub dropped_attributes_count: u32,
    /// The schema that the attributes follow, or empty.
    pub schema_url: String,
}

impl Resource {
    /// The attribute `service.name`, if it is there and a string.
    pub fn service_name(&self) -> Option<&str> {
        self.attributes.get("service.name").and_then(|value| value.as_str())
    }
}

/// The part of a program that produced the telemetry (instrumentation scope).
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Scope {
    /// The name of the library or component.
    pub name: String,
    /// Its version, or empty.
    pub version: String,
    /// Further attributes.
    pub attributes: Attributes,
    /// How many attributes a limit removed.
    pub dropped_attributes_count: u32,
    /// The schema that the telemetry follows, or empty.
    pub schema_url: String,
}
