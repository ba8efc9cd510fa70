//! Measurements of many threads while collections go on.

use std::{sync::atomic::AtomicBool, thread};

use super::*;

const THREADS: u64 = 4;
const ROUNDS: u64 = 20_000;

/// Runs `work` on several threads and collects with `collect` all the while, and once at the end.
fn while_collecting(work: impl Fn(u64) + Sync, mut collect: impl FnMut()) {
    let working = AtomicBool::new(true);
    thread::scope(|scope| {
        let workers: Vec<_> = (0..THREADS)
            .map(|number| {
                scope.spawn({
                    let work = &work;
                    move || work(number)
                })
            })
            .collect();
        let watcher = scope.spawn(|| {
            workers.into_iter().for_each(|worker| worker.join().unwrap());
            working.store(false, Ordering::Release);
        });
        while working.load(Ordering::Acquire) {
            collect();
        }
        watcher.join().unwrap();
        collect();
    });
}

#[test]
fn delta_collections_neither_lose_nor_repeat_an_addition() {
    let rig = Rig::new(TemporalityPreference::Delta);
    let meter = rig.provider.meter("");
    let (counter, doubles) = (meter.u64_counter("n").init(), meter.f64_counter("d").init());
    let bound = counter.bind(&[("bound", true)]);
    let (mut integers, mut halves) = (0, 0.0);
    while_collecting(
        |_| {
            for round in 0..ROUNDS {
                counter.add(1, &[("round", round % 7), ("shared", 1)]);
                bound.add(1);
                doubles.add(0.5, &());
            }
        },
        || {
            for metric in rig.collect() {
                match &*metric.name {
                    "n" => integers += number_points(metric).iter().map(int).sum::<i64>(),
                    _ => halves += number_points(metric).iter().map(double).sum::<f64>(),
                }
            }
        },
    );
    assert_eq!(integers, (THREADS * ROUNDS * 2) as i64);
    assert_eq!(halves, (THREADS * ROUNDS) as f64 / 2.0);
}

#[test]
fn every_point_of_a_histogram_is_consistent_and_nothing_is_lost() {
    let rig = Rig::new(TemporalityPreference::Delta);
    let histogram = rig.provider.meter("").u64_histogram("h").with_boundaries([1.0, 2.0]).init();
    let (mut count, mut sum) = (0, 0.0);
    while_collecting(
        |number| (0..ROUNDS).for_each(|_| histogram.record(number, &())),
        || {
            for point in rig.collect_histograms() {
                let buckets = &point.bucket_counts;
                assert_eq!(point.count, buckets.iter().sum::<u64>());
                // Two of four values are in the first bucket, 0 and 1, so the sum has one of two for each of them.
                let least = (buckets[1] * 2 + buckets[2] * 3) as f64;
                let point_sum = point.sum.unwrap();
                assert!(least <= point_sum && point_sum <= least + buckets[0] as f64, "{point:?}");
                count += point.count;
                sum += point_sum;
            }
        },
    );
    assert_eq!((count, sum), (THREADS * ROUNDS, (ROUNDS * (1 + 2 + 3)) as f64));
}

#[test]
fn series_that_are_forgotten_under_way_take_no_addition_with_them() {
    let config =
        MetricsConfig { cardinality_limit: 64, temporality: TemporalityPreference::Delta, ..MetricsConfig::default() };
    let rig = Rig::with_config(config);
    let counter = rig.provider.meter("").u64_counter("n").init();
    let mut total = 0;
    while_collecting(
        |number| (0..ROUNDS).for_each(|round| counter.add(1, &[("series", number * ROUNDS + round / 10)])),
        || total += rig.collect_numbers().iter().map(int).sum::<i64>(),
    );
    assert_eq!(total, (THREADS * ROUNDS) as i64);
}

#[test]
fn cumulative_sums_of_many_threads_never_fall_and_end_exact() {
    let rig = Rig::new(TemporalityPreference::Cumulative);
    let counter = rig.provider.meter("").u64_counter("n").init();
    let mut last = 0;
    while_collecting(
        |_| (0..ROUNDS).for_each(|_| counter.add(1, &())),
        || {
            if let Some(now) = rig.collect_numbers().first().map(int) {
                assert!(now >= last);
                last = now;
            }
        },
    );
    assert_eq!(last, (THREADS * ROUNDS) as i64);
}

#[test]
fn instruments_that_threads_register_at_once_are_one() {
    let rig = Rig::new(TemporalityPreference::Cumulative);
    let barrier = std::sync::Barrier::new(THREADS as usize);
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                barrier.wait();
                rig.provider.meter("shop").u64_counter("n").init().add(1, &[("k", "v")]);
            });
        }
    });
    assert_eq!(rig.collect_numbers().iter().map(int).collect::<Vec<_>>(), [THREADS as i64]);
}
