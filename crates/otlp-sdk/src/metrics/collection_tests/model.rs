//! Random measurements against a model that keeps a map from attributes to values.

use std::collections::HashMap;

use proptest::prelude::*;

use super::*;

/// An attribute set as a caller might hand it in: in any order, with keys that repeat.
type Given = Vec<(String, i64)>;

#[derive(Debug, Clone)]
enum Step {
    Add(Given, u64),
    AddBound(Given, u64),
    Collect,
}

fn given() -> impl Strategy<Value = Given> {
    prop::collection::vec(("[a-c]", 0i64..3), 0..4)
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => (given(), 0u64..10).prop_map(|(given, value)| Step::Add(given, value)),
        2 => (given(), 0u64..10).prop_map(|(given, value)| Step::AddBound(given, value)),
        1 => Just(Step::Collect),
    ];
    prop::collection::vec(step, 1..60)
}

/// The attributes as [`labels`] shows them.
fn canonical(given: &Given) -> String {
    let sorted: BTreeMap<&str, String> =
        given.iter().map(|(key, value)| (key.as_str(), format!("IntValue({value})"))).collect();
    format!("{sorted:?}")
}

fn by_labels(points: Vec<NumberDataPoint>) -> HashMap<String, i64> {
    let count = points.len();
    let map: HashMap<_, _> = points.iter().map(|point| (labels(&point.attributes), int(point))).collect();
    assert_eq!(map.len(), count, "one point per series");
    map
}

proptest! {
    #[test]
    fn counters_sum_what_was_added_per_attribute_set(steps in steps(), delta: bool) {
        let preference = if delta { TemporalityPreference::Delta } else { TemporalityPreference::Cumulative };
        let rig = Rig::new(preference);
        let counter = rig.provider.meter("").u64_counter("n").init();
        let mut model: HashMap<String, i64> = HashMap::new();
        for step in steps.into_iter().chain([Step::Collect]) {
            match step {
                Step::Add(given, value) => {
                    counter.add(value, given.as_slice());
                    *model.entry(canonical(&given)).or_default() += value as i64;
                }
                Step::AddBound(given, value) => {
                    counter.bind(given.as_slice()).add(value);
                    // Nothing was measured of a series that was only bound.
                    if value > 0 || model.contains_key(&canonical(&given)) {
                        *model.entry(canonical(&given)).or_default() += value as i64;
                    }
                }
                Step::Collect => {
                    if delta {
                        model.retain(|_, value| *value > 0);
                    }
                    prop_assert_eq!(by_labels(rig.collect_numbers()), model.clone());
                    if delta {
                        model.clear();
                    }
                }
            }
        }
    }

    #[test]
    fn histograms_count_as_one_who_counts_by_hand(
        values in prop::collection::vec(prop_oneof![-20.0f64..20.0, prop::sample::select(vec![-1.0, 0.0, 2.5])], 1..80),
        mut bounds in prop::collection::vec(prop_oneof![-20.0f64..20.0, prop::sample::select(vec![-1.0, 0.0, 2.5])], 0..8),
    ) {
        bounds.sort_by(f64::total_cmp);
        bounds.dedup();
        // Zero of either sign is the same bound.
        bounds.dedup_by(|a, b| a == b);
        let rig = Rig::new(TemporalityPreference::Cumulative);
        let histogram = rig.provider.meter("").f64_histogram("h").with_boundaries(bounds.clone()).init();
        values.iter().for_each(|value| histogram.record(*value, &()));

        let point = rig.collect_histograms().remove(0);
        let mut buckets = vec![0; bounds.len() + 1];
        for value in &values {
            buckets[bounds.iter().take_while(|bound| *value > **bound).count()] += 1;
        }
        prop_assert_eq!(point.bucket_counts, buckets);
        prop_assert_eq!(point.explicit_bounds, bounds);
        prop_assert_eq!(point.count as usize, values.len());
        prop_assert_eq!(point.min, values.iter().copied().reduce(f64::min));
        prop_assert_eq!(point.max, values.iter().copied().reduce(f64::max));
        let sum: f64 = values.iter().sum();
        prop_assert_eq!(point.sum, values.iter().all(|value| *value >= 0.0).then_some(sum));
    }

    #[test]
    fn gauges_keep_the_last_value_per_attribute_set(records in prop::collection::vec((given(), any::<i64>()), 1..40)) {
        let rig = Rig::new(TemporalityPreference::Delta);
        let gauge = rig.provider.meter("").i64_gauge("g").init();
        let mut model = HashMap::new();
        for (given, value) in records {
            gauge.record(value, &given);
            model.insert(canonical(&given), value);
        }
        prop_assert_eq!(by_labels(rig.collect_numbers()), model);
    }
}
