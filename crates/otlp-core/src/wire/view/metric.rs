//! Metrics (OTLP metrics protocol, message `Metric` and its five kinds of data).

use std::sync::Arc;

use super::{
    AttributesView, ExponentialHistogramPointView, HistogramPointView, Messages, NumberPointView, SummaryPointView,
    View,
};
use crate::{
    data::{MetricData, MetricPoints, Resource, Scope, Temporality},
    wire::decode::{Content, DecodeError},
};

/// A metric with its points. Its fields are those of [`MetricData`].
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct MetricView<'a> {
    /// The instrument's name.
    pub name: &'a str,
    /// What it measures, or empty.
    pub description: &'a str,
    /// The unit in UCUM, or empty.
    pub unit: &'a str,
    /// Further facts about the metric.
    pub metadata: AttributesView<'a>,
    /// The points, by type.
    pub points: MetricPointsView<'a>,
}

/// The points of a metric.
#[derive(Debug, Clone, Copy)]
pub enum MetricPointsView<'a> {
    /// No data at all.
    Empty,
    /// The last value.
    Gauge {
        /// A point per series.
        points: Messages<'a, NumberPointView<'a>>,
    },
    /// A sum over time.
    Sum {
        /// A point per series.
        points: Messages<'a, NumberPointView<'a>>,
        /// Whether a point covers the time since the last one or since the start.
        temporality: Temporality,
        /// Whether the sum never falls.
        monotonic: bool,
    },
    /// A distribution with explicit bounds.
    Histogram {
        /// A point per series.
        points: Messages<'a, HistogramPointView<'a>>,
        /// Whether a point covers the time since the last one or since the start.
        temporality: Temporality,
    },
    /// A distribution with exponential bounds.
    ExponentialHistogram {
        /// A point per series.
        points: Messages<'a, ExponentialHistogramPointView<'a>>,
        /// Whether a point covers the time since the last one or since the start.
        temporality: Temporality,
    },
    /// Quantiles that the source calculated.
    Summary {
        /// A point per series.
        points: Messages<'a, SummaryPointView<'a>>,
    },
}

/// What sums and histograms of both kinds hold; only a sum says whether it is monotonic.
struct DataFields<'a, T> {
    points: Messages<'a, T>,
    temporality: Temporality,
    monotonic: bool,
}

impl<'a, T: View<'a>> View<'a> for DataFields<'a, T> {
    fn read(content: Content<'a>) -> Result<Self, DecodeError> {
        let mut data =
            DataFields { points: Messages::none(1), temporality: Temporality::Unspecified, monotonic: false };
        let mut reader = content.reader();
        while let Some(field) = reader.next_field()? {
            match field.number() {
                1 => data.points.include(&content, &field)?,
                2 => data.temporality = Temporality::from_number(field.enumeration()?),
                3 => data.monotonic = field.varint()? != 0,
                _ => {}
            }
        }
        Ok(data)
    }
}

impl<'a> View<'a> for MetricView<'a> {
    fn read(content: Content<'a>) -> Result<Self, DecodeError> {
        let mut metric = MetricView {
            name: "",
            description: "",
            unit: "",
            metadata: Messages::none(12),
            points: MetricPointsView::Empty,
        };
        let mut reader = content.reader();
        while let Some(field) = reader.next_field()? {
            match field.number() {
                1 => metric.name = field.string()?,
                2 => metric.description = field.string()?,
                3 => metric.unit = field.string()?,
                5 => metric.points = MetricPointsView::Gauge { points: Messages::of(field.message()?, 1)? },
                7 => {
                    let DataFields { points, temporality, monotonic } = DataFields::read(field.message()?)?;
                    metric.points = MetricPointsView::Sum { points, temporality, monotonic };
                }
                9 => {
                    let DataFields { points, temporality, .. } = DataFields::read(field.message()?)?;
                    metric.points = MetricPointsView::Histogram { points, temporality };
                }
                10 => {
                    let DataFields { points, temporality, .. } = DataFields::read(field.message()?)?;
                    metric.points = MetricPointsView::ExponentialHistogram { points, temporality };
                }
                11 => metric.points = MetricPointsView::Summary { points: Messages::of(field.message()?, 1)? },
                12 => metric.metadata.include(&content, &field)?,
                _ => {}
            }
        }
        Ok(metric)
    }
}

impl MetricView<'_> {
    /// How many data points there are, which is what OTLP counts: a pass that reads none of them.
    ///
    /// # Errors
    /// If the bytes are no protobuf.
    pub fn point_count(&self) -> Result<usize, DecodeError> {
        match &self.points {
            MetricPointsView::Empty => Ok(0),
            MetricPointsView::Gauge { points } | MetricPointsView::Sum { points, .. } => points.count(),
            MetricPointsView::Histogram { points, .. } => points.count(),
            MetricPointsView::ExponentialHistogram { points, .. } => points.count(),
            MetricPointsView::Summary { points } => points.count(),
        }
    }

    /// Copies into owned data.
    ///
    /// # Errors
    /// If something nested cannot be read.
    pub fn to_data(&self, resource: &Arc<Resource>, scope: &Arc<Scope>) -> Result<MetricData, DecodeError> {
        Ok(MetricData {
            name: self.name.to_owned(),
            description: self.description.to_owned(),
            unit: self.unit.to_owned(),
            metadata: self.metadata.to_attributes()?,
            points: self.points.to_data()?,
            resource: resource.clone(),
            scope: scope.clone(),
        })
    }
}

impl MetricPointsView<'_> {
    fn to_data(self) -> Result<MetricPoints, DecodeError> {
        Ok(match self {
            MetricPointsView::Empty => MetricPoints::Empty,
            MetricPointsView::Gauge { points } => {
                MetricPoints::Gauge { points: owned(points, |point| point.to_data())? }
            }
            MetricPointsView::Sum { points, temporality, monotonic } => {
                MetricPoints::Sum { points: owned(points, |point| point.to_data())?, temporality, monotonic }
            }
            MetricPointsView::Histogram { points, temporality } => {
                MetricPoints::Histogram { points: owned(points, |point| point.to_data())?, temporality }
            }
            MetricPointsView::ExponentialHistogram { points, temporality } => {
                MetricPoints::ExponentialHistogram { points: owned(points, |point| point.to_data())?, temporality }
            }
            MetricPointsView::Summary { points } => {
                MetricPoints::Summary { points: owned(points, |point| point.to_data())? }
            }
        })
    }
}

fn owned<'a, T: View<'a>, D>(
    points: Messages<'a, T>,
    to_data: impl Fn(&T) -> Result<D, DecodeError>,
) -> Result<Vec<D>, DecodeError> {
    points.iter().map(|point| to_data(&point?)).collect()
}
