//! Metrics.

use super::{
    point::{put_exponential_histogram_point, put_histogram_point, put_number_point, put_summary_point},
    value::put_attributes,
    writer::Object,
};
use crate::{
    data::Temporality,
    wire::{
        decode::DecodeError,
        view::{MetricPointsView, MetricView},
    },
};

pub(super) fn put_metric(object: &mut Object<'_>, metric: &MetricView<'_>) -> Result<(), DecodeError> {
    object.string("name", metric.name);
    object.string("description", metric.description);
    object.string("unit", metric.unit);
    put_attributes(object, "metadata", metric.metadata)?;
    match metric.points {
        MetricPointsView::Empty => Ok(()),
        MetricPointsView::Gauge { points } => {
            object.object("gauge", |object| object.messages("dataPoints", points, put_number_point))
        }
        MetricPointsView::Sum { points, temporality, monotonic } => object.object("sum", |object| {
            object.messages("dataPoints", points, put_number_point)?;
            put_temporality(object, temporality);
            object.boolean("isMonotonic", monotonic);
            Ok(())
        }),
        MetricPointsView::Histogram { points, temporality } => object.object("histogram", |object| {
            object.messages("dataPoints", points, put_histogram_point)?;
            put_temporality(object, temporality);
            Ok(())
        }),
        MetricPointsView::ExponentialHistogram { points, temporality } => {
            object.object("exponentialHistogram", |object| {
                object.messages("dataPoints", points, put_exponential_histogram_point)?;
                put_temporality(object, temporality);
                Ok(())
            })
        }
        MetricPointsView::Summary { points } => {
            object.object("summary", |object| object.messages("dataPoints", points, put_summary_point))
        }
    }
}

fn put_temporality(object: &mut Object<'_>, temporality: Temporality) {
    object.uint32("aggregationTemporality", temporality as u32);
}
