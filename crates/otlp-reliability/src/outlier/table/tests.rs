//! The table by example, and its promises for any settings and any order of events.

use proptest::prelude::*;

use super::*;
use crate::{FailurePercentage, SuccessRate, Verdict};

const SECOND: u64 = 1_000_000_000;

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// Rows of three failures eject for 30 s; half of the endpoints at the most.
fn config() -> OutlierDetectorConfig {
    OutlierDetectorConfig::new().with_consecutive_failures(3).with_max_ejection_time(seconds(100))
}

fn table(config: OutlierDetectorConfig, endpoints: u32) -> Table<u32> {
    assert!(config.validate().is_ok(), "{config:?}");
    let mut table = Table::new(config);
    for id in 0..endpoints {
        table.add(id);
    }
    table
}

/// What the board does for one result.
fn record(table: &mut Table<u32>, id: u32, verdict: Verdict, now: u64) {
    let Some(tally) = table.tally(&id).cloned() else { return };
    match verdict {
        Verdict::Success => tally.succeeded(),
        Verdict::Ignore => {}
        Verdict::Failure => {
            let row = tally.failed();
            if table.config().consecutive_failures().is_some_and(|limit| row >= limit) {
                table.failed_in_a_row(&tally, now);
            }
        }
    }
}

fn fail(table: &mut Table<u32>, id: u32, times: u32, now: u64) {
    for _ in 0..times {
        record(table, id, Verdict::Failure, now);
    }
}

fn ejected(table: &Table<u32>) -> Vec<u32> {
    let mut ids: Vec<_> = table.entries.values().filter(|e| e.tally.is_ejected()).map(|e| e.tally.id).collect();
    ids.sort_unstable();
    ids
}

#[test]
fn a_row_of_failures_ejects_and_a_success_breaks_the_row() {
    let mut table = table(config(), 4);
    fail(&mut table, 0, 2, 0);
    record(&mut table, 0, Verdict::Success, 0);
    fail(&mut table, 0, 2, 0);
    record(&mut table, 0, Verdict::Ignore, 0);
    assert_eq!(ejected(&table), [0; 0]);
    fail(&mut table, 0, 1, 0);
    assert_eq!(ejected(&table), [0]);
    assert_eq!(table.take_changes(), [(0, Event::Ejected { duration: seconds(30) })]);
    table.pass_time(30 * SECOND - 1);
    assert_eq!(ejected(&table), [0]);
    assert_eq!(table.next_due(), 30 * SECOND);
    table.pass_time(30 * SECOND);
    assert_eq!(ejected(&table), [0; 0]);
    assert_eq!(table.take_changes(), [(0, Event::Restored)]);
}

#[test]
fn each_ejection_is_longer_than_the_last_up_to_a_limit_and_good_intervals_shorten_it_again() {
    let mut table = table(config(), 2);
    let mut now = 0;
    let eject = |table: &mut Table<u32>, now: &mut u64| {
        fail(table, 0, 3, *now);
        let Some((0, Event::Ejected { duration })) = table.take_changes().pop() else { panic!("not ejected") };
        *now += nanos(duration);
        table.pass_time(*now);
        duration.as_secs()
    };
    let times: Vec<_> = (0..5).map(|_| eject(&mut table, &mut now)).collect();
    assert_eq!(times, [30, 60, 90, 100, 100]);
    // Three intervals in use take back three of the five steps.
    for _ in 0..3 {
        now += 10 * SECOND;
        table.pass_time(now);
    }
    assert_eq!(eject(&mut table, &mut now), 90);
    now += 1_000_000 * SECOND;
    table.pass_time(now);
    assert_eq!(eject(&mut table, &mut now), 30);
}

#[test]
fn jitter_only_lengthens() {
    let jitter = config().with_max_ejection_time(seconds(30)).with_max_ejection_time_jitter(seconds(10));
    let durations: Vec<_> = (0..50)
        .map(|_| {
            let mut table = table(jitter.clone(), 2);
            fail(&mut table, 0, 3, 0);
            match table.take_changes()[..] {
                [(0, Event::Ejected { duration })] => duration,
                _ => panic!("not ejected"),
            }
        })
        .collect();
    assert!(durations.iter().all(|duration| (seconds(30)..=seconds(40)).contains(duration)));
    assert!(durations.iter().any(|duration| *duration != durations[0]));
}

#[test]
fn never_all_are_ejected_and_never_more_than_the_part_that_may_be() {
    for (endpoints, percent, most) in [(1, 100, 0), (2, 100, 1), (2, 50, 1), (3, 50, 1), (10, 25, 2), (9, 10, 0)] {
        let mut table = table(config().with_max_ejection_percent(percent), endpoints);
        for id in 0..endpoints {
            fail(&mut table, id, 3, 0);
        }
        assert_eq!(ejected(&table).len(), most, "{percent} % of {endpoints}");
        assert_eq!(table.snapshot(0).prevented, u64::from(endpoints) - most as u64);
    }
}

#[test]
fn who_leaves_makes_those_come_back_who_would_be_next() {
    let mut table = table(config(), 4);
    fail(&mut table, 0, 3, 0);
    fail(&mut table, 1, 3, SECOND);
    assert_eq!(ejected(&table), [0, 1]);
    table.take_changes();
    assert!(table.remove(&2));
    assert!(!table.remove(&2));
    assert_eq!(ejected(&table), [1]);
    assert_eq!(table.take_changes(), [(0, Event::Restored)]);
    table.reload(config().with_max_ejection_percent(10), SECOND);
    assert_eq!(ejected(&table), [0; 0]);
}

#[test]
fn a_success_rate_far_below_the_others_ejects_at_the_end_of_the_interval() {
    let mut table = table(OutlierDetectorConfig::new().with_consecutive_failures(None), 6);
    for id in 0..6 {
        for call in 0..100 {
            let bad = id == 3 && call % 2 == 0;
            record(&mut table, id, if bad { Verdict::Failure } else { Verdict::Success }, 0);
        }
    }
    table.pass_time(10 * SECOND - 1);
    assert_eq!(ejected(&table), [0; 0]);
    table.pass_time(10 * SECOND);
    assert_eq!(ejected(&table), [3]);
    table.pass_time(40 * SECOND);
    assert_eq!(ejected(&table), [0; 0], "and the counts are of the interval alone");
}

#[test]
fn a_share_of_failures_ejects_the_worst_first() {
    let percentage = FailurePercentage::default().with_threshold(50).with_minimum_calls(10);
    let config = OutlierDetectorConfig::new()
        .with_consecutive_failures(None)
        .with_success_rate(None)
        .with_failure_percentage(percentage)
        .with_max_ejection_percent(20);
    let mut table = table(config, 5);
    for (id, failures) in [(0, 5), (1, 6), (2, 10), (3, 4), (4, 0)] {
        for call in 0..10 {
            record(&mut table, id, if call < failures { Verdict::Failure } else { Verdict::Success }, 0);
        }
    }
    table.pass_time(10 * SECOND);
    assert_eq!(ejected(&table), [2]);
    assert_eq!(table.snapshot(0).prevented, 2);
}

#[derive(Debug, Clone)]
enum Step {
    Record(u32, Verdict),
    Pass(u64),
    Add(u32),
    Remove(u32),
    Reload(u8),
}

fn step() -> impl Strategy<Value = Step> {
    let verdict = prop_oneof![3 => Just(Verdict::Failure), 1 => Just(Verdict::Success), 1 => Just(Verdict::Ignore)];
    prop_oneof![
        20 => (0u32..12, verdict).prop_map(|(id, verdict)| Step::Record(id, verdict)),
        3 => prop_oneof![0..100 * SECOND, Just(u64::MAX)].prop_map(Step::Pass),
        2 => (0u32..12).prop_map(Step::Add),
        2 => (0u32..12).prop_map(Step::Remove),
        1 => (1u8..=100).prop_map(Step::Reload),
    ]
}

fn any_config() -> impl Strategy<Value = OutlierDetectorConfig> {
    let duration = || prop_oneof![Just(Duration::from_nanos(1)), (1u64..100).prop_map(seconds), Just(Duration::MAX)];
    let rate = (2u32..4, 1u64..4, 1e-9f64..3.0).prop_map(|(endpoints, calls, factor)| {
        SuccessRate::default().with_minimum_endpoints(endpoints).with_minimum_calls(calls).with_stdev_factor(factor)
    });
    let share = (1u8..=100, 1u32..4, 1u64..4).prop_map(|(threshold, endpoints, calls)| {
        let share = FailurePercentage::default().with_threshold(threshold);
        share.with_minimum_endpoints(endpoints).with_minimum_calls(calls)
    });
    let tests = (prop::option::of(rate), prop::option::of(share));
    (1u32..4, tests, 1u8..=100, (duration(), duration(), duration(), duration())).prop_map(
        |(row, (rate, share), percent, (interval, base, longest, jitter))| {
            OutlierDetectorConfig::new()
                .with_consecutive_failures(row)
                .with_success_rate(rate)
                .with_failure_percentage(share)
                .with_max_ejection_percent(percent)
                .with_interval(interval)
                .with_base_ejection_time(base)
                .with_max_ejection_time(base.max(longest))
                .with_max_ejection_time_jitter(jitter)
        },
    )
}

proptest! {
    #[test]
    fn any_settings_and_any_events_keep_the_promises(
        config in any_config(),
        steps in prop::collection::vec(step(), 1..200),
    ) {
        let mut table = table(config.clone(), 4);
        let mut now = 0u64;
        let mut percent = config.max_ejection_percent();
        let mut known: std::collections::BTreeSet<u32> = (0..4).collect();
        let mut out = std::collections::BTreeSet::new();
        for step in steps {
            match step {
                Step::Record(id, verdict) => record(&mut table, id, verdict, now),
                Step::Pass(time) => {
                    now = now.saturating_add(time);
                    table.pass_time(now);
                    let late = table.entries.values().any(|e| e.ejected_until.is_some_and(|until| until <= now));
                    prop_assert!(!late || now == u64::MAX, "all come back in time");
                }
                Step::Add(id) => {
                    table.add(id);
                    known.insert(id);
                }
                Step::Remove(id) => {
                    prop_assert_eq!(table.remove(&id), known.remove(&id));
                }
                Step::Reload(other) => {
                    percent = other;
                    table.reload(config.clone().with_max_ejection_percent(percent), now);
                }
            }
            for (id, event) in table.take_changes() {
                // Each endpoint is told of in turn: out, back, out.
                let in_turn = if event == Event::Restored { out.remove(&id) } else { out.insert(id) };
                prop_assert!(in_turn, "{id}: {event:?}");
            }
            let told: Vec<u32> = out.iter().copied().collect();
            prop_assert_eq!(&ejected(&table), &told);
            prop_assert_eq!(table.ejected, told.len());
            prop_assert!(table.entries.values().all(|e| e.ejected_until.is_some() == e.tally.is_ejected()));
            prop_assert!(told.len() * 100 <= known.len() * usize::from(percent));
            prop_assert!(told.is_empty() || told.len() < known.len(), "one is always left");
            prop_assert_eq!(table.entries.len(), known.len());
        }
    }

    #[test]
    fn whoever_is_ejected_comes_back_when_it_is_due(failures in prop::collection::vec(0u32..6, 1..60)) {
        let mut table = table(config(), 6);
        for id in failures {
            fail(&mut table, id, 1, 0);
        }
        let mut now = 0;
        while !ejected(&table).is_empty() {
            let due = table.next_due();
            prop_assert!(due > now, "something is always due later");
            now = due;
            table.pass_time(now);
        }
        prop_assert!(now <= 100 * SECOND);
    }
}
