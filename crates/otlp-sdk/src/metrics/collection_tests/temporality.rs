//! Start times, deltas, and what stays between collections.

use super::*;

#[test]
fn cumulative_points_keep_their_start_and_their_sum() {
    let rig = Rig::new(TemporalityPreference::Cumulative);
    let meter = rig.provider.meter("");
    let (counter, histogram) = (meter.u64_counter("n").init(), meter.f64_histogram("h").init());
    let mut starts = Vec::new();
    for round in 1..4 {
        rig.set_wall(round * 10);
        counter.add(1, &());
        histogram.record(2.0, &());
        let metrics = rig.collect();
        let (number, distribution) =
            (number_points(metrics[0].clone()).remove(0), histogram_points(metrics[1].clone()).remove(0));
        assert_eq!((int(&number), distribution.count), (round as i64, round));
        assert_eq!(distribution.sum, Some(round as f64 * 2.0));
        assert!(number.time_unix_nano >= START + round * 10 * SECOND);
        starts.push((number.start_time_unix_nano, distribution.start_time_unix_nano));
    }
    assert!(starts.iter().all(|start| *start == starts[0]));
}

#[test]
fn an_unchanged_cumulative_series_is_reported_again() {
    let rig = Rig::new(TemporalityPreference::Cumulative);
    rig.provider.meter("").u64_counter("n").init().add(4, &());
    for _ in 0..3 {
        assert_eq!(rig.collect_numbers().iter().map(int).collect::<Vec<_>>(), [4]);
    }
}

#[test]
fn deltas_follow_each_other_without_a_gap_and_report_only_what_changed() {
    let rig = Rig::new(TemporalityPreference::Delta);
    let counter = rig.provider.meter("").u64_counter("n").init();
    counter.add(5, &[("k", "a")]);
    counter.add(6, &[("k", "b")]);
    rig.set_wall(10);
    let first = rig.collect_numbers();
    assert_eq!(first.iter().map(int).collect::<Vec<_>>(), [5, 6]);

    counter.add(1, &[("k", "b")]);
    rig.set_wall(20);
    let second = rig.collect_numbers();
    assert_eq!(second.iter().map(int).collect::<Vec<_>>(), [1]);
    assert_eq!(second[0].start_time_unix_nano, first[0].time_unix_nano);

    rig.set_wall(30);
    assert!(rig.collect().is_empty(), "nothing changed");
    counter.add(2, &[("k", "a")]);
    rig.set_wall(40);
    let last = rig.collect_numbers();
    assert_eq!(int(&last[0]), 2);
    assert!(last[0].start_time_unix_nano >= START + 30 * SECOND, "starts where the empty interval ended");
}

#[test]
fn histograms_of_deltas_start_again_with_all_that_they_have() {
    let rig = Rig::new(TemporalityPreference::LowMemory);
    let histogram = rig.provider.meter("").u64_histogram("h").init();
    histogram.record(100, &());
    rig.collect();
    histogram.record(7, &());
    let points = rig.collect_histograms();
    assert_eq!((points[0].count, points[0].sum, points[0].min, points[0].max), (1, Some(7.0), Some(7.0), Some(7.0)));
    assert!(rig.collect().is_empty());
}

#[test]
fn up_down_counters_are_cumulative_even_where_deltas_are_preferred() {
    let rig = Rig::new(TemporalityPreference::Delta);
    let counter = rig.provider.meter("").i64_up_down_counter("n").init();
    counter.add(3, &());
    assert_eq!(int(&rig.collect_numbers()[0]), 3);
    counter.add(-3, &());
    assert_eq!(int(&rig.collect_numbers()[0]), 0, "zero, and still reported");
}

#[test]
fn deltas_of_doubles_are_exact_however_large_the_total() {
    let rig = Rig::new(TemporalityPreference::Delta);
    let counter = rig.provider.meter("").f64_counter("n").init();
    counter.add(1e17, &());
    rig.collect();
    counter.add(0.5, &());
    assert_eq!(double(&rig.collect_numbers()[0]), 0.5);
}

#[test]
fn a_wall_clock_that_is_set_back_makes_no_interval_negative() {
    for temporality in [TemporalityPreference::Cumulative, TemporalityPreference::Delta] {
        let rig = Rig::new(temporality);
        rig.set_wall(1_000);
        let counter = rig.provider.meter("").u64_counter("n").init();
        for seconds in [2_000, 5, 6] {
            rig.set_wall(seconds);
            counter.add(1, &());
            for point in rig.collect_numbers() {
                assert!(point.start_time_unix_nano <= point.time_unix_nano);
            }
        }
    }
}

#[test]
fn a_bound_counter_and_its_counter_share_a_series() {
    let rig = Rig::new(TemporalityPreference::Delta);
    let counter = rig.provider.meter("").u64_counter("n").init();
    let bound = counter.bind(&[("a", 1), ("b", 2)]);
    bound.add(1);
    counter.add(2, &[("b", 2), ("a", 1)]);
    assert_eq!(rig.collect_numbers().iter().map(int).collect::<Vec<_>>(), [3]);
    bound.clone().add(5);
    assert_eq!(rig.collect_numbers().iter().map(int).collect::<Vec<_>>(), [5]);
}
