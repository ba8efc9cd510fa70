//! Metrics and their points.

use std::sync::Arc;

use otlp_core::data::{
    Exemplar, ExponentialBuckets, ExponentialHistogramPoint, HistogramPoint, MetricData, MetricPoints, Number,
    NumberPoint, QuantileValue, SummaryPoint, Temporality,
};

use super::{
    InvalidId,
    common::{attributes, resource, scope, span_id, trace_id},
};
use crate::message::{collector::ExportMetricsServiceRequest, metrics as message};

/// The metrics of a request, in its order.
pub(crate) fn metrics(request: ExportMetricsServiceRequest) -> Result<Vec<MetricData>, InvalidId> {
    let mut metrics = Vec::new();
    for group in request.resource_metrics {
        let resource = Arc::new(resource(group.resource, group.schema_url));
        for scoped in group.scope_metrics {
            let scope = Arc::new(scope(scoped.scope, scoped.schema_url));
            for wire in scoped.metrics {
                metrics.push(MetricData {
                    name: wire.name,
                    description: wire.description,
                    unit: wire.unit,
                    metadata: attributes(wire.metadata),
                    points: wire.data.map(points).transpose()?.unwrap_or_default(),
                    resource: resource.clone(),
                    scope: scope.clone(),
                });
            }
        }
    }
    Ok(metrics)
}

fn points(data: message::metric::Data) -> Result<MetricPoints, InvalidId> {
    use message::metric::Data;
    Ok(match data {
        Data::Gauge(gauge) => MetricPoints::Gauge { points: each(gauge.data_points, number_point)? },
        Data::Sum(sum) => MetricPoints::Sum {
            points: each(sum.data_points, number_point)?,
            temporality: Temporality::from_number(sum.aggregation_temporality),
            monotonic: sum.is_monotonic,
        },
        Data::Histogram(histogram) => MetricPoints::Histogram {
            points: each(histogram.data_points, histogram_point)?,
            temporality: Temporality::from_number(histogram.aggregation_temporality),
        },
        Data::ExponentialHistogram(histogram) => MetricPoints::ExponentialHistogram {
            points: each(histogram.data_points, exponential_point)?,
            temporality: Temporality::from_number(histogram.aggregation_temporality),
        },
        Data::Summary(summary) => {
            MetricPoints::Summary { points: summary.data_points.into_iter().map(summary_point).collect() }
        }
    })
}

fn each<T, U>(points: Vec<T>, convert: impl FnMut(T) -> Result<U, InvalidId>) -> Result<Vec<U>, InvalidId> {
    points.into_iter().map(convert).collect()
}

fn number_point(point: message::NumberDataPoint) -> Result<NumberPoint, InvalidId> {
    use message::number_data_point::Value;
    Ok(NumberPoint {
        attributes: attributes(point.attributes),
        start_time: point.start_time_unix_nano,
        time: point.time_unix_nano,
        value: point.value.map(|value| match value {
            Value::Double(value) => Number::F64(value),
            Value::Int(value) => Number::I64(value),
        }),
        exemplars: each(point.exemplars, exemplar)?,
        flags: point.flags,
    })
}

fn histogram_point(point: message::HistogramDataPoint) -> Result<HistogramPoint, InvalidId> {
    Ok(HistogramPoint {
        attributes: attributes(point.attributes),
        start_time: point.start_time_unix_nano,
        time: point.time_unix_nano,
        count: point.count,
        sum: point.sum,
        bucket_counts: point.bucket_counts,
        explicit_bounds: point.explicit_bounds,
        exemplars: each(point.exemplars, exemplar)?,
        flags: point.flags,
        min: point.min,
        max: point.max,
    })
}

fn exponential_point(point: message::ExponentialHistogramDataPoint) -> Result<ExponentialHistogramPoint, InvalidId> {
    Ok(ExponentialHistogramPoint {
        attributes: attributes(point.attributes),
        start_time: point.start_time_unix_nano,
        time: point.time_unix_nano,
        count: point.count,
        sum: point.sum,
        scale: point.scale,
        zero_count: point.zero_count,
        positive: point.positive.map(buckets).unwrap_or_default(),
        negative: point.negative.map(buckets).unwrap_or_default(),
        flags: point.flags,
        exemplars: each(point.exemplars, exemplar)?,
        min: point.min,
        max: point.max,
        zero_threshold: point.zero_threshold,
    })
}

fn buckets(buckets: message::Buckets) -> ExponentialBuckets {
    ExponentialBuckets { offset: buckets.offset, bucket_counts: buckets.bucket_counts }
}

fn summary_point(point: message::SummaryDataPoint) -> SummaryPoint {
    let quantile = |at: message::ValueAtQuantile| QuantileValue { quantile: at.quantile, value: at.value };
    SummaryPoint {
        attributes: attributes(point.attributes),
        start_time: point.start_time_unix_nano,
        time: point.time_unix_nano,
        count: point.count,
        sum: point.sum,
        quantile_values: point.quantile_values.into_iter().map(quantile).collect(),
        flags: point.flags,
    }
}

fn exemplar(exemplar: message::Exemplar) -> Result<Exemplar, InvalidId> {
    use message::exemplar::Value;
    Ok(Exemplar {
        filtered_attributes: attributes(exemplar.filtered_attributes),
        time: exemplar.time_unix_nano,
        value: exemplar.value.map(|value| match value {
            Value::Double(value) => Number::F64(value),
            Value::Int(value) => Number::I64(value),
        }),
        span_id: span_id("Exemplar.span_id", &exemplar.span_id)?,
        trace_id: trace_id("Exemplar.trace_id", &exemplar.trace_id)?,
    })
}
