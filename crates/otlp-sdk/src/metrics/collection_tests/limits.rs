//! Cardinality, sizes, and measurements that make no sense.

use super::*;

fn limited(cardinality_limit: usize, temporality: TemporalityPreference) -> Rig {
    Rig::with_config(MetricsConfig { cardinality_limit, temporality, ..MetricsConfig::default() })
}

#[test]
fn series_beyond_the_limit_are_one_and_no_measurement_is_lost() {
    let rig = limited(10, TemporalityPreference::Cumulative);
    let counter = rig.provider.meter("").u64_counter("n").init();
    for number in 0..100u64 {
        counter.add(1, &[("number", number), ("twin", number)]);
    }
    // Known series are found at the limit, in every form.
    counter.add(1, &[("twin", 3u64), ("number", 3)]);
    counter.add(1, &[("number", 99u64), ("twin", 4), ("number", 4)]);
    let points = rig.collect_numbers();
    assert_eq!(points.len(), 10);
    assert_eq!(points.iter().map(int).sum::<i64>(), 102);
    assert_eq!(points[3..5].iter().map(int).collect::<Vec<_>>(), [2, 2]);
    let overflow: Vec<_> = points.iter().filter(|point| is_overflow(&point.attributes)).collect();
    assert_eq!(overflow.iter().map(|point| int(point)).collect::<Vec<_>>(), [91]);
    assert_eq!(*rig.warnings.lock(), [MetricsWarning::CardinalityLimit { name: "n".into(), limit: 10 }]);
}

#[test]
fn a_limit_of_nothing_still_counts() {
    for limit in [0, 1] {
        let rig = limited(limit, TemporalityPreference::Cumulative);
        let histogram = rig.provider.meter("").f64_histogram("h").init();
        histogram.record(1.0, &());
        histogram.record(1.0, &[("k", "v")]);
        let points = rig.collect_histograms();
        assert_eq!((points.len(), points[0].count), (1, 2));
        assert!(is_overflow(&points[0].attributes));
    }
}

#[test]
fn deltas_forget_series_that_came_and_went_but_none_that_is_bound() {
    let rig = limited(20, TemporalityPreference::Delta);
    let meter = rig.provider.meter("");
    let (counter, histogram) = (meter.u64_counter("n").init(), meter.u64_histogram("h").init());
    let (bound_counter, bound_histogram) = (counter.bind(&[("bound", true)]), histogram.bind(&[("bound", true)]));
    for round in 0..50u64 {
        for request in 0..4 {
            counter.add(1, &[("request", round * 4 + request)]);
            histogram.record(1, &[("request", round * 4 + request)]);
        }
        bound_counter.add(1);
        bound_histogram.record(1);
        let metrics = rig.collect();
        let numbers = number_points(metrics[0].clone());
        let distributions = histogram_points(metrics[1].clone());
        assert_eq!((numbers.len(), distributions.len()), (5, 5), "round {round}");
        assert!(numbers.iter().all(|point| int(point) == 1 && !is_overflow(&point.attributes)));
        assert!(distributions.iter().all(|point| point.count == 1 && !is_overflow(&point.attributes)));
    }
}

#[test]
fn many_points_are_cut_into_metrics_of_limited_size() {
    let rig = limited(10_000, TemporalityPreference::Cumulative);
    let meter = rig.provider.meter("");
    let (counter, histogram) = (meter.u64_counter("n").init(), meter.u64_histogram("h").init());
    for number in 0..3_000u64 {
        counter.add(number, &[("number", format!("{number:0>80}"))]);
        histogram.record(number, &[("number", number)]);
    }
    let entries = rig.collect_entries();
    assert!(entries.len() > 4);
    assert!(entries.iter().all(|entry| entry.bytes <= 60 * 1024));
    let of = |name: &str| {
        entries.iter().filter(|entry| entry.metric.name == name).map(|entry| entry.metric.clone()).collect::<Vec<_>>()
    };
    let numbers: Vec<i64> = of("n").into_iter().flat_map(number_points).map(|point| int(&point)).collect();
    assert_eq!(numbers, (0..3_000).collect::<Vec<_>>());
    assert_eq!(of("h").into_iter().flat_map(histogram_points).count(), 3_000);
}

#[test]
fn attributes_too_large_to_deliver_are_counted_as_overflow() {
    let rig = Rig::new(TemporalityPreference::Cumulative);
    let counter = rig.provider.meter("").u64_counter("n").init();
    let large = "x".repeat(10 << 20);
    counter.add(1, &[("large", &*large)]);
    counter.add(1, &(0..1_000_000u32).map(|key| (key.to_string(), key)).collect::<Vec<_>>());
    counter.add(1, &[("small", "x")]);
    let entries = rig.collect_entries();
    assert!(entries.iter().map(|entry| entry.bytes).sum::<usize>() < 1_000);
    let points = rig.collect_numbers();
    let overflow: Vec<i64> = points.iter().filter(|point| is_overflow(&point.attributes)).map(int).collect();
    assert_eq!((points.len(), &*overflow), (2, &[2][..]));
    assert!(
        matches!(&rig.warnings.lock()[..], [MetricsWarning::AttributesTooLarge { bytes, .. }] if *bytes > 10 << 20)
    );
}

#[test]
fn values_that_are_not_finite_or_fall_are_ignored_and_counted() {
    let rig = Rig::new(TemporalityPreference::Cumulative);
    let meter = rig.provider.meter("");
    let (counter, sum) = (meter.f64_counter("counter").init(), meter.f64_up_down_counter("sum").init());
    let (histogram, gauge) = (meter.f64_histogram("histogram").init(), meter.f64_gauge("gauge").init());
    for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        counter.add(value, &());
        sum.bind(&()).add(value);
        histogram.record(value, &());
        gauge.record(value, &());
    }
    counter.add(-1.0, &());
    let negative = |observer: &crate::metrics::Observer<'_, f64>| observer.observe(-1.0, &());
    meter.f64_observable_counter("observed").with_callback(negative).init();
    assert!(rig.collect().is_empty(), "nothing was measured");
    assert_eq!(rig.provider.ignored_measurements(), 14);
    assert_eq!(rig.warnings.lock().len(), 5, "one warning per instrument");

    counter.add(f64::MAX, &());
    counter.add(f64::MAX, &());
    assert_eq!(double(&rig.collect_numbers()[0]), f64::MAX);
}

#[test]
fn a_hook_that_panics_harms_nobody() {
    let hook = WarningHook::new(|_| std::panic::resume_unwind(Box::new("on purpose")));
    let config = MetricsConfig { on_warning: Some(hook), ..MetricsConfig::default() };
    let provider = MeterProvider::with_resource(Arc::default(), Arc::default(), config);
    provider.meter("").f64_counter("not a name").init().add(f64::NAN, &());
    assert_eq!(provider.ignored_measurements(), 1);
}

#[test]
fn series_that_a_thread_uses_stay_exact_beside_overflow_and_repeated_keys() {
    let rig = limited(4, TemporalityPreference::Delta);
    let counter = rig.provider.meter("").u64_counter("n").init();
    for number in 0..5_000u64 {
        counter.add(1, &[("known", 1)]);
        counter.add(1, &[("known", 2), ("known", 1)]);
        counter.add(1, &[("number", number)]);
    }
    let points = rig.collect_numbers();
    assert_eq!(points.iter().map(int).collect::<Vec<_>>(), [10_000, 1, 1, 4_998]);
}
