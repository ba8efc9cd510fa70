//! Owned data as the official message types, written independently of our encoder: what both must agree on.

use opentelemetry_proto::tonic::{
    collector::{
        logs::v1::ExportLogsServiceRequest, metrics::v1::ExportMetricsServiceRequest,
        trace::v1::ExportTraceServiceRequest,
    },
    common::v1::{AnyValue, ArrayValue, InstrumentationScope, KeyValue, KeyValueList, any_value},
    logs::v1::{LogRecord, ResourceLogs, ScopeLogs},
    metrics::v1 as proto,
    resource::v1::Resource,
    trace::v1::{ResourceSpans, ScopeSpans, Span, Status, span},
};
use otlp_core::{
    Attributes, SpanId, TraceId, Value,
    data::{self, LogData, MetricData, MetricPoints, Number, SpanData, SpanStatus},
};

/// A request with a resource and a scope of its own for each span.
pub(crate) fn traces(spans: &[SpanData]) -> ExportTraceServiceRequest {
    let resource_spans = spans.iter().map(|data| ResourceSpans {
        resource: Some(resource(&data.resource)),
        scope_spans: vec![ScopeSpans {
            scope: Some(scope(&data.scope)),
            spans: vec![span(data)],
            schema_url: data.scope.schema_url.clone(),
        }],
        schema_url: data.resource.schema_url.clone(),
    });
    ExportTraceServiceRequest { resource_spans: resource_spans.collect() }
}

/// A request with a resource and a scope of its own for each record.
pub(crate) fn logs(logs: &[LogData]) -> ExportLogsServiceRequest {
    let resource_logs = logs.iter().map(|data| ResourceLogs {
        resource: Some(resource(&data.resource)),
        scope_logs: vec![ScopeLogs {
            scope: Some(scope(&data.scope)),
            log_records: vec![log(data)],
            schema_url: data.scope.schema_url.clone(),
        }],
        schema_url: data.resource.schema_url.clone(),
    });
    ExportLogsServiceRequest { resource_logs: resource_logs.collect() }
}

/// A request with a resource and a scope of its own for each metric.
pub(crate) fn metrics(metrics: &[MetricData]) -> ExportMetricsServiceRequest {
    let resource_metrics = metrics.iter().map(|data| proto::ResourceMetrics {
        resource: Some(resource(&data.resource)),
        scope_metrics: vec![proto::ScopeMetrics {
            scope: Some(scope(&data.scope)),
            metrics: vec![metric(data)],
            schema_url: data.scope.schema_url.clone(),
        }],
        schema_url: data.resource.schema_url.clone(),
    });
    ExportMetricsServiceRequest { resource_metrics: resource_metrics.collect() }
}

fn resource(resource: &data::Resource) -> Resource {
    Resource {
        attributes: attributes(&resource.attributes),
        dropped_attributes_count: resource.dropped_attributes_count,
        entity_refs: Vec::new(),
    }
}

fn scope(scope: &data::Scope) -> InstrumentationScope {
    InstrumentationScope {
        name: scope.name.clone(),
        version: scope.version.clone(),
        attributes: attributes(&scope.attributes),
        dropped_attributes_count: scope.dropped_attributes_count,
    }
}

fn attributes(attributes: &Attributes) -> Vec<KeyValue> {
    pairs(attributes)
}

fn pairs(pairs: &[otlp_core::KeyValue]) -> Vec<KeyValue> {
    let pair = |pair: &otlp_core::KeyValue| KeyValue {
        key: pair.key.to_string(),
        value: Some(value(&pair.value)),
        key_strindex: 0,
    };
    pairs.iter().map(pair).collect()
}

pub(crate) fn value(value: &Value) -> AnyValue {
    let value = match value {
        Value::Empty => None,
        Value::String(value) => Some(any_value::Value::StringValue(value.clone())),
        Value::Bool(value) => Some(any_value::Value::BoolValue(*value)),
        Value::I64(value) => Some(any_value::Value::IntValue(*value)),
        Value::F64(value) => Some(any_value::Value::DoubleValue(*value)),
        Value::Bytes(value) => Some(any_value::Value::BytesValue(value.clone())),
        Value::Array(values) => {
            Some(any_value::Value::ArrayValue(ArrayValue { values: values.iter().map(self::value).collect() }))
        }
        Value::Map(entries) => Some(any_value::Value::KvlistValue(KeyValueList { values: pairs(entries) })),
    };
    AnyValue { value }
}

fn trace_id(id: TraceId) -> Vec<u8> {
    if id.is_valid() { id.to_bytes().to_vec() } else { Vec::new() }
}

fn span_id(id: SpanId) -> Vec<u8> {
    if id.is_valid() { id.to_bytes().to_vec() } else { Vec::new() }
}

fn span(data: &SpanData) -> Span {
    let event = |event: &data::SpanEvent| span::Event {
        time_unix_nano: event.time,
        name: event.name.clone(),
        attributes: attributes(&event.attributes),
        dropped_attributes_count: event.dropped_attributes_count,
    };
    let link = |link: &data::SpanLink| span::Link {
        trace_id: trace_id(link.trace_id),
        span_id: span_id(link.span_id),
        trace_state: link.trace_state.clone(),
        attributes: attributes(&link.attributes),
        dropped_attributes_count: link.dropped_attributes_count,
        flags: link.flags,
    };
    Span {
        trace_id: trace_id(data.trace_id),
        span_id: span_id(data.span_id),
        trace_state: data.trace_state.clone(),
        parent_span_id: span_id(data.parent_span_id.unwrap_or_default()),
        flags: data.flags,
        name: data.name.clone(),
        kind: data.kind as i32,
        start_time_unix_nano: data.start_time,
        end_time_unix_nano: data.end_time,
        attributes: attributes(&data.attributes),
        dropped_attributes_count: data.dropped_attributes_count,
        events: data.events.iter().map(event).collect(),
        dropped_events_count: data.dropped_events_count,
        links: data.links.iter().map(link).collect(),
        dropped_links_count: data.dropped_links_count,
        status: (data.status != SpanStatus::default())
            .then(|| Status { message: data.status.message.clone(), code: data.status.code as i32 }),
    }
}

fn log(data: &LogData) -> LogRecord {
    LogRecord {
        time_unix_nano: data.timestamp,
        observed_time_unix_nano: data.observed_timestamp,
        severity_number: data.severity.number().into(),
        severity_text: data.severity_text.clone(),
        body: (data.body != Value::Empty).then(|| value(&data.body)),
        attributes: attributes(&data.attributes),
        dropped_attributes_count: data.dropped_attributes_count,
        flags: data.flags,
        trace_id: trace_id(data.trace_id.unwrap_or_default()),
        span_id: span_id(data.span_id.unwrap_or_default()),
        event_name: data.event_name.clone(),
    }
}

fn metric(data: &MetricData) -> proto::Metric {
    let data_points = match &data.points {
        MetricPoints::Empty => None,
        MetricPoints::Gauge { points } => {
            Some(proto::metric::Data::Gauge(proto::Gauge { data_points: points.iter().map(number_point).collect() }))
        }
        MetricPoints::Sum { points, temporality, monotonic } => Some(proto::metric::Data::Sum(proto::Sum {
            data_points: points.iter().map(number_point).collect(),
            aggregation_temporality: *temporality as i32,
            is_monotonic: *monotonic,
        })),
        MetricPoints::Histogram { points, temporality } => Some(proto::metric::Data::Histogram(proto::Histogram {
            data_points: points.iter().map(histogram_point).collect(),
            aggregation_temporality: *temporality as i32,
        })),
        MetricPoints::ExponentialHistogram { points, temporality } => {
            Some(proto::metric::Data::ExponentialHistogram(proto::ExponentialHistogram {
                data_points: points.iter().map(exponential_histogram_point).collect(),
                aggregation_temporality: *temporality as i32,
            }))
        }
        MetricPoints::Summary { points } => Some(proto::metric::Data::Summary(proto::Summary {
            data_points: points.iter().map(summary_point).collect(),
        })),
    };
    proto::Metric {
        name: data.name.clone(),
        description: data.description.clone(),
        unit: data.unit.clone(),
        metadata: attributes(&data.metadata),
        data: data_points,
    }
}

fn number_point(point: &data::NumberPoint) -> proto::NumberDataPoint {
    proto::NumberDataPoint {
        attributes: attributes(&point.attributes),
        start_time_unix_nano: point.start_time,
        time_unix_nano: point.time,
        exemplars: point.exemplars.iter().map(exemplar).collect(),
        flags: point.flags,
        value: point.value.map(|value| match value {
            Number::I64(value) => proto::number_data_point::Value::AsInt(value),
            Number::F64(value) => proto::number_data_point::Value::AsDouble(value),
        }),
    }
}

fn histogram_point(point: &data::HistogramPoint) -> proto::HistogramDataPoint {
    proto::HistogramDataPoint {
        attributes: attributes(&point.attributes),
        start_time_unix_nano: point.start_time,
        time_unix_nano: point.time,
        count: point.count,
        sum: point.sum,
        bucket_counts: point.bucket_counts.clone(),
        explicit_bounds: point.explicit_bounds.clone(),
        exemplars: point.exemplars.iter().map(exemplar).collect(),
        flags: point.flags,
        min: point.min,
        max: point.max,
    }
}

fn exponential_histogram_point(point: &data::ExponentialHistogramPoint) -> proto::ExponentialHistogramDataPoint {
    let buckets = |buckets: &data::ExponentialBuckets| {
        Some(proto::exponential_histogram_data_point::Buckets {
            offset: buckets.offset,
            bucket_counts: buckets.bucket_counts.clone(),
        })
    };
    proto::ExponentialHistogramDataPoint {
        attributes: attributes(&point.attributes),
        start_time_unix_nano: point.start_time,
        time_unix_nano: point.time,
        count: point.count,
        sum: point.sum,
        scale: point.scale,
        zero_count: point.zero_count,
        positive: buckets(&point.positive),
        negative: buckets(&point.negative),
        flags: point.flags,
        exemplars: point.exemplars.iter().map(exemplar).collect(),
        min: point.min,
        max: point.max,
        zero_threshold: point.zero_threshold,
    }
}

fn summary_point(point: &data::SummaryPoint) -> proto::SummaryDataPoint {
    let quantile = |value: &data::QuantileValue| proto::summary_data_point::ValueAtQuantile {
        quantile: value.quantile,
        value: value.value,
    };
    proto::SummaryDataPoint {
        attributes: attributes(&point.attributes),
        start_time_unix_nano: point.start_time,
        time_unix_nano: point.time,
        count: point.count,
        sum: point.sum,
        quantile_values: point.quantile_values.iter().map(quantile).collect(),
        flags: point.flags,
    }
}

fn exemplar(exemplar: &data::Exemplar) -> proto::Exemplar {
    proto::Exemplar {
        filtered_attributes: attributes(&exemplar.filtered_attributes),
        time_unix_nano: exemplar.time,
        span_id: span_id(exemplar.span_id.unwrap_or_default()),
        trace_id: trace_id(exemplar.trace_id.unwrap_or_default()),
        value: exemplar.value.map(|value| match value {
            Number::I64(value) => proto::exemplar::Value::AsInt(value),
            Number::F64(value) => proto::exemplar::Value::AsDouble(value),
        }),
    }
}

/// Buckets without anything and no buckets are the same to our data; the official types tell them apart.
pub(crate) fn with_all_buckets(mut request: ExportMetricsServiceRequest) -> ExportMetricsServiceRequest {
    let scopes = request.resource_metrics.iter_mut().flat_map(|group| &mut group.scope_metrics);
    for metric in scopes.flat_map(|group| &mut group.metrics) {
        if let Some(proto::metric::Data::ExponentialHistogram(histogram)) = &mut metric.data {
            for point in &mut histogram.data_points {
                point.positive.get_or_insert_default();
                point.negative.get_or_insert_default();
            }
        }
    }
    request
}
