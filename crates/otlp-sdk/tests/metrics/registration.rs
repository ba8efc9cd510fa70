//! Names, duplicates, conflicts and boundaries.

use otlp_core::data::{MetricPoints, Scope};
use otlp_sdk::metrics::{DEFAULT_BOUNDARIES, InstrumentKind, MetricsConfig, MetricsWarning, Unit};

use super::{values, warned_provider};

#[test]
fn an_instrument_that_is_registered_twice_is_one_whatever_the_case_of_its_name() {
    let (provider, warnings) = warned_provider(MetricsConfig::default());
    for name in ["Orders", "orders", "ORDERS"] {
        provider.meter("shop").u64_counter(name).with_unit(Unit::new("1")).init().add(1, &());
    }
    let metrics = provider.read();
    assert_eq!((metrics.len(), &*metrics[0].name), (1, "Orders"), "the first spelling stays");
    assert_eq!(values(&provider), [3.0]);
    assert!(warnings.lock().is_empty());
}

#[test]
fn instruments_that_conflict_both_report_and_are_warned_of() {
    let (provider, warnings) = warned_provider(MetricsConfig::default());
    let meter = provider.meter("shop");
    meter.u64_counter("n").init().add(1, &());
    meter.u64_counter("n").with_unit("s").init().add(2, &());
    meter.u64_counter("n").with_description("N").init().add(3, &());
    meter.f64_counter("n").init().add(4.0, &());
    meter.f64_gauge("n").init().record(5.0, &());
    assert_eq!(values(&provider), [1.0, 2.0, 3.0, 4.0, 5.0]);
    let warnings = warnings.lock();
    assert_eq!(warnings.len(), 4);
    let (kind, existing) = (InstrumentKind::Gauge, InstrumentKind::Counter);
    assert_eq!(warnings[3], MetricsWarning::ConflictingInstrument { name: "n".into(), kind, existing });
    assert!(warnings[3].to_string().contains("n") && warnings[3].to_string().contains("gauge"));
}

#[test]
fn the_same_name_in_another_scope_is_no_conflict() {
    let (provider, warnings) = warned_provider(MetricsConfig::default());
    provider.meter("a").u64_counter("n").init().add(1, &());
    provider.meter("b").f64_gauge("n").init().record(2.0, &());
    let versioned = Scope { name: "a".into(), version: "2".into(), ..Scope::default() };
    provider.meter_with_scope(versioned).u64_counter("n").init().add(3, &());
    assert_eq!(values(&provider), [1.0, 2.0, 3.0]);
    assert!(warnings.lock().is_empty());
}

#[test]
fn a_name_that_is_not_valid_is_warned_of_and_used() {
    let (provider, warnings) = warned_provider(MetricsConfig::default());
    let long = "n".repeat(256);
    for name in ["", "2nd", "with space", &long] {
        provider.meter("").u64_counter(name).init().add(1, &());
        provider.meter("").u64_counter(name).init().add(1, &());
    }
    assert_eq!(values(&provider), [2.0; 4]);
    let warnings = warnings.lock();
    assert_eq!(warnings.len(), 4, "once each");
    assert_eq!(warnings[1], MetricsWarning::InvalidName { name: "2nd".into() });
}

#[test]
fn boundaries_that_make_no_sense_are_warned_of_and_replaced_by_the_defaults() {
    let (provider, warnings) = warned_provider(MetricsConfig::default());
    let meter = provider.meter("");
    let bad = [vec![2.0, 1.0], vec![1.0, 1.0], vec![f64::NAN], vec![1.0, f64::INFINITY]];
    for (index, boundaries) in bad.iter().enumerate() {
        meter.f64_histogram(format!("h{index}")).with_boundaries(boundaries.clone()).init().record(1.0, &());
    }
    for metric in provider.read() {
        let MetricPoints::Histogram { points, .. } = &metric.points else { panic!() };
        assert_eq!(points[0].explicit_bounds, DEFAULT_BOUNDARIES);
    }
    assert_eq!(warnings.lock().len(), bad.len());
}

#[test]
fn default_boundaries_come_from_the_configuration_if_they_make_sense() {
    let bounds = |histogram_boundaries: Vec<f64>| {
        let (provider, warnings) = warned_provider(MetricsConfig { histogram_boundaries, ..MetricsConfig::default() });
        provider.meter("").f64_histogram("h").init().record(1.0, &());
        let MetricPoints::Histogram { points, .. } = &provider.read()[0].points else { panic!() };
        (points[0].explicit_bounds.clone(), warnings.lock().len())
    };
    assert_eq!(bounds(vec![1.0, 2.0]), (vec![1.0, 2.0], 0));
    assert_eq!(bounds(vec![2.0, 1.0]), (DEFAULT_BOUNDARIES.to_vec(), 1));
}
