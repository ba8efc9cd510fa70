//! The forms in which a caller can hand in attributes.

use std::{cell::Cell, collections::HashMap, thread};

use otlp_core::{AttributeSet, Attributes, KeyValue, Value, ValueRef};
use otlp_sdk::metrics::Counter;

use super::{number_points, provider, values};

#[test]
fn every_form_of_the_same_attributes_is_the_same_series() {
    let provider = provider();
    let counter = provider.meter("").u64_counter("n").init();
    let map: HashMap<String, Value> =
        HashMap::from([("method".to_owned(), "GET".into()), ("status".to_owned(), 200.into())]);
    let pairs = [KeyValue::new("method", "GET"), KeyValue::new("status", 200)];
    counter.add(1, &map);
    counter.add(1, &pairs);
    counter.add(1, pairs.as_slice());
    counter.add(1, &pairs.to_vec());
    counter.add(1, &Attributes::from(pairs.to_vec()));
    counter.add(1, &[("status", Value::from(200)), ("method", "GET".into())]);
    counter.bind(&map).add(1);
    assert_eq!(values(&provider), [7.0]);
}

#[test]
fn every_form_of_no_attributes_is_the_same_series() {
    let provider = provider();
    let counter = provider.meter("").f64_up_down_counter("n").init();
    counter.add(1.0, &());
    counter.add(1.0, &[] as &[KeyValue]);
    counter.add(1.0, &HashMap::<String, Value>::new());
    counter.add(1.0, &Attributes::default());
    assert_eq!(values(&provider), [4.0]);
    assert!(number_points(&provider.read()[0])[0].attributes.is_empty());
}

#[test]
fn values_of_different_types_are_different_series() {
    let provider = provider();
    let counter = provider.meter("").u64_counter("n").init();
    for _ in 0..2 {
        counter.add(1, &[("k", "1")]);
        counter.add(1, &[("k", 1)]);
        counter.add(1, &[("k", 1.0)]);
        counter.add(1, &[("k", true)]);
        counter.add(1, &[("k", ["1"])]);
    }
    assert_eq!(values(&provider), [2.0; 5]);
}

#[test]
fn the_same_attributes_of_two_instruments_are_two_series() {
    let provider = provider();
    let meter = provider.meter("");
    let counters = ["a", "b", "c"].map(|name| meter.u64_counter(name).init());
    for _ in 0..10 {
        for (value, counter) in (1..).zip(&counters) {
            counter.add(value, &[("k", "v")]);
        }
    }
    assert_eq!(values(&provider), [10.0, 20.0, 30.0]);
}

#[test]
fn more_series_than_a_thread_remembers_stay_apart() {
    let provider = provider();
    let counter = provider.meter("").u64_counter("n").init();
    for _ in 0..3 {
        for number in 0..1_900 {
            counter.add(number, &[("number", number), ("parity", number % 2)]);
        }
    }
    let expected: Vec<f64> = (0..1_900).map(|number| f64::from(number * 3)).collect();
    assert_eq!(values(&provider), expected);
}

/// Attributes that add a series to their own counter whenever they are read.
struct Recording<'a> {
    counter: &'a Counter<u64>,
    visits: Cell<u64>,
}

impl AttributeSet for Recording<'_> {
    fn count(&self) -> usize {
        1
    }
    fn for_each<F: FnMut(&str, ValueRef<'_>)>(&self, mut visit: F) {
        self.visits.set(self.visits.get() + 1);
        self.counter.add(1, &[("visit", self.visits.get())]);
        visit("outer", ValueRef::Bool(true));
    }
}

#[test]
fn attributes_that_record_metrics_themselves_do_no_harm() {
    let provider = provider();
    let counter = provider.meter("").u64_counter("n").init();
    let attributes = Recording { counter: &counter, visits: Cell::new(0) };
    for _ in 0..5 {
        counter.add(100, &attributes);
        // A thread that remembers nothing has to look into the table.
        thread::scope(|scope| {
            let counter = &counter;
            scope.spawn(move || counter.add(100, &Recording { counter, visits: Cell::new(1_000_000) }));
        });
    }
    let values = values(&provider);
    assert_eq!(values.iter().filter(|value| **value >= 100.0).collect::<Vec<_>>(), [&1_000.0]);
    assert!(values.len() as u64 > attributes.visits.get());
}

/// Records when its thread ends.
struct AtThreadEnd(Counter<u64>);

impl Drop for AtThreadEnd {
    fn drop(&mut self) {
        self.0.add(1, &[("when", "end")]);
    }
}

#[test]
fn metrics_can_be_recorded_while_a_thread_ends() {
    thread_local! {
        static LAST: Cell<Option<AtThreadEnd>> = const { Cell::new(None) };
    }
    let provider = provider();
    let counter = provider.meter("").u64_counter("n").init();
    let of_thread = counter.clone();
    thread::spawn(move || {
        LAST.set(Some(AtThreadEnd(of_thread.clone())));
        of_thread.add(1, &[("when", "end")]);
    })
    .join()
    .unwrap();
    assert_eq!(values(&provider), [2.0]);
}
