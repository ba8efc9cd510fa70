//! [`SeriesTable`]: the series of one instrument, in order of creation, found by hash and comparison.
//!
//! Open addressing over a vector of positions. The vector of series keeps its order, so a collection can go through it
//! in pieces and let writers in between.

use std::sync::Arc;

use super::Series;

/// The series of one instrument.
#[derive(Default)]
pub(in crate::metrics) struct SeriesTable {
    series: Vec<Arc<Series>>,
    /// Hash and position plus one of a series, or a vacant slot with position zero. A power of two many, at least half
    /// of them vacant.
    slots: Vec<Slot>,
}

#[derive(Clone, Copy, Default)]
struct Slot {
    hash: u64,
    position: u32,
}

impl SeriesTable {
    /// How many series there are.
    pub(in crate::metrics) fn len(&self) -> usize {
        self.series.len()
    }

    /// Up to `count` series, from the position `start` on.
    pub(in crate::metrics) fn piece(&self, start: usize, count: usize) -> &[Arc<Series>] {
        let end = self.series.len().min(start + count);
        self.series.get(start..end).unwrap_or_default()
    }

    /// The first series with this hash for which `is_it` is true.
    pub(in crate::metrics) fn find(&self, hash: u64, mut is_it: impl FnMut(&Series) -> bool) -> Option<&Arc<Series>> {
        let mask = self.slots.len().checked_sub(1)?;
        let mut index = hash as usize & mask;
        loop {
            let slot = self.slots[index];
            let series = self.series.get((slot.position as usize).checked_sub(1)?)?;
            if slot.hash == hash && is_it(series) {
                return Some(series);
            }
            index = (index + 1) & mask;
        }
    }

    /// Adds a series that is not there yet.
    pub(in crate::metrics) fn insert(&mut self, series: Arc<Series>) {
        let hash = series.hash;
        self.series.push(series);
        if self.series.len() * 2 > self.slots.len() {
            self.rebuild();
        } else {
            occupy(&mut self.slots, hash, self.series.len());
        }
    }

    /// Removes the series that nobody else holds and that `is_idle` says may go.
    pub(in crate::metrics) fn remove_unheld(&mut self, is_idle: impl Fn(&Series) -> bool) {
        let before = self.series.len();
        // Exclusive access proves that no thread is about to update the series; only then its value says something.
        self.series.retain_mut(|series| Arc::get_mut(series).is_none_or(|series| !is_idle(series)));
        if self.series.len() < before {
            self.rebuild();
        }
    }

    fn rebuild(&mut self) {
        let count = (self.series.len() * 4).next_power_of_two().max(8);
        self.slots.clear();
        self.slots.resize(count, Slot::default());
        for (index, series) in self.series.iter().enumerate() {
            occupy(&mut self.slots, series.hash, index + 1);
        }
    }
}

fn occupy(slots: &mut [Slot], hash: u64, position: usize) {
    let mask = slots.len() - 1;
    let mut index = hash as usize & mask;
    while slots[index].position != 0 {
        index = (index + 1) & mask;
    }
    slots[index] = Slot { hash, position: position as u32 };
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::{
        aggregation::{Aggregate, Sum},
        series::{Identity, distinct},
    };

    fn series(hash: u64, name: &str) -> Arc<Series> {
        let identity = Identity::new(&distinct(&[("name", name)]), 7);
        Arc::new(Series { instrument: 1, hash, identity, aggregate: Aggregate::Sum(Sum::default()) })
    }

    fn find<'a>(table: &'a SeriesTable, hash: u64, name: &str) -> Option<&'a Arc<Series>> {
        table.find(hash, |series| series.identity.matches(&[("name", name)]))
    }

    #[test]
    fn series_with_the_same_hash_stay_apart() {
        let mut table = SeriesTable::default();
        let names: Vec<String> = (0..100).map(|number| number.to_string()).collect();
        for name in &names {
            assert!(find(&table, 42, name).is_none());
            table.insert(series(42, name));
        }
        for name in &names {
            assert!(find(&table, 42, name).is_some_and(|found| found.identity.matches(&[("name", name)])));
        }
        assert!(find(&table, 42, "other").is_none());
        assert!(find(&table, 43, "1").is_none());
    }

    #[test]
    fn what_somebody_holds_is_not_removed_and_the_rest_is_still_found() {
        let mut table = SeriesTable::default();
        for number in 0..100u64 {
            table.insert(series(number % 7, &number.to_string()));
        }
        let held = Arc::clone(find(&table, 3, "3").unwrap());
        table.remove_unheld(|series| series.hash == 3);
        for number in 0..100u64 {
            let is_there = find(&table, number % 7, &number.to_string()).is_some();
            assert_eq!(is_there, number % 7 != 3 || number == 3, "{number}");
        }
        drop(held);
        table.remove_unheld(|series| series.hash == 3);
        assert!(find(&table, 3, "3").is_none());
        let all: usize = (0..10).map(|piece| table.piece(piece * 10, 10).len()).sum();
        assert_eq!(all, table.len());
    }
}
