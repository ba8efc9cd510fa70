//! Types, fields and times on the wire.

use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use otlp_core::Value;

use super::*;
use crate::metrics::Unit;

const CUMULATIVE: i32 = 2;

#[test]
fn a_counter_is_a_monotonic_sum_with_its_name_description_and_unit() {
    let rig = Rig::new(TemporalityPreference::Cumulative);
    let counter = rig.provider.meter("shop").u64_counter("orders").with_description("Orders").with_unit("{order}");
    counter.init().add(3, &[("region", "eu")]);

    let [Collected { scope, metric, .. }] = rig.collect_entries().try_into().ok().unwrap();
    assert_eq!((&*scope, &*metric.name, &*metric.description, &*metric.unit), ("shop", "orders", "Orders", "{order}"));
    let Some(Data::Sum(sum)) = metric.data else { panic!() };
    assert!(sum.is_monotonic);
    assert_eq!(sum.aggregation_temporality, CUMULATIVE);
    let point = &sum.data_points[0];
    assert_eq!((int(point), &*labels(&point.attributes)), (3, r#"{"region": "StringValue(\"eu\")"}"#));
    assert!(point.start_time_unix_nano >= START && point.time_unix_nano >= point.start_time_unix_nano);
}

#[test]
fn an_up_down_counter_is_a_sum_that_is_not_monotonic() {
    let rig = Rig::new(TemporalityPreference::Cumulative);
    let meter = rig.provider.meter("");
    meter.i64_up_down_counter("in.flight").init().add(-2, &());
    meter.f64_up_down_counter("level").init().add(-0.5, &());
    let metrics = rig.collect();
    for metric in &metrics {
        let Some(Data::Sum(sum)) = &metric.data else { panic!() };
        assert!(!sum.is_monotonic);
    }
    let points: Vec<_> = metrics.into_iter().flat_map(number_points).collect();
    assert_eq!((int(&points[0]), double(&points[1])), (-2, -0.5));
}

#[test]
fn a_gauge_has_the_last_value_and_no_start_time() {
    let rig = Rig::new(TemporalityPreference::Delta);
    let meter = rig.provider.meter("");
    let gauge = meter.f64_gauge("ratio").with_unit(Unit::new("1")).init();
    gauge.record(0.25, &());
    gauge.record(0.75, &());
    meter.i64_gauge("degrees").init().record(-3, &());
    meter.u64_gauge("size").init().record(u64::MAX, &());
    for round in 0..2 {
        let metrics = rig.collect();
        assert!(metrics.iter().all(|metric| matches!(metric.data, Some(Data::Gauge(_)))));
        let points: Vec<_> = metrics.into_iter().flat_map(number_points).collect();
        assert_eq!((double(&points[0]), int(&points[1]), int(&points[2])), (0.75, -3, i64::MAX), "round {round}");
        assert!(points.iter().all(|point| point.start_time_unix_nano == 0 && point.time_unix_nano >= START));
    }
}

#[test]
fn a_histogram_has_count_sum_extremes_and_buckets() {
    let rig = Rig::new(TemporalityPreference::Cumulative);
    let meter = rig.provider.meter("");
    let histogram = meter.f64_histogram("seconds").with_unit("s").with_boundaries([0.1, 1.0]).init();
    for value in [0.05, 0.1, 0.5, 7.0] {
        histogram.record(value, &[("ok", true)]);
    }
    let metric = rig.collect().remove(0);
    let Some(Data::Histogram(data)) = &metric.data else { panic!() };
    assert_eq!(data.aggregation_temporality, CUMULATIVE);
    let point = &data.data_points[0];
    assert_eq!((point.count, point.sum, point.min, point.max), (4, Some(7.65), Some(0.05), Some(7.0)));
    assert_eq!((&*point.bucket_counts, &*point.explicit_bounds), (&[2, 1, 1][..], &[0.1, 1.0][..]));
    assert_eq!(labels(&point.attributes), r#"{"ok": "BoolValue(true)"}"#);
    assert!(point.start_time_unix_nano >= START);
}

#[test]
fn the_default_boundaries_are_those_of_the_specification_and_none_is_one_bucket() {
    let rig = Rig::new(TemporalityPreference::Cumulative);
    let meter = rig.provider.meter("");
    meter.u64_histogram("bytes").init().record(10_000, &());
    meter.u64_histogram("all").with_boundaries([]).init().record(4, &());
    let points = rig.collect_histograms();
    assert_eq!(points[0].explicit_bounds, super::super::DEFAULT_BOUNDARIES);
    assert_eq!((points[0].bucket_counts.len(), points[0].bucket_counts[14]), (16, 1));
    assert_eq!((&*points[1].explicit_bounds, &*points[1].bucket_counts), (&[][..], &[1][..]));
}

#[test]
fn negative_values_of_a_histogram_leave_no_sum() {
    let rig = Rig::new(TemporalityPreference::Cumulative);
    let histogram = rig.provider.meter("").f64_histogram("degrees").init();
    histogram.record(-4.0, &());
    let point = rig.collect_histograms().remove(0);
    assert_eq!((point.sum, point.min, point.max, point.count), (None, Some(-4.0), Some(-4.0), 1));
}

#[test]
fn attributes_of_every_type_arrive() {
    let rig = Rig::new(TemporalityPreference::Cumulative);
    let counter = rig.provider.meter("").u64_counter("calls").init();
    let attributes = [
        ("text", Value::from("x")),
        ("flag", Value::from(true)),
        ("number", Value::from(-1)),
        ("double", Value::from(0.5)),
        ("bytes", Value::from(vec![1u8])),
        ("array", Value::from(["a", "b"])),
        ("large", Value::from(u64::MAX)),
        ("none", Value::Empty),
    ];
    counter.add(1, &attributes);
    counter.add(1, &attributes.clone().into_iter().rev().collect::<Vec<_>>());
    let points = rig.collect_numbers();
    assert_eq!((points.len(), int(&points[0])), (1, 2));
    let value = |key: &str| {
        let entry = points[0].attributes.iter().find(|entry| entry.key == key).unwrap();
        format!("{:?}", entry.value.as_ref().unwrap().value)
    };
    assert_eq!(value("flag"), "Some(BoolValue(true))");
    assert_eq!(value("number"), "Some(IntValue(-1))");
    assert_eq!(value("double"), "Some(DoubleValue(0.5))");
    assert_eq!(value("bytes"), "Some(BytesValue([1]))");
    assert_eq!(value("large"), format!("Some(StringValue(\"{}\"))", u64::MAX));
    assert_eq!(value("none"), "None");
    assert!(value("array").contains("StringValue(\"b\")"));
}

#[test]
fn instruments_without_a_measurement_are_left_out() {
    let rig = Rig::new(TemporalityPreference::Cumulative);
    let meter = rig.provider.meter("");
    let _counter = meter.u64_counter("a").init().bind(&[("k", "v")]);
    let _histogram = meter.f64_histogram("b").init().bind(&[("k", "v")]);
    let _gauge = meter.f64_gauge("c").init().bind(&[("k", "v")]);
    let _observable = meter.f64_observable_gauge("d").init();
    assert!(rig.collect_entries().is_empty());
    assert!(rig.provider.read().is_empty());
}

#[test]
fn an_addition_of_zero_makes_a_series_of_zero() {
    let rig = Rig::new(TemporalityPreference::Cumulative);
    rig.provider.meter("").u64_counter("errors").init().add(0, &[("kind", "io")]);
    assert_eq!(rig.collect_numbers().iter().map(int).collect::<Vec<_>>(), [0]);
}

#[test]
fn scopes_report_apart_and_equal_scopes_together() {
    let rig = Rig::new(TemporalityPreference::Cumulative);
    rig.provider.meter("one").u64_counter("n").init().add(1, &());
    rig.provider.meter("one").u64_counter("n").init().add(1, &());
    rig.provider.meter("two").u64_counter("n").init().add(5, &());
    let entries = rig.collect_entries();
    let reported: Vec<(&str, i64)> =
        entries.iter().map(|entry| (&*entry.scope, int(&number_points(entry.metric.clone())[0]))).collect();
    assert_eq!(reported, [("one", 2), ("two", 5)]);
}

#[test]
fn reading_within_the_program_agrees_with_what_is_collected() {
    use otlp_core::data::{MetricPoints, MetricType, Number};
    let rig = Rig::new(TemporalityPreference::Delta);
    let meter = rig.provider.meter("shop");
    meter.u64_counter("orders").with_unit("1").init().add(2, &[("region", "eu")]);
    meter.f64_histogram("seconds").init().record(3.0, &());
    meter.f64_gauge("ratio").init().record(0.5, &());
    for _ in 0..2 {
        let metrics = rig.provider.read();
        let types: Vec<MetricType> = metrics.iter().map(|metric| metric.metric_type()).collect();
        assert_eq!(types, [MetricType::Sum, MetricType::Histogram, MetricType::Gauge]);
        assert_eq!((&*metrics[0].unit, &*metrics[0].scope.name), ("1", "shop"));
        let MetricPoints::Sum { points, .. } = &metrics[0].points else { panic!() };
        assert_eq!(points[0].value, Some(Number::I64(2)), "reading takes nothing");
        assert_eq!(points[0].attributes.get("region").and_then(|value| value.as_str()), Some("eu"));
        let MetricPoints::Histogram { points, .. } = &metrics[1].points else { panic!() };
        assert_eq!((points[0].count, points[0].sum, points[0].bucket_counts[1]), (1, Some(3.0), 1));
        assert_eq!(metrics, meter.read().into_iter().zip(&metrics).map(|(a, b)| same_time(a, b)).collect::<Vec<_>>());
    }
    assert_eq!(rig.collect().len(), 3, "and so everything is collected");
    assert_eq!(rig.provider.read().len(), 1, "only the gauge stays");
}

/// `metric` with the times of `of`.
fn same_time(mut metric: otlp_core::data::MetricData, of: &otlp_core::data::MetricData) -> otlp_core::data::MetricData {
    use otlp_core::data::MetricPoints::{Gauge, Histogram, Sum};
    match (&mut metric.points, &of.points) {
        (Sum { points, .. }, Sum { points: of, .. }) | (Gauge { points }, Gauge { points: of }) => {
            points.iter_mut().zip(of).for_each(|(point, of)| point.time = of.time);
        }
        (Histogram { points, .. }, Histogram { points: of, .. }) => {
            points.iter_mut().zip(of).for_each(|(point, of)| point.time = of.time);
        }
        _ => {}
    }
    metric
}
