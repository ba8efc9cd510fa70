//! Owned telemetry of every shape, as proptest strategies.
//!
//! Only what OTLP can tell apart: an id of zeros is no id, and NaN, which equals nothing, is left to tests of its own.

use std::sync::Arc;

use otlp_core::{
    Attributes, KeyValue, SpanId, TraceId, Value,
    data::{
        Exemplar, ExponentialBuckets, ExponentialHistogramPoint, HistogramPoint, LogData, MetricData, MetricPoints,
        Number, NumberPoint, QuantileValue, Resource, Scope, Severity, SpanData, SpanEvent, SpanKind, SpanLink,
        SpanStatus, StatusCode, SummaryPoint, Temporality,
    },
};
use proptest::{
    collection::vec,
    option,
    prelude::{BoxedStrategy, Just, Strategy, any, prop_oneof},
};

/// Text with escapes, control characters and more than one byte per character.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        1 => Just(String::new()),
        4 => vec(prop_oneof![Just('"'), Just('\\'), Just('\n'), Just('\u{1}'), Just('ü'), Just('語'), Just('\u{1f600}'),
            proptest::char::range('a', 'z')], 0..12).prop_map(|characters| characters.into_iter().collect()),
    ]
}

/// Finite doubles: the official types write the others as `null` in some fields.
fn double() -> impl Strategy<Value = f64> {
    prop_oneof![
        Just(0.0),
        Just(1.5),
        Just(f64::MAX),
        Just(f64::MIN_POSITIVE),
        proptest::num::f64::NORMAL | proptest::num::f64::SUBNORMAL
    ]
}

fn small() -> impl Strategy<Value = u32> {
    prop_oneof![Just(0), any::<u32>()]
}

fn time() -> impl Strategy<Value = u64> {
    prop_oneof![Just(0), Just(u64::MAX), any::<u64>()]
}

fn trace_id() -> impl Strategy<Value = TraceId> {
    any::<[u8; 16]>().prop_map(TraceId::from_bytes)
}

fn span_id() -> impl Strategy<Value = SpanId> {
    any::<[u8; 8]>().prop_map(SpanId::from_bytes)
}

fn valid_trace_id() -> impl Strategy<Value = Option<TraceId>> {
    option::of(trace_id().prop_filter("no id of zeros", |id| id.is_valid()))
}

fn valid_span_id() -> impl Strategy<Value = Option<SpanId>> {
    option::of(span_id().prop_filter("no id of zeros", |id| id.is_valid()))
}

pub(crate) fn value() -> BoxedStrategy<Value> {
    let leaf = prop_oneof![
        Just(Value::Empty),
        text().prop_map(Value::String),
        any::<bool>().prop_map(Value::Bool),
        prop_oneof![Just(0), Just(-1), any::<i64>()].prop_map(Value::I64),
        double().prop_map(Value::F64),
        vec(any::<u8>(), 0..9).prop_map(Value::Bytes),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::Array),
            vec((text(), inner), 0..4).prop_map(|pairs| Value::Map(
                pairs.into_iter().map(|(key, value)| KeyValue::new(key, value)).collect()
            )),
        ]
    })
    .boxed()
}

fn attributes() -> impl Strategy<Value = Attributes> {
    vec((text(), value()), 0..4)
        .prop_map(|pairs| pairs.into_iter().map(|(key, value)| KeyValue::new(key, value)).collect())
}

fn origin() -> impl Strategy<Value = (Arc<Resource>, Arc<Scope>)> {
    let resource = (attributes(), small(), text()).prop_map(|(attributes, dropped_attributes_count, schema_url)| {
        Arc::new(Resource { attributes, dropped_attributes_count, schema_url })
    });
    let scope = (text(), text(), attributes(), small(), text()).prop_map(
        |(name, version, attributes, dropped_attributes_count, schema_url)| {
            Arc::new(Scope { name, version, attributes, dropped_attributes_count, schema_url })
        },
    );
    (resource, scope)
}

fn event() -> impl Strategy<Value = SpanEvent> {
    (time(), text(), attributes(), small()).prop_map(|(time, name, attributes, dropped_attributes_count)| SpanEvent {
        time,
        name,
        attributes,
        dropped_attributes_count,
    })
}

fn link() -> impl Strategy<Value = SpanLink> {
    (trace_id(), span_id(), text(), small(), attributes(), small()).prop_map(
        |(trace_id, span_id, trace_state, flags, attributes, dropped_attributes_count)| SpanLink {
            trace_id,
            span_id,
            trace_state,
            flags,
            attributes,
            dropped_attributes_count,
        },
    )
}

pub(crate) fn span() -> impl Strategy<Value = SpanData> {
    let identity = (trace_id(), span_id(), text(), valid_span_id(), small(), text());
    let course = (0..6, time(), time(), 0..3, text());
    let content = (attributes(), small(), vec(event(), 0..3), small(), vec(link(), 0..3), small());
    (identity, course, content, origin()).prop_map(|(identity, course, content, (resource, scope))| SpanData {
        trace_id: identity.0,
        span_id: identity.1,
        trace_state: identity.2,
        parent_span_id: identity.3,
        flags: identity.4,
        name: identity.5,
        kind: SpanKind::from_number(course.0),
        start_time: course.1,
        end_time: course.2,
        attributes: content.0,
        dropped_attributes_count: content.1,
        events: content.2,
        dropped_events_count: content.3,
        links: content.4,
        dropped_links_count: content.5,
        status: SpanStatus { code: StatusCode::from_number(course.3), message: course.4 },
        resource,
        scope,
    })
}

pub(crate) fn log() -> impl Strategy<Value = LogData> {
    let head = (time(), time(), 0..25, text(), text());
    let content = (value(), attributes(), small());
    (head, content, small(), valid_trace_id(), valid_span_id(), origin()).prop_map(
        |(head, content, flags, trace_id, span_id, (resource, scope))| LogData {
            timestamp: head.0,
            observed_timestamp: head.1,
            severity: Severity::from_number(head.2),
            severity_text: head.3,
            body: content.0,
            attributes: content.1,
            dropped_attributes_count: content.2,
            flags,
            trace_id,
            span_id,
            event_name: head.4,
            resource,
            scope,
        },
    )
}

fn number() -> impl Strategy<Value = Option<Number>> {
    option::of(prop_oneof![
        Just(Number::I64(0)),
        Just(Number::F64(0.0)),
        any::<i64>().prop_map(Number::I64),
        double().prop_map(Number::F64),
    ])
}

fn exemplars() -> impl Strategy<Value = Vec<Exemplar>> {
    let exemplar = (attributes(), time(), number(), valid_span_id(), valid_trace_id()).prop_map(
        |(filtered_attributes, time, value, span_id, trace_id)| Exemplar {
            filtered_attributes,
            time,
            value,
            span_id,
            trace_id,
        },
    );
    vec(exemplar, 0..3)
}

fn number_points() -> impl Strategy<Value = Vec<NumberPoint>> {
    let point = (attributes(), time(), time(), number(), exemplars(), small()).prop_map(
        |(attributes, start_time, time, value, exemplars, flags)| NumberPoint {
            attributes,
            start_time,
            time,
            value,
            exemplars,
            flags,
        },
    );
    vec(point, 0..4)
}

fn histogram_points() -> impl Strategy<Value = Vec<HistogramPoint>> {
    let head = (attributes(), time(), time(), time(), exemplars(), small());
    let content = (vec(any::<u64>(), 0..5), vec(double(), 0..5));
    let optional = (option::of(double()), option::of(double()), option::of(double()));
    let point = (head, content, optional).prop_map(|(head, content, optional)| HistogramPoint {
        attributes: head.0,
        start_time: head.1,
        time: head.2,
        count: head.3,
        sum: optional.0,
        bucket_counts: content.0,
        explicit_bounds: content.1,
        exemplars: head.4,
        flags: head.5,
        min: optional.1,
        max: optional.2,
    });
    vec(point, 0..4)
}

fn buckets() -> impl Strategy<Value = ExponentialBuckets> {
    (any::<i32>(), vec(any::<u64>(), 0..5))
        .prop_map(|(offset, bucket_counts)| ExponentialBuckets { offset, bucket_counts })
}

fn exponential_histogram_points() -> impl Strategy<Value = Vec<ExponentialHistogramPoint>> {
    let head = (attributes(), time(), time(), time(), exemplars(), small());
    let content = (any::<i32>(), time(), buckets(), buckets(), double());
    let optional = (option::of(double()), option::of(double()), option::of(double()));
    let point = (head, content, optional).prop_map(|(head, content, optional)| ExponentialHistogramPoint {
        attributes: head.0,
        start_time: head.1,
        time: head.2,
        count: head.3,
        sum: optional.0,
        scale: content.0,
        zero_count: content.1,
        positive: content.2,
        negative: content.3,
        flags: head.5,
        exemplars: head.4,
        min: optional.1,
        max: optional.2,
        zero_threshold: content.4,
    });
    vec(point, 0..3)
}

fn summary_points() -> impl Strategy<Value = Vec<SummaryPoint>> {
    let quantile = (double(), double()).prop_map(|(quantile, value)| QuantileValue { quantile, value });
    let point = (attributes(), time(), time(), time(), double(), vec(quantile, 0..4), small()).prop_map(
        |(attributes, start_time, time, count, sum, quantile_values, flags)| SummaryPoint {
            attributes,
            start_time,
            time,
            count,
            sum,
            quantile_values,
            flags,
        },
    );
    vec(point, 0..4)
}

fn points() -> impl Strategy<Value = MetricPoints> {
    let temporality = || (0..3).prop_map(Temporality::from_number);
    prop_oneof![
        1 => Just(MetricPoints::Empty),
        3 => number_points().prop_map(|points| MetricPoints::Gauge { points }),
        3 => (number_points(), temporality(), any::<bool>())
            .prop_map(|(points, temporality, monotonic)| MetricPoints::Sum { points, temporality, monotonic }),
        3 => (histogram_points(), temporality())
            .prop_map(|(points, temporality)| MetricPoints::Histogram { points, temporality }),
        3 => (exponential_histogram_points(), temporality())
            .prop_map(|(points, temporality)| MetricPoints::ExponentialHistogram { points, temporality }),
        3 => summary_points().prop_map(|points| MetricPoints::Summary { points }),
    ]
}

pub(crate) fn metric() -> impl Strategy<Value = MetricData> {
    (text(), text(), text(), attributes(), points(), origin()).prop_map(
        |(name, description, unit, metadata, points, (resource, scope))| MetricData {
            name,
            description,
            unit,
            metadata,
            points,
            resource,
            scope,
        },
    )
}
