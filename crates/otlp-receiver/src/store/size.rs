//! About how much memory an item takes: what the store's cap in bytes counts.
//!
//! Resource and scope are shared by the items of a request; each item is charged its share of them.

use std::{mem::size_of, sync::Arc};

use otlp_core::{
    Attributes, KeyValue, Value,
    data::{
        Exemplar, ExponentialHistogramPoint, HistogramPoint, LogData, MetricData, MetricPoints, NumberPoint,
        QuantileValue, Resource, Scope, SpanData, SpanEvent, SpanLink, SummaryPoint,
    },
};

pub(super) trait ApproximateSize {
    /// Bytes, the item itself and what it owns.
    fn approximate_size(&self) -> usize;
}

impl ApproximateSize for SpanData {
    fn approximate_size(&self) -> usize {
        let events = self.events.iter().map(|event| size_of::<SpanEvent>() + event.name.len() + of(&event.attributes));
        let links = self.links.iter().map(|link| size_of::<SpanLink>() + link.trace_state.len() + of(&link.attributes));
        size_of::<Self>()
            + self.name.len()
            + self.trace_state.len()
            + self.status.message.len()
            + of(&self.attributes)
            + events.sum::<usize>()
            + links.sum::<usize>()
            + share(&self.resource, &self.scope)
    }
}

impl ApproximateSize for LogData {
    fn approximate_size(&self) -> usize {
        size_of::<Self>()
            + self.severity_text.len()
            + self.event_name.len()
            + of_value(&self.body)
            + of(&self.attributes)
            + share(&self.resource, &self.scope)
    }
}

impl ApproximateSize for MetricData {
    fn approximate_size(&self) -> usize {
        let points: usize = match &self.points {
            MetricPoints::Empty => 0,
            MetricPoints::Gauge { points } | MetricPoints::Sum { points, .. } => points.iter().map(number_point).sum(),
            MetricPoints::Histogram { points, .. } => points.iter().map(histogram_point).sum(),
            MetricPoints::ExponentialHistogram { points, .. } => points.iter().map(exponential_point).sum(),
            MetricPoints::Summary { points } => points.iter().map(summary_point).sum(),
        };
        size_of::<Self>()
            + self.name.len()
            + self.description.len()
            + self.unit.len()
            + of(&self.metadata)
            + points
            + share(&self.resource, &self.scope)
    }
}

fn number_point(point: &NumberPoint) -> usize {
    size_of::<NumberPoint>() + of(&point.attributes) + exemplars(&point.exemplars)
}

fn histogram_point(point: &HistogramPoint) -> usize {
    let numbers = point.bucket_counts.len() + point.explicit_bounds.len();
    size_of::<HistogramPoint>() + of(&point.attributes) + exemplars(&point.exemplars) + numbers * size_of::<u64>()
}

fn exponential_point(point: &ExponentialHistogramPoint) -> usize {
    let numbers = point.positive.bucket_counts.len() + point.negative.bucket_counts.len();
    size_of::<ExponentialHistogramPoint>()
        + of(&point.attributes)
        + exemplars(&point.exemplars)
        + numbers * size_of::<u64>()
}

fn summary_point(point: &SummaryPoint) -> usize {
    size_of::<SummaryPoint>() + of(&point.attributes) + point.quantile_values.len() * size_of::<QuantileValue>()
}

fn exemplars(exemplars: &[Exemplar]) -> usize {
    exemplars.iter().map(|exemplar| size_of::<Exemplar>() + of(&exemplar.filtered_attributes)).sum()
}

fn share(resource: &Arc<Resource>, scope: &Arc<Scope>) -> usize {
    let of_resource = size_of::<Resource>() + of(&resource.attributes) + resource.schema_url.len();
    let of_scope =
        size_of::<Scope>() + of(&scope.attributes) + scope.name.len() + scope.version.len() + scope.schema_url.len();
    of_resource / Arc::strong_count(resource) + of_scope / Arc::strong_count(scope)
}

fn of(attributes: &Attributes) -> usize {
    attributes.iter().map(of_entry).sum()
}

fn of_entry(entry: &KeyValue) -> usize {
    size_of::<KeyValue>() + entry.key.len() + of_value(&entry.value)
}

/// Without the value itself, which its owner has counted.
fn of_value(value: &Value) -> usize {
    match value {
        Value::String(text) => text.len(),
        Value::Bytes(bytes) => bytes.len(),
        Value::Array(values) => values.iter().map(|value| size_of::<Value>() + of_value(value)).sum(),
        Value::Map(entries) => entries.iter().map(of_entry).sum(),
        Value::Empty | Value::Bool(_) | Value::I64(_) | Value::F64(_) => 0,
    }
}
