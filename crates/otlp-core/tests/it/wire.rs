//! Protobuf: what we write the official types read, what they write our views and owned data read.

use std::sync::Arc;

use opentelemetry_proto::tonic::{
    collector::{
        logs::v1::ExportLogsServiceRequest, metrics::v1::ExportMetricsServiceRequest,
        trace::v1::ExportTraceServiceRequest,
    },
    common::v1::AnyValue,
};
use otlp_core::{
    AttributeValue, KeyValue, Value,
    data::{LogData, MetricData, MetricPoints, Number, NumberPoint, Resource, Scope, SpanData},
    wire::{
        decode::{self, DecodeErrorKind},
        encode,
        view::{self, AnyValueView, HistogramPointView, MetricPointsView, MetricView, MetricsView, SpanView, View},
    },
};
use proptest::{collection::vec, prelude::ProptestConfig, prop_assert_eq, proptest};
use prost::Message;

use crate::{official, strategy};

/// A request of one record each, so that grouping has nothing to join.
fn encoded<R>(records: &[R], encode: impl Fn(&[R], &mut Vec<u8>)) -> Vec<u8> {
    let mut bytes = Vec::new();
    records.chunks(1).for_each(|record| encode(record, &mut bytes));
    bytes
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_official_types_read_what_we_write_of_spans(spans in vec(strategy::span(), 0..4)) {
        let read = ExportTraceServiceRequest::decode(encoded(&spans, encode::spans).as_slice()).unwrap();
        prop_assert_eq!(read, official::traces(&spans));
    }

    #[test]
    fn the_official_types_read_what_we_write_of_logs(logs in vec(strategy::log(), 0..4)) {
        let read = ExportLogsServiceRequest::decode(encoded(&logs, encode::logs).as_slice()).unwrap();
        prop_assert_eq!(read, official::logs(&logs));
    }

    #[test]
    fn the_official_types_read_what_we_write_of_metrics(metrics in vec(strategy::metric(), 0..4)) {
        let read = ExportMetricsServiceRequest::decode(encoded(&metrics, encode::metrics).as_slice()).unwrap();
        prop_assert_eq!(official::with_all_buckets(read), official::metrics(&metrics));
    }

    #[test]
    fn we_read_what_the_official_types_write_of_spans(spans in vec(strategy::span(), 0..4)) {
        prop_assert_eq!(decode::spans(&official::traces(&spans).encode_to_vec()).unwrap(), spans);
    }

    #[test]
    fn we_read_what_the_official_types_write_of_logs(logs in vec(strategy::log(), 0..4)) {
        prop_assert_eq!(decode::logs(&official::logs(&logs).encode_to_vec()).unwrap(), logs);
    }

    #[test]
    fn we_read_what_the_official_types_write_of_metrics(metrics in vec(strategy::metric(), 0..4)) {
        prop_assert_eq!(decode::metrics(&official::metrics(&metrics).encode_to_vec()).unwrap(), metrics);
    }

    #[test]
    fn any_value_reads_the_same_through_all_paths(value in strategy::value()) {
        let mut bytes = Vec::new();
        encode::put_any_value(&mut bytes, value.as_value(), None);
        prop_assert_eq!(bytes.len(), encode::any_value_len(value.as_value(), None));
        prop_assert_eq!(AnyValue::decode(bytes.as_slice()).unwrap(), official::value(&value));
        prop_assert_eq!(AnyValueView::parse(&bytes).unwrap().to_value().unwrap(), value);
    }
}

#[test]
fn records_of_equal_origin_share_one_envelope() {
    let resource = || Arc::new(Resource { schema_url: "r".into(), ..Default::default() });
    let scope = |name: &str| Arc::new(Scope { name: name.into(), ..Default::default() });
    let span = |name: &str, scope: &Arc<Scope>| SpanData {
        name: name.into(),
        scope: scope.clone(),
        resource: resource(),
        ..Default::default()
    };
    let (a, b) = (scope("a"), scope("b"));
    let mut bytes = Vec::new();
    encode::spans(&[span("1", &a), span("2", &b), span("3", &a), span("4", &scope("b"))], &mut bytes);
    let read = ExportTraceServiceRequest::decode(bytes.as_slice()).unwrap();
    assert_eq!(read.resource_spans.len(), 1);
    let names: Vec<Vec<_>> = read.resource_spans[0]
        .scope_spans
        .iter()
        .map(|group| group.spans.iter().map(|span| span.name.as_str()).collect())
        .collect();
    assert_eq!(names, [["1", "3"], ["2", "4"]]);
}

#[test]
fn entries_are_read_without_their_envelope() {
    let mut entries = Vec::new();
    for name in ["first", "second"] {
        let mut content = Vec::new();
        encode::span(&SpanData { name: name.into(), ..Default::default() }, &mut content);
        encode::put_bytes(&mut entries, 2, &content);
    }
    let names: Vec<_> = view::records::<SpanView<'_>>(&entries).iter().map(|span| span.unwrap().name).collect();
    assert_eq!(names, ["first", "second"]);

    let resource = Arc::new(Resource { dropped_attributes_count: 3, ..Default::default() });
    let spans = decode::span_entries(&resource, &Arc::default(), &entries).unwrap();
    assert_eq!(spans.len(), 2);
    assert!(spans.iter().all(|span| Arc::ptr_eq(&span.resource, &resource)));
}

#[test]
fn zero_is_told_from_absent_where_the_schema_does() {
    let points = [None, Some(Number::I64(0)), Some(Number::F64(0.0))];
    let points = points.map(|value| NumberPoint { value, ..Default::default() }).to_vec();
    let metric = MetricData { points: MetricPoints::Gauge { points }, ..Default::default() };
    let mut bytes = Vec::new();
    encode::metrics(std::slice::from_ref(&metric), &mut bytes);
    assert_eq!(decode::metrics(&bytes).unwrap(), [metric]);
}

#[test]
fn unpacked_numbers_read_like_packed_ones() {
    let mut point = Vec::new();
    encode::put_fixed64(&mut point, 6, 3);
    encode::put_fixed64(&mut point, 7, 0.5f64.to_bits());
    encode::put_fixed64(&mut point, 6, 4);
    encode::put_bytes(&mut point, 6, &[5u64.to_le_bytes(), 6u64.to_le_bytes()].concat());
    let view = HistogramPointView::parse(&point).unwrap();
    assert_eq!(view.bucket_counts.to_vec().unwrap(), [3, 4, 5, 6]);
    assert_eq!(view.explicit_bounds.to_vec().unwrap(), [0.5]);

    let mut short = Vec::new();
    encode::put_bytes(&mut short, 6, &[0; 9]);
    let error = HistogramPointView::parse(&short).unwrap().bucket_counts.to_vec().unwrap_err();
    assert_eq!((error.kind(), error.offset()), (DecodeErrorKind::Truncated, 10));
}

#[test]
fn exponential_buckets_read_packed_and_unpacked() {
    let mut buckets = Vec::new();
    encode::put_sint32(&mut buckets, 1, -5);
    encode::put_uint_always(&mut buckets, 2, 300);
    encode::put_bytes(&mut buckets, 2, &[1, 0, 0x80, 1]);
    let mut point = Vec::new();
    encode::put_bytes(&mut point, 8, &buckets);
    let view = view::ExponentialHistogramPointView::parse(&point).unwrap();
    assert_eq!(view.positive.offset, -5);
    assert_eq!(view.positive.bucket_counts.to_vec().unwrap(), [300, 1, 0, 128]);
    assert_eq!(view.negative.bucket_counts.to_vec().unwrap(), [0u64; 0]);
}

#[test]
fn views_skip_what_they_do_not_know_and_keep_repeated_fields_that_stand_apart() {
    let mut span = Vec::new();
    encode::put_key_value(&mut span, 9, "a", 1i32.as_value(), None);
    encode::put_string(&mut span, 5, "name");
    encode::put_bytes(&mut span, 999, b"unknown");
    encode::put_key_value(&mut span, 9, "b", 2i32.as_value(), None);
    let view = SpanView::parse(&span).unwrap();
    assert_eq!(view.attributes.count().unwrap(), 2);
    let keys: Vec<_> = view.attributes.iter().map(|pair| pair.unwrap().key).collect();
    assert_eq!(keys, ["a", "b"]);
    assert!(matches!(view.attributes.get("b").unwrap(), Some(AnyValueView::I64(2))));
    assert!(view.attributes.get("c").unwrap().is_none());
}

#[test]
fn the_offset_of_an_error_counts_from_the_start_of_the_request() {
    let mut bytes = Vec::new();
    encode::spans(&[SpanData { name: "a name".into(), ..Default::default() }], &mut bytes);
    let at = bytes.windows(6).position(|window| window == b"a name").unwrap();
    bytes[at + 2] = 0xff;
    let error = decode::spans(&bytes).unwrap_err();
    assert_eq!((error.kind(), error.offset()), (DecodeErrorKind::InvalidUtf8 { field: 5 }, at - 2));
}

#[test]
fn an_id_of_wrong_length_is_refused() {
    let mut span = Vec::new();
    encode::put_bytes(&mut span, 1, &[1; 15]);
    let error = SpanView::parse(&span).unwrap_err();
    assert_eq!(
        error.to_string(),
        "invalid OTLP protobuf at byte 0: field 1 is a trace id of 16 bytes but has 15 bytes"
    );
}

#[test]
fn the_deepest_value_that_is_written_can_be_read_by_the_official_types_and_by_us() {
    let mut value = Value::from(1);
    for _ in 0..100 {
        value = Value::Map(vec![KeyValue::new("k", value)]);
    }
    let log = LogData { body: value.clone(), attributes: vec![KeyValue::new("a", value)].into(), ..Default::default() };
    let mut bytes = Vec::new();
    encode::logs(&[log], &mut bytes);
    ExportLogsServiceRequest::decode(bytes.as_slice()).unwrap();
    decode::logs(&bytes).unwrap();
}

#[test]
fn a_value_nested_without_end_is_refused() {
    let mut bytes = Vec::new();
    for _ in 0..5000 {
        let mut array = Vec::with_capacity(bytes.len() + 16);
        encode::put_bytes(&mut array, 1, &bytes);
        bytes.clear();
        encode::put_bytes(&mut bytes, 5, &array);
    }
    let error = AnyValueView::parse(&bytes).unwrap().to_value().unwrap_err();
    assert_eq!(error.kind(), DecodeErrorKind::TooDeep);
}

#[test]
fn metric_points_are_counted_without_being_read() {
    let points = vec![NumberPoint::default(); 3];
    let metric = MetricData { name: "m".into(), points: MetricPoints::Gauge { points }, ..Default::default() };
    let mut content = Vec::new();
    encode::metric(&metric, &mut content);
    let view = MetricView::parse(&content).unwrap();
    assert_eq!((view.name, view.point_count().unwrap()), ("m", 3));
    assert!(matches!(view.points, MetricPointsView::Gauge { .. }));
}

#[test]
fn an_empty_request_has_no_records() {
    assert_eq!(MetricsView::parse(&[]).unwrap().resources.count().unwrap(), 0);
    assert_eq!(decode::spans(&[]).unwrap(), []);
}
