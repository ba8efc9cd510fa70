//! Splitting of entries: nothing is lost, nothing is twice, and both halves are valid on their own.

use std::sync::Arc;

use bytes::Bytes;
use otlp_core::{
    Signal, TraceId,
    data::{MetricData, MetricPoints, NumberPoint, SpanData, Temporality},
    wire::{decode, encode, split},
};
use proptest::{collection::vec, prelude::ProptestConfig, prop_assert, prop_assert_eq, proptest};

use crate::strategy;

fn entries<R>(records: &[R], encode: impl Fn(&R, &mut Vec<u8>)) -> Bytes {
    let mut entries = Vec::new();
    for record in records {
        let mut content = Vec::new();
        encode(record, &mut content);
        encode::put_bytes(&mut entries, 2, &content);
    }
    entries.into()
}

fn sum(name: &str, points: usize) -> MetricData {
    let points = (0..points as u64).map(|time| NumberPoint { time, ..Default::default() }).collect();
    MetricData {
        name: name.into(),
        unit: "By".into(),
        metadata: vec![otlp_core::KeyValue::new("k", 1)].into(),
        points: MetricPoints::Sum { points, temporality: Temporality::Delta, monotonic: true },
        ..Default::default()
    }
}

fn metrics_of(entries: &[u8]) -> Vec<MetricData> {
    decode::metric_entries(&Arc::default(), &Arc::default(), entries).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn splitting_down_to_single_items_keeps_every_item_in_order(metrics in vec(strategy::metric(), 0..4)) {
        let whole = entries(&metrics, encode::metric);
        let items = split::item_count(Signal::Metrics, &whole).unwrap();
        prop_assert_eq!(items, metrics.iter().map(|metric| metric.point_count() as u64).sum::<u64>());
        let (mut left, mut parts) = (vec![whole], Vec::new());
        while let Some(next) = left.pop() {
            match split::halves(Signal::Metrics, &next).unwrap() {
                Some(halves) => {
                    prop_assert_eq!(split::item_count(Signal::Metrics, &halves.first).unwrap(), halves.first_items);
                    prop_assert_eq!(split::item_count(Signal::Metrics, &halves.second).unwrap(), halves.second_items);
                    left.extend([halves.second, halves.first]);
                }
                None => parts.push(next),
            }
        }
        let parts: Vec<_> = parts.iter().flat_map(|part| metrics_of(part)).collect();
        prop_assert!(parts.iter().all(|metric| metric.point_count() < 2));
        let points = |metrics: &[MetricData]| metrics.iter().map(single_points).collect::<Vec<_>>().concat();
        prop_assert_eq!(points(&parts), points(&metrics));
    }
}

/// Each point with all that is said about it, as text: what must not change when the metric is split.
fn single_points(metric: &MetricData) -> Vec<String> {
    let about = (&metric.name, &metric.description, &metric.unit, &metric.metadata, metric.metric_type());
    let (points, said): (Vec<String>, String) = match &metric.points {
        MetricPoints::Empty => (vec![], String::new()),
        MetricPoints::Gauge { points } => (texts(points), String::new()),
        MetricPoints::Sum { points, temporality, monotonic } => (texts(points), format!("{temporality:?} {monotonic}")),
        MetricPoints::Histogram { points, temporality } => (texts(points), format!("{temporality:?}")),
        MetricPoints::ExponentialHistogram { points, temporality } => (texts(points), format!("{temporality:?}")),
        MetricPoints::Summary { points } => (texts(points), String::new()),
    };
    points.iter().map(|point| format!("{about:?} {said} {point}")).collect()
}

fn texts<P: std::fmt::Debug>(points: &[P]) -> Vec<String> {
    points.iter().map(|point| format!("{point:?}")).collect()
}

#[test]
fn halves_of_spans_share_the_memory_of_the_whole() {
    let spans: Vec<_> = ["1", "2", "3"].map(|name| SpanData { name: name.into(), ..Default::default() }).into();
    let whole = entries(&spans, encode::span);
    let halves = split::halves(Signal::Traces, &whole).unwrap().unwrap();
    assert_eq!((halves.first_items, halves.second_items), (1, 2));
    assert_eq!([halves.first.clone(), halves.second.clone()].concat(), whole);
    assert_eq!(halves.first.as_ptr(), whole.as_ptr());
    assert_eq!(halves.second.as_ptr(), whole[halves.first.len()..].as_ptr());
    assert_eq!(split::halves(Signal::Traces, &halves.first).unwrap(), None);
    assert_eq!(split::halves(Signal::Traces, &Bytes::new()).unwrap(), None);
}

#[test]
fn spans_are_cut_wherever_the_trace_changes() {
    let spans =
        [1, 1, 2, 1, 0].map(|trace| SpanData { trace_id: TraceId::from_bytes([trace; 16]), ..Default::default() });
    let whole = entries(&spans, encode::span);
    let runs = split::trace_runs(&whole).unwrap();
    let found: Vec<_> = runs.iter().map(|run| (run.trace_id.to_bytes()[0], run.items)).collect();
    assert_eq!(found, [(1, 2), (2, 1), (1, 1), (0, 1)]);
    assert_eq!(runs.iter().map(|run| &run.entries[..]).collect::<Vec<_>>().concat(), whole);
    assert_eq!(runs[0].entries.as_ptr(), whole.as_ptr());
    assert_eq!(split::trace_runs(&Bytes::new()).unwrap(), []);
    assert!(split::trace_runs(&whole.slice(..whole.len() - 1)).is_err());
}

#[test]
fn entries_are_cut_in_front_of_the_entry_that_was_asked_for() {
    let whole = entries(&[sum("a", 1), sum("b", 1), sum("c", 1)], encode::metric);
    for (at, names) in [(0, vec![]), (2, vec!["a", "b"]), (3, vec!["a", "b", "c"]), (9, vec!["a", "b", "c"])] {
        let (first, second) = split::entries(&whole, at).unwrap();
        let first_names: Vec<_> = metrics_of(&first).into_iter().map(|metric| metric.name).collect();
        assert_eq!(first_names, names);
        assert_eq!(metrics_of(&second).len(), 3 - names.len());
    }
}

#[test]
fn metrics_are_cut_where_data_points_differ_least() {
    let whole = entries(&[sum("small", 1), sum("large", 10), sum("medium", 4)], encode::metric);
    let halves = split::halves(Signal::Metrics, &whole).unwrap().unwrap();
    assert_eq!((halves.first_items, halves.second_items), (11, 4));
}

#[test]
fn a_single_metric_is_split_by_its_points() {
    let whole = entries(&[sum("m", 5)], encode::metric);
    let halves = split::halves(Signal::Metrics, &whole).unwrap().unwrap();
    assert_eq!((halves.first_items, halves.second_items), (2, 3));
    let (first, second) = (metrics_of(&halves.first), metrics_of(&halves.second));
    assert_eq!((first.len(), second.len()), (1, 1));
    let joined = [single_points(&first[0]), single_points(&second[0])].concat();
    assert_eq!(joined, single_points(&sum("m", 5)));
    assert_eq!(split::halves(Signal::Metrics, &entries(&[sum("m", 1)], encode::metric)).unwrap(), None);
}

#[test]
fn what_is_no_entry_is_refused() {
    assert!(split::halves(Signal::Metrics, &Bytes::from_static(&[0x12, 5, 0])).is_err());
    assert!(split::item_count(Signal::Traces, &[0x10, 1]).is_err());
    assert_eq!(split::metric_point_count(&[0x2a, 4, 0x0a, 0, 0x0a, 0]).unwrap(), 2);
}
