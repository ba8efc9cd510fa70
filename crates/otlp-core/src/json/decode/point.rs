//! Data points and exemplars.

use super::{error::JsonError, object::Object, scalar, value::attributes};
use crate::data::{
    Exemplar, ExponentialBuckets, ExponentialHistogramPoint, HistogramPoint, Number, NumberPoint, QuantileValue,
    SummaryPoint,
};

pub(super) fn number_point(object: &mut Object<'_, '_>) -> Result<NumberPoint, JsonError> {
    Ok(NumberPoint {
        attributes: attributes(object, "attributes")?,
        start_time: object.uint64("startTimeUnixNano")?,
        time: object.uint64("timeUnixNano")?,
        value: number(object)?,
        exemplars: object.objects("exemplars", exemplar)?,
        flags: object.uint32("flags")?,
    })
}

pub(super) fn histogram_point(object: &mut Object<'_, '_>) -> Result<HistogramPoint, JsonError> {
    Ok(HistogramPoint {
        attributes: attributes(object, "attributes")?,
        start_time: object.uint64("startTimeUnixNano")?,
        time: object.uint64("timeUnixNano")?,
        count: object.uint64("count")?,
        sum: object.optional_double("sum")?,
        bucket_counts: object.items("bucketCounts", scalar::uint64)?,
        explicit_bounds: object.items("explicitBounds", scalar::double)?,
        exemplars: object.objects("exemplars", exemplar)?,
        flags: object.uint32("flags")?,
        min: object.optional_double("min")?,
        max: object.optional_double("max")?,
    })
}

pub(super) fn exponential_histogram_point(object: &mut Object<'_, '_>) -> Result<ExponentialHistogramPoint, JsonError> {
    Ok(ExponentialHistogramPoint {
        attributes: attributes(object, "attributes")?,
        start_time: object.uint64("startTimeUnixNano")?,
        time: object.uint64("timeUnixNano")?,
        count: object.uint64("count")?,
        sum: object.optional_double("sum")?,
        scale: object.int32("scale")?,
        zero_count: object.uint64("zeroCount")?,
        positive: object.nested("positive", buckets)?,
        negative: object.nested("negative", buckets)?,
        flags: object.uint32("flags")?,
        exemplars: object.objects("exemplars", exemplar)?,
        min: object.optional_double("min")?,
        max: object.optional_double("max")?,
        zero_threshold: object.double("zeroThreshold")?,
    })
}

pub(super) fn summary_point(object: &mut Object<'_, '_>) -> Result<SummaryPoint, JsonError> {
    Ok(SummaryPoint {
        attributes: attributes(object, "attributes")?,
        start_time: object.uint64("startTimeUnixNano")?,
        time: object.uint64("timeUnixNano")?,
        count: object.uint64("count")?,
        sum: object.double("sum")?,
        quantile_values: object.objects("quantileValues", |object| {
            Ok(QuantileValue { quantile: object.double("quantile")?, value: object.double("value")? })
        })?,
        flags: object.uint32("flags")?,
    })
}

fn exemplar(object: &mut Object<'_, '_>) -> Result<Exemplar, JsonError> {
    Ok(Exemplar {
        filtered_attributes: attributes(object, "filteredAttributes")?,
        time: object.uint64("timeUnixNano")?,
        value: number(object)?,
        span_id: object.valid_span_id("spanId")?,
        trace_id: object.valid_trace_id("traceId")?,
    })
}

fn buckets(object: &mut Object<'_, '_>) -> Result<ExponentialBuckets, JsonError> {
    Ok(ExponentialBuckets {
        offset: object.int32("offset")?,
        bucket_counts: object.items("bucketCounts", scalar::uint64)?,
    })
}

fn number(object: &mut Object<'_, '_>) -> Result<Option<Number>, JsonError> {
    match object.optional("asInt", scalar::int64)? {
        Some(value) => Ok(Some(Number::I64(value))),
        None => Ok(object.optional("asDouble", scalar::double)?.map(Number::F64)),
    }
}
