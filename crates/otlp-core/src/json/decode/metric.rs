//! Metrics.

use std::sync::Arc;

use super::{
    error::JsonError,
    object::Object,
    point::{exponential_histogram_point, histogram_point, number_point, summary_point},
    value::attributes,
};
use crate::data::{MetricData, MetricPoints, Resource, Scope, Temporality};

const TEMPORALITIES: &[(&str, i32)] = &[("UNSPECIFIED", 0), ("DELTA", 1), ("CUMULATIVE", 2)];

pub(super) fn metric(
    object: &mut Object<'_, '_>,
    resource: &Arc<Resource>,
    scope: &Arc<Scope>,
) -> Result<MetricData, JsonError> {
    Ok(MetricData {
        name: object.string("name")?,
        description: object.string("description")?,
        unit: object.string("unit")?,
        metadata: attributes(object, "metadata")?,
        points: points(object)?,
        resource: resource.clone(),
        scope: scope.clone(),
    })
}

/// The one member that the metric has of the five says the type.
fn points(object: &mut Object<'_, '_>) -> Result<MetricPoints, JsonError> {
    let gauge =
        |data: &mut Object<'_, '_>| Ok(MetricPoints::Gauge { points: data.objects("dataPoints", number_point)? });
    if let Some(points) = object.optional_nested("gauge", gauge)? {
        return Ok(points);
    }
    if let Some(points) = object.optional_nested("sum", sum)? {
        return Ok(points);
    }
    if let Some(points) = object.optional_nested("histogram", histogram)? {
        return Ok(points);
    }
    if let Some(points) = object.optional_nested("exponentialHistogram", exponential_histogram)? {
        return Ok(points);
    }
    let summary =
        |data: &mut Object<'_, '_>| Ok(MetricPoints::Summary { points: data.objects("dataPoints", summary_point)? });
    object.nested("summary", summary)
}

fn sum(data: &mut Object<'_, '_>) -> Result<MetricPoints, JsonError> {
    Ok(MetricPoints::Sum {
        points: data.objects("dataPoints", number_point)?,
        temporality: temporality(data)?,
        monotonic: data.boolean("isMonotonic")?,
    })
}

fn histogram(data: &mut Object<'_, '_>) -> Result<MetricPoints, JsonError> {
    Ok(MetricPoints::Histogram {
        points: data.objects("dataPoints", histogram_point)?,
        temporality: temporality(data)?,
    })
}

fn exponential_histogram(data: &mut Object<'_, '_>) -> Result<MetricPoints, JsonError> {
    Ok(MetricPoints::ExponentialHistogram {
        points: data.objects("dataPoints", exponential_histogram_point)?,
        temporality: temporality(data)?,
    })
}

fn temporality(data: &mut Object<'_, '_>) -> Result<Temporality, JsonError> {
    data.enumeration("aggregationTemporality", "AGGREGATION_TEMPORALITY_", TEMPORALITIES).map(Temporality::from_number)
}
