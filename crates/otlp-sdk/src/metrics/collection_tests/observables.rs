//! Observable instruments.

use std::sync::atomic::{AtomicI64, AtomicUsize};

use super::*;
use crate::metrics::Meter;

/// A counter whose value the test sets; a negative one is not observed.
fn observed(meter: &Meter) -> Arc<AtomicI64> {
    let source = Arc::new(AtomicI64::new(-1));
    let value = Arc::clone(&source);
    meter
        .u64_observable_counter("ticks")
        .with_callback(move |observer| {
            if let Ok(value) = u64::try_from(value.load(Ordering::Relaxed)) {
                observer.observe(value, &[("source", "test")]);
            }
        })
        .init();
    source
}

#[test]
fn observations_are_reported_as_they_are_when_cumulative() {
    let rig = Rig::new(TemporalityPreference::LowMemory);
    let source = observed(&rig.provider.meter(""));
    let mut starts = Vec::new();
    for value in [5, 5, 9] {
        source.store(value, Ordering::Relaxed);
        let points = rig.collect_numbers();
        assert_eq!(int(&points[0]), value);
        starts.push(points[0].start_time_unix_nano);
    }
    assert!(starts.iter().all(|start| *start == starts[0]));
}

#[test]
fn observations_become_deltas_where_those_are_preferred() {
    let rig = Rig::new(TemporalityPreference::Delta);
    let source = observed(&rig.provider.meter(""));
    let mut last_end = None;
    for (value, delta) in [(5, Some(5)), (5, None), (9, Some(4)), (2, Some(2))] {
        source.store(value, Ordering::Relaxed);
        let points = rig.collect_numbers();
        assert_eq!(points.first().map(int), delta);
        if let Some(point) = points.first() {
            assert!(last_end.is_none_or(|end| end == point.start_time_unix_nano), "one follows the other");
            last_end = Some(point.time_unix_nano);
        }
    }
}

#[test]
fn what_is_not_observed_any_more_is_not_reported() {
    for temporality in [TemporalityPreference::Cumulative, TemporalityPreference::Delta] {
        let rig = Rig::new(temporality);
        let source = observed(&rig.provider.meter(""));
        source.store(5, Ordering::Relaxed);
        assert_eq!(rig.collect_numbers().len(), 1);
        source.store(-1, Ordering::Relaxed);
        assert!(rig.collect().is_empty());
        source.store(6, Ordering::Relaxed);
        let expected = if temporality == TemporalityPreference::Delta { 1 } else { 6 };
        assert_eq!(int(&rig.collect_numbers()[0]), expected);
    }
}

#[test]
fn each_number_and_kind_can_be_observed() {
    let rig = Rig::new(TemporalityPreference::Cumulative);
    let meter = rig.provider.meter("");
    let observe_double =
        |sign: f64| move |observer: &crate::metrics::Observer<'_, f64>| observer.observe(sign * 0.5, &());
    meter.f64_observable_counter("a").with_callback(observe_double(1.0)).init();
    meter.f64_observable_up_down_counter("b").with_callback(observe_double(-1.0)).init();
    meter.f64_observable_gauge("c").with_callback(observe_double(-3.0)).init();
    meter.i64_observable_up_down_counter("d").with_callback(|observer| observer.observe(-4, &())).init();
    meter.i64_observable_gauge("e").with_callback(|observer| observer.observe(-5, &())).init();
    let gauge = meter.u64_observable_gauge("f").with_callback(|observer| observer.observe(6, &())).init();
    assert_eq!(gauge.name(), "f");
    let points = rig.collect_numbers();
    assert_eq!(points[..3].iter().map(double).collect::<Vec<_>>(), [0.5, -0.5, -1.5]);
    assert_eq!(points[3..].iter().map(int).collect::<Vec<_>>(), [-4, -5, 6]);
    assert!(points[2].start_time_unix_nano == 0 && points[3].start_time_unix_nano > 0);
}

#[test]
fn the_last_observation_of_the_same_attributes_counts() {
    let rig = Rig::new(TemporalityPreference::Cumulative);
    let callback = |observer: &crate::metrics::Observer<'_, i64>| {
        observer.observe(1, &[("a", 1), ("b", 2)]);
        observer.observe(2, &[("b", 2), ("a", 1)]);
    };
    rig.provider.meter("").i64_observable_gauge("g").with_callback(callback).init();
    assert_eq!(rig.collect_numbers().iter().map(int).collect::<Vec<_>>(), [2]);
}

#[test]
fn a_callback_that_panics_ends_neither_the_collection_nor_what_it_observed_before() {
    let rig = Rig::new(TemporalityPreference::Cumulative);
    let meter = rig.provider.meter("");
    meter
        .i64_observable_gauge("broken")
        .with_callback(|observer| {
            observer.observe(1, &());
            std::panic::resume_unwind(Box::new("on purpose"));
        })
        .with_callback(|observer| observer.observe(2, &[("second", true)]))
        .init();
    meter.u64_counter("whole").init().add(3, &());
    for _ in 0..2 {
        assert_eq!(rig.collect_numbers().iter().map(int).collect::<Vec<_>>(), [1, 2, 3]);
    }
    let warnings = rig.warnings.lock().clone();
    assert_eq!(warnings, [MetricsWarning::CallbackPanicked { name: "broken".into() }], "warned of once");
}

#[test]
fn a_callback_may_make_instruments_and_record_but_not_collect() {
    let rig = Rig::new(TemporalityPreference::Cumulative);
    let meter = rig.provider.meter("");
    let calls = Arc::new(AtomicUsize::new(0));
    let (provider, inner, count) = (rig.provider.clone(), meter.clone(), Arc::clone(&calls));
    meter
        .u64_observable_gauge("outer")
        .with_callback(move |observer| {
            count.fetch_add(1, Ordering::Relaxed);
            assert!(provider.read().is_empty() && inner.read().is_empty());
            inner.u64_counter("inner").init().add(1, &());
            inner.u64_observable_gauge("outer").with_callback(|_| {}).init();
            observer.observe(1, &());
        })
        .init();
    rig.collect();
    assert_eq!(rig.collect_numbers().iter().map(int).collect::<Vec<_>>(), [1, 2]);
    assert_eq!(calls.load(Ordering::Relaxed), 2);
    assert!(rig.warnings.lock().is_empty());
}

#[test]
fn observed_series_that_come_and_go_do_not_fill_the_table() {
    let rig = Rig::with_config(MetricsConfig { cardinality_limit: 20, ..MetricsConfig::default() });
    let round = Arc::new(AtomicUsize::new(0));
    let now = Arc::clone(&round);
    let callback = move |observer: &crate::metrics::Observer<'_, u64>| {
        for process in 0..5 {
            observer.observe(1, &[("process", now.load(Ordering::Relaxed) * 5 + process)]);
        }
    };
    rig.provider.meter("").u64_observable_gauge("memory").with_callback(callback).init();
    for number in 0..100 {
        round.store(number, Ordering::Relaxed);
        let points = rig.collect_numbers();
        assert_eq!(points.len(), 5);
        assert!(!points.iter().any(|point| is_overflow(&point.attributes)), "round {number}");
    }
}

#[test]
fn sums_beyond_the_limit_are_observed_as_one_sum() {
    let rig = Rig::with_config(MetricsConfig { cardinality_limit: 3, ..MetricsConfig::default() });
    let callback = |observer: &crate::metrics::Observer<'_, u64>| {
        (1..=10).for_each(|value| observer.observe(value, &[("v", value)]))
    };
    rig.provider.meter("").u64_observable_counter("sum").with_callback(callback).init();
    for _ in 0..2 {
        let points = rig.collect_numbers();
        assert_eq!(points.iter().map(int).collect::<Vec<_>>(), [1, 2, 52]);
        assert!(is_overflow(&points[2].attributes));
    }
}
