//! Owned metrics (OTLP metrics protocol, message `Metric` and its five kinds of data).

use super::{
    owned::{put_attributes, put_message, put_nonzero_fixed64, put_optional_double, put_span_id, put_trace_id},
    put_fixed64, put_len, put_sint32, put_string, put_uint, put_varint,
};
use crate::data::{
    Exemplar, ExponentialBuckets, ExponentialHistogramPoint, HistogramPoint, MetricData, MetricPoints, Number,
    NumberPoint, SummaryPoint,
};

/// Appends the content of a `Metric` message.
pub fn metric(metric: &MetricData, out: &mut Vec<u8>) {
    put_string(out, 1, &metric.name);
    put_string(out, 2, &metric.description);
    put_string(out, 3, &metric.unit);
    match &metric.points {
        MetricPoints::Empty => {}
        MetricPoints::Gauge { points } => put_message(out, 5, |out| put_points(out, points, number_point)),
        MetricPoints::Sum { points, temporality, monotonic } => put_message(out, 7, |out| {
            put_points(out, points, number_point);
            put_uint(out, 2, *temporality as u64);
            put_uint(out, 3, (*monotonic).into());
        }),
        MetricPoints::Histogram { points, temporality } => put_message(out, 9, |out| {
            put_points(out, points, histogram_point);
            put_uint(out, 2, *temporality as u64);
        }),
        MetricPoints::ExponentialHistogram { points, temporality } => put_message(out, 10, |out| {
            put_points(out, points, exponential_histogram_point);
            put_uint(out, 2, *temporality as u64);
        }),
        MetricPoints::Summary { points } => put_message(out, 11, |out| put_points(out, points, summary_point)),
    }
    put_attributes(out, 12, &metric.metadata);
}

fn put_points<P>(out: &mut Vec<u8>, points: &[P], write: impl Fn(&P, &mut Vec<u8>)) {
    for point in points {
        put_message(out, 1, |out| write(point, out));
    }
}

fn number_point(point: &NumberPoint, out: &mut Vec<u8>) {
    put_nonzero_fixed64(out, 2, point.start_time);
    put_nonzero_fixed64(out, 3, point.time);
    put_number(out, 4, 6, point.value);
    put_exemplars(out, 5, &point.exemplars);
    put_attributes(out, 7, &point.attributes);
    put_uint(out, 8, point.flags.into());
}

fn histogram_point(point: &HistogramPoint, out: &mut Vec<u8>) {
    put_nonzero_fixed64(out, 2, point.start_time);
    put_nonzero_fixed64(out, 3, point.time);
    put_nonzero_fixed64(out, 4, point.count);
    put_optional_double(out, 5, point.sum);
    put_packed_fixed64(out, 6, &point.bucket_counts, |count| count);
    put_packed_fixed64(out, 7, &point.explicit_bounds, f64::to_bits);
    put_exemplars(out, 8, &point.exemplars);
    put_attributes(out, 9, &point.attributes);
    put_uint(out, 10, point.flags.into());
    put_optional_double(out, 11, point.min);
    put_optional_double(out, 12, point.max);
}

fn exponential_histogram_point(point: &ExponentialHistogramPoint, out: &mut Vec<u8>) {
    put_attributes(out, 1, &point.attributes);
    put_nonzero_fixed64(out, 2, point.start_time);
    put_nonzero_fixed64(out, 3, point.time);
    put_nonzero_fixed64(out, 4, point.count);
    put_optional_double(out, 5, point.sum);
    put_sint32(out, 6, point.scale);
    put_nonzero_fixed64(out, 7, point.zero_count);
    put_buckets(out, 8, &point.positive);
    put_buckets(out, 9, &point.negative);
    put_uint(out, 10, point.flags.into());
    put_exemplars(out, 11, &point.exemplars);
    put_optional_double(out, 12, point.min);
    put_optional_double(out, 13, point.max);
    put_nonzero_fixed64(out, 14, point.zero_threshold.to_bits());
}

fn summary_point(point: &SummaryPoint, out: &mut Vec<u8>) {
    put_nonzero_fixed64(out, 2, point.start_time);
    put_nonzero_fixed64(out, 3, point.time);
    put_nonzero_fixed64(out, 4, point.count);
    put_nonzero_fixed64(out, 5, point.sum.to_bits());
    for value in &point.quantile_values {
        put_message(out, 6, |out| {
            put_nonzero_fixed64(out, 1, value.quantile.to_bits());
            put_nonzero_fixed64(out, 2, value.value.to_bits());
        });
    }
    put_attributes(out, 7, &point.attributes);
    put_uint(out, 8, point.flags.into());
}

/// Appends the member of the `oneof` that the number asks for, zero or not.
fn put_number(out: &mut Vec<u8>, as_double: u32, as_int: u32, number: Option<Number>) {
    match number {
        Some(Number::F64(value)) => put_fixed64(out, as_double, value.to_bits()),
        Some(Number::I64(value)) => put_fixed64(out, as_int, value as u64),
        None => {}
    }
}

fn put_exemplars(out: &mut Vec<u8>, field: u32, exemplars: &[Exemplar]) {
    for exemplar in exemplars {
        put_message(out, field, |out| {
            put_nonzero_fixed64(out, 2, exemplar.time);
            put_number(out, 3, 6, exemplar.value);
            put_span_id(out, 4, exemplar.span_id.unwrap_or_default());
            put_trace_id(out, 5, exemplar.trace_id.unwrap_or_default());
            put_attributes(out, 7, &exemplar.filtered_attributes);
        });
    }
}

fn put_buckets(out: &mut Vec<u8>, field: u32, buckets: &ExponentialBuckets) {
    if *buckets == ExponentialBuckets::default() {
        return;
    }
    put_message(out, field, |out| {
        put_sint32(out, 1, buckets.offset);
        if !buckets.bucket_counts.is_empty() {
            put_message(out, 2, |out| buckets.bucket_counts.iter().for_each(|count| put_varint(out, *count)));
        }
    });
}

fn put_packed_fixed64<N: Copy>(out: &mut Vec<u8>, field: u32, numbers: &[N], to_bits: impl Fn(N) -> u64) {
    if !numbers.is_empty() {
        put_len(out, field, numbers.len() * 8);
        for number in numbers {
            out.extend_from_slice(&to_bits(*number).to_le_bytes());
        }
    }
}
