//! Data points and exemplars.

use super::{
    value::put_attributes,
    writer::{Object, put_double, put_quoted},
};
use crate::{
    decimal::Decimal,
    wire::{
        decode::DecodeError,
        view::{
            ExemplarView, ExponentialBucketsView, ExponentialHistogramPointView, HistogramPointView, NumberPointView,
            SummaryPointView,
        },
    },
};

pub(super) fn put_number_point(object: &mut Object<'_>, point: &NumberPointView<'_>) -> Result<(), DecodeError> {
    put_attributes(object, "attributes", point.attributes)?;
    put_times(object, point.start_time, point.time);
    object.number(point.value);
    object.messages("exemplars", point.exemplars, put_exemplar)?;
    object.uint32("flags", point.flags);
    Ok(())
}

pub(super) fn put_histogram_point(object: &mut Object<'_>, point: &HistogramPointView<'_>) -> Result<(), DecodeError> {
    put_attributes(object, "attributes", point.attributes)?;
    put_times(object, point.start_time, point.time);
    object.uint64("count", point.count);
    object.optional_double("sum", point.sum);
    object.numbers("bucketCounts", point.bucket_counts, put_count)?;
    object.numbers("explicitBounds", point.explicit_bounds, put_double)?;
    object.messages("exemplars", point.exemplars, put_exemplar)?;
    object.uint32("flags", point.flags);
    object.optional_double("min", point.min);
    object.optional_double("max", point.max);
    Ok(())
}

pub(super) fn put_exponential_histogram_point(
    object: &mut Object<'_>,
    point: &ExponentialHistogramPointView<'_>,
) -> Result<(), DecodeError> {
    put_attributes(object, "attributes", point.attributes)?;
    put_times(object, point.start_time, point.time);
    object.uint64("count", point.count);
    object.optional_double("sum", point.sum);
    object.int32("scale", point.scale);
    object.uint64("zeroCount", point.zero_count);
    object.object("positive", |object| put_buckets(object, &point.positive))?;
    object.object("negative", |object| put_buckets(object, &point.negative))?;
    object.uint32("flags", point.flags);
    object.messages("exemplars", point.exemplars, put_exemplar)?;
    object.optional_double("min", point.min);
    object.optional_double("max", point.max);
    object.double("zeroThreshold", point.zero_threshold);
    Ok(())
}

pub(super) fn put_summary_point(object: &mut Object<'_>, point: &SummaryPointView<'_>) -> Result<(), DecodeError> {
    put_attributes(object, "attributes", point.attributes)?;
    put_times(object, point.start_time, point.time);
    object.uint64("count", point.count);
    object.double("sum", point.sum);
    object.messages("quantileValues", point.quantile_values, |object, value| {
        object.double("quantile", value.quantile);
        object.double("value", value.value);
        Ok(())
    })?;
    object.uint32("flags", point.flags);
    Ok(())
}

fn put_exemplar(object: &mut Object<'_>, exemplar: &ExemplarView<'_>) -> Result<(), DecodeError> {
    put_attributes(object, "filteredAttributes", exemplar.filtered_attributes)?;
    object.uint64("timeUnixNano", exemplar.time);
    object.number(exemplar.value);
    object.span_id("spanId", exemplar.span_id.unwrap_or_default());
    object.trace_id("traceId", exemplar.trace_id.unwrap_or_default());
    Ok(())
}

fn put_buckets(object: &mut Object<'_>, buckets: &ExponentialBucketsView<'_>) -> Result<(), DecodeError> {
    object.int32("offset", buckets.offset);
    object.numbers("bucketCounts", buckets.bucket_counts, put_count)
}

fn put_times(object: &mut Object<'_>, start_time: u64, time: u64) {
    object.uint64("startTimeUnixNano", start_time);
    object.uint64("timeUnixNano", time);
}

fn put_count(out: &mut Vec<u8>, count: u64) {
    put_quoted(out, &Decimal::of_u64(count));
}
