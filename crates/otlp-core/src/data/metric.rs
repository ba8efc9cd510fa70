//! Owned metrics: a metric is a named stream, its points are the items that OTLP counts.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Resource, Scope};
use crate::{Attributes, SpanId, TraceId};

/// A metric with its points.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct MetricData {
    /// The instrument's name.
    pub name: String,
    /// What it measures, or empty.
    pub description: String,
    /// The unit in UCUM, or empty.
    pub unit: String,
    /// Further facts about the metric.
    pub metadata: Attributes,
    /// The points, by type.
    pub points: MetricPoints,
    /// Who produced it.
    pub resource: Arc<Resource>,
    /// Which part of it.
    pub scope: Arc<Scope>,
}

impl MetricData {
    /// What the points are.
    pub fn metric_type(&self) -> MetricType {
        match self.points {
            MetricPoints::Empty => MetricType::Empty,
            MetricPoints::Gauge { .. } => MetricType::Gauge,
            MetricPoints::Sum { .. } => MetricType::Sum,
            MetricPoints::Histogram { .. } => MetricType::Histogram,
            MetricPoints::ExponentialHistogram { .. } => MetricType::ExponentialHistogram,
            MetricPoints::Summary { .. } => MetricType::Summary,
        }
    }

    /// How many data points there are.
    pub fn point_count(&self) -> usize {
        match &self.points {
            MetricPoints::Empty => 0,
            MetricPoints::Gauge { points } | MetricPoints::Sum { points, .. } => points.len(),
            MetricPoints::Histogram { points, .. } => points.len(),
            MetricPoints::ExponentialHistogram { points, .. } => points.len(),
            MetricPoints::Summary { points } => points.len(),
        }
    }
}

/// The type of a metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum MetricType {
    /// No data at all.
    Empty,
    /// The last value.
    Gauge,
    /// A sum over time.
    Sum,
    /// A distribution with explicit bounds.
    Histogram,
    /// A distribution with exponential bounds.
    ExponentialHistogram,
    /// Quantiles that the source calculated.
    Summary,
}

/// The points of a metric.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub enum MetricPoints {
    /// No data at all.
    #[default]
    Empty,
    /// The last value.
    Gauge {
        /// A point per series.
        points: Vec<NumberPoint>,
    },
    /// A sum over time.
    Sum {
        /// A point per series.
        points: Vec<NumberPoint>,
        /// Whether a point covers the time since the last one or since the start.
        temporality: Temporality,
        /// Whether the sum never falls.
        monotonic: bool,
    },
    /// A distribution with explicit bounds.
    Histogram {
        /// A point per series.
        points: Vec<HistogramPoint>,
        /// Whether a point covers the time since the last one or since the start.
        temporality: Temporality,
    },
    /// A distribution with exponential bounds.
    ExponentialHistogram {
        /// A point per series.
        points: Vec<ExponentialHistogramPoint>,
        /// Whether a point covers the time since the last one or since the start.
        temporality: Temporality,
    },
    /// Quantiles that the source calculated.
    Summary {
        /// A point per series.
        points: Vec<SummaryPoint>,
    },
}

/// Which time a point of a sum or histogram covers; the numbers are those of OTLP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub enum Temporality {
    /// Not said.
    #[default]
    Unspecified = 0,
    /// Since the last point.
    Delta = 1,
    /// Since a fixed start.
    Cumulative = 2,
}

impl Temporality {
    /// The temporality of this number in OTLP; an unknown one is `Unspecified`.
    pub fn from_number(number: i32) -> Self {
        match number {
            1 => Temporality::Delta,
            2 => Temporality::Cumulative,
            _ => Temporality::Unspecified,
        }
    }
}

/// An integer or a double.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub enum Number {
    /// An integer.
    I64(i64),
    /// A double.
    F64(f64),
}

impl Number {
    /// The number as a double.
    pub fn as_f64(self) -> f64 {
        match self {
            Number::I64(value) => value as f64,
            Number::F64(value) => value,
        }
    }
}

/// One value of one series.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct NumberPoint {
    /// The series.
    pub attributes: Attributes,
    /// Nanoseconds since the Unix epoch; zero for a gauge.
    pub start_time: u64,
    /// Nanoseconds since the Unix epoch.
    pub time: u64,
    /// The value; none if it was not recorded.
    pub value: Option<Number>,
    /// Examples of what was recorded.
    pub exemplars: Vec<Exemplar>,
    /// Bit 0: no recorded value.
    pub flags: u32,
}

/// One distribution of one series, with explicit bounds.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct HistogramPoint {
    /// The series.
    pub attributes: Attributes,
    /// Nanoseconds since the Unix epoch.
    pub start_time: u64,
    /// Nanoseconds since the Unix epoch.
    pub time: u64,
    /// How many values.
    pub count: u64,
    /// Their sum, if it is meaningful.
    pub sum: Option<f64>,
    /// How many values per bucket: one more than there are bounds, or none.
    pub bucket_counts: Vec<u64>,
    /// The upper, inclusive bounds of all buckets but the last.
    pub explicit_bounds: Vec<f64>,
    /// Examples of what was recorded.
    pub exemplars: Vec<Exemplar>,
    /// Bit 0: no recorded value.
    pub flags: u32,
    /// The smallest value.
    pub min: Option<f64>,
    /// The largest value.
    pub max: Option<f64>,
}

/// One distribution of one series, with exponential bounds.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct ExponentialHistogramPoint {
    /// The series.
    pub attributes: Attributes,
    /// Nanoseconds since the Unix epoch.
    pub start_time: u64,
    /// Nanoseconds since the Unix epoch.
    pub time: u64,
    /// How many values.
    pub count: u64,
    /// Their sum, if it is meaningful.
    pub sum: Option<f64>,
    /// The base is 2^(2^-scale).
    pub scale: i32,
    /// How many values are within the zero threshold.
    pub zero_count: u64,
    /// The buckets of positive values.
    pub positive: ExponentialBuckets,
    /// The buckets of negative values.
    pub negative: ExponentialBuckets,
    /// Bit 0: no recorded value.
    pub flags: u32,
    /// Examples of what was recorded.
    pub exemplars: Vec<Exemplar>,
    /// The smallest value.
    pub min: Option<f64>,
    /// The largest value.
    pub max: Option<f64>,
    /// The width of the zero bucket.
    pub zero_threshold: f64,
}

/// Consecutive buckets of an exponential histogram.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ExponentialBuckets {
    /// The index of the first bucket.
    pub offset: i32,
    /// How many values per bucket.
    pub bucket_counts: Vec<u64>,
}

/// Quantiles of one series.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct SummaryPoint {
    /// The series.
    pub attributes: Attributes,
    /// Nanoseconds since the Unix epoch.
    pub start_time: u64,
    /// Nanoseconds since the Unix epoch.
    pub time: u64,
    /// How many values.
    pub count: u64,
    /// Their sum.
    pub sum: f64,
    /// The quantiles.
    pub quantile_values: Vec<QuantileValue>,
    /// Bit 0: no recorded value.
    pub flags: u32,
}

/// A value at a quantile.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct QuantileValue {
    /// 0.0 to 1.0.
    pub quantile: f64,
    /// The value there.
    pub value: f64,
}

/// An example of a recorded value, with the span that was active.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Exemplar {
    /// The attributes that the series does not have.
    pub filtered_attributes: Attributes,
    /// Nanoseconds since the Unix epoch.
    pub time: u64,
    /// The value.
    pub value: Option<Number>,
    /// The span that was active.
    pub span_id: Option<SpanId>,
    /// Its trace.
    pub trace_id: Option<TraceId>,
}
