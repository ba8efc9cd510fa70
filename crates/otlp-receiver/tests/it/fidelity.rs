//! Every field of log records and of all metric types arrives as the official messages carry it.

use opentelemetry_proto::tonic::{
    common::v1::{KeyValue, any_value::Value as Wire},
    logs::v1::LogRecord,
    metrics::v1::{
        Exemplar, ExponentialHistogram, ExponentialHistogramDataPoint, Histogram, HistogramDataPoint, Metric,
        NumberDataPoint, Sum, Summary, SummaryDataPoint, exemplar, exponential_histogram_data_point::Buckets, metric,
        number_data_point, summary_data_point::ValueAtQuantile,
    },
};
use otlp_core::{
    Attributes, Signal, SpanId, TraceId, Value,
    data::{self, MetricPoints, Number, Severity, Temporality},
};
use otlp_receiver::Receiver;

use crate::{client::Client, messages};

fn series() -> Vec<KeyValue> {
    vec![messages::text("series", "a")]
}

fn attributes() -> Attributes {
    vec![otlp_core::KeyValue::new("series", "a")].into()
}

fn example() -> Vec<Exemplar> {
    vec![Exemplar {
        filtered_attributes: series(),
        time_unix_nano: 4,
        value: Some(exemplar::Value::AsDouble(2.5)),
        span_id: vec![8; 8],
        trace_id: vec![16; 16],
    }]
}

fn exemplars() -> Vec<data::Exemplar> {
    vec![data::Exemplar {
        filtered_attributes: attributes(),
        time: 4,
        value: Some(Number::F64(2.5)),
        span_id: Some(SpanId::from_bytes([8; 8])),
        trace_id: Some(TraceId::from_bytes([16; 16])),
    }]
}

fn sum() -> (metric::Data, MetricPoints) {
    let point = NumberDataPoint {
        attributes: series(),
        start_time_unix_nano: 1,
        time_unix_nano: 2,
        exemplars: example(),
        flags: 1,
        value: Some(number_data_point::Value::AsInt(-7)),
    };
    let expected = data::NumberPoint {
        attributes: attributes(),
        start_time: 1,
        time: 2,
        value: Some(Number::I64(-7)),
        exemplars: exemplars(),
        flags: 1,
    };
    (
        metric::Data::Sum(Sum { data_points: vec![point], aggregation_temporality: 1, is_monotonic: true }),
        MetricPoints::Sum { points: vec![expected], temporality: Temporality::Delta, monotonic: true },
    )
}

fn histogram() -> (metric::Data, MetricPoints) {
    let point = HistogramDataPoint {
        attributes: series(),
        start_time_unix_nano: 1,
        time_unix_nano: 2,
        count: 3,
        sum: Some(4.5),
        bucket_counts: vec![1, 2],
        explicit_bounds: vec![0.5],
        exemplars: example(),
        flags: 1,
        min: Some(0.25),
        max: Some(9.0),
    };
    let expected = data::HistogramPoint {
        attributes: attributes(),
        start_time: 1,
        time: 2,
        count: 3,
        sum: Some(4.5),
        bucket_counts: vec![1, 2],
        explicit_bounds: vec![0.5],
        exemplars: exemplars(),
        flags: 1,
        min: Some(0.25),
        max: Some(9.0),
    };
    (
        metric::Data::Histogram(Histogram { data_points: vec![point], aggregation_temporality: 2 }),
        MetricPoints::Histogram { points: vec![expected], temporality: Temporality::Cumulative },
    )
}

fn exponential_histogram() -> (metric::Data, MetricPoints) {
    let point = ExponentialHistogramDataPoint {
        attributes: series(),
        start_time_unix_nano: 1,
        time_unix_nano: 2,
        count: 6,
        sum: Some(-1.5),
        scale: -3,
        zero_count: 1,
        positive: Some(Buckets { offset: -2, bucket_counts: vec![1, 300] }),
        negative: Some(Buckets { offset: 5, bucket_counts: vec![4] }),
        flags: 1,
        exemplars: example(),
        min: Some(-2.0),
        max: Some(3.0),
        zero_threshold: 0.125,
    };
    let expected = data::ExponentialHistogramPoint {
        attributes: attributes(),
        start_time: 1,
        time: 2,
        count: 6,
        sum: Some(-1.5),
        scale: -3,
        zero_count: 1,
        positive: data::ExponentialBuckets { offset: -2, bucket_counts: vec![1, 300] },
        negative: data::ExponentialBuckets { offset: 5, bucket_counts: vec![4] },
        flags: 1,
        exemplars: exemplars(),
        min: Some(-2.0),
        max: Some(3.0),
        zero_threshold: 0.125,
    };
    let data_points = vec![point];
    (
        metric::Data::ExponentialHistogram(ExponentialHistogram { data_points, aggregation_temporality: 1 }),
        MetricPoints::ExponentialHistogram { points: vec![expected], temporality: Temporality::Delta },
    )
}

fn summary() -> (metric::Data, MetricPoints) {
    let point = SummaryDataPoint {
        attributes: series(),
        start_time_unix_nano: 1,
        time_unix_nano: 2,
        count: 3,
        sum: 4.5,
        quantile_values: vec![ValueAtQuantile { quantile: 0.99, value: 7.0 }],
        flags: 1,
    };
    let expected = data::SummaryPoint {
        attributes: attributes(),
        start_time: 1,
        time: 2,
        count: 3,
        sum: 4.5,
        quantile_values: vec![data::QuantileValue { quantile: 0.99, value: 7.0 }],
        flags: 1,
    };
    (metric::Data::Summary(Summary { data_points: vec![point] }), MetricPoints::Summary { points: vec![expected] })
}

#[tokio::test]
async fn every_metric_type_arrives_with_all_its_fields() {
    let receiver = Receiver::builder().start().await.unwrap();
    let mut client = Client::http2(receiver.grpc_address()).await;
    for (data, expected) in [sum(), histogram(), exponential_histogram(), summary()] {
        receiver.store().clear();
        let metric = Metric {
            name: "m".into(),
            description: "what it is".into(),
            unit: "s".into(),
            metadata: series(),
            data: Some(data),
        };
        let reply = client.grpc(Signal::Metrics, messages::metrics(vec![metric])).await.unwrap();
        assert_eq!(reply.grpc_status(), 0);
        let [stored] = &receiver.store().metrics_named("m")[..] else { panic!("{:?}", receiver.store().metrics()) };
        assert_eq!(stored.points, expected);
        let facts = (stored.description.as_str(), stored.unit.as_str(), &stored.metadata);
        assert_eq!(facts, ("what it is", "s", &attributes()));
        assert_eq!(receiver.store().metrics_of_service("checkout").len(), 1);
    }
}

#[tokio::test]
async fn a_log_record_arrives_with_all_its_fields() {
    let receiver = Receiver::builder().start().await.unwrap();
    let mut client = Client::http2(receiver.grpc_address()).await;
    let record = LogRecord {
        time_unix_nano: 1,
        observed_time_unix_nano: 2,
        severity_number: 17,
        severity_text: "ERR".into(),
        body: Some(messages::value(Wire::IntValue(i64::MIN))),
        attributes: series(),
        dropped_attributes_count: 3,
        flags: 1,
        trace_id: vec![16; 16],
        span_id: vec![8; 8],
        event_name: "event".into(),
    };
    let reply = client.grpc(Signal::Logs, messages::logs(vec![record])).await.unwrap();
    assert_eq!(reply.grpc_status(), 0);
    let [log] = &receiver.store().logs_named("event")[..] else { panic!("{:?}", receiver.store().logs()) };
    let expected = data::LogData {
        timestamp: 1,
        observed_timestamp: 2,
        severity: Severity::Error,
        severity_text: "ERR".into(),
        body: Value::I64(i64::MIN),
        attributes: attributes(),
        dropped_attributes_count: 3,
        flags: 1,
        trace_id: Some(TraceId::from_bytes([16; 16])),
        span_id: Some(SpanId::from_bytes([8; 8])),
        event_name: "event".into(),
        resource: log.resource.clone(),
        scope: log.scope.clone(),
    };
    assert_eq!(**log, expected);
    assert_eq!(log.resource.service_name(), Some("checkout"));
    assert_eq!(receiver.store().logs_of_trace(TraceId::from_bytes([16; 16])).len(), 1);
    assert_eq!(receiver.store().logs_of_span(SpanId::from_bytes([8; 8])).len(), 1);
    assert_eq!(receiver.store().logs_of_service("checkout").len(), 1);
}
