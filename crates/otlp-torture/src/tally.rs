//! What arrived, counted by item; and which arrivals cannot be explained.
//!
//! A second arrival has an explanation if the process that sent the first was killed before its acknowledgement was on
//! the disk, or if an answer was lost on the way. It has none within one process whose answers all came back, and none
//! after a process said at its end that nothing was pending any more.

use std::collections::{BTreeMap, HashMap, HashSet};

use crate::{
    backend::Arrival,
    item::{Item, PRODUCERS},
};

/// At most so many of what is wrong are kept to be shown.
const SHOWN: usize = 10;

/// Everything that arrived.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// How often each item arrived, by run, thread and number.
    arrivals: BTreeMap<u32, [Vec<u8>; PRODUCERS.len()]>,
    /// The largest value of the counter, by run.
    counts: BTreeMap<u32, u64>,
    /// Arrivals of items that had arrived before.
    pub(crate) duplicates: Duplicates,
    /// Items whose first answer may have been lost.
    doubtful: HashSet<Item>,
    /// Items that are not of this round, or not as they were made.
    pub(crate) strange: Sample,
    /// Arrivals that have no explanation.
    pub(crate) unexplained: Sample,
}

/// Arrivals of items that had arrived before, by why.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Duplicates {
    /// The answer to an earlier one may have been lost on the way.
    pub(crate) answers_lost: u64,
    /// The process that sent the earlier one was killed before it had noted the answer.
    pub(crate) killed: u64,
    /// The most of these from one process.
    pub(crate) most_killed: u64,
}

impl Duplicates {
    /// Adds another round's.
    pub(crate) fn add(&mut self, other: Duplicates) {
        self.answers_lost += other.answers_lost;
        self.killed += other.killed;
        self.most_killed = self.most_killed.max(other.most_killed);
    }
}

/// How many there were, and the first few.
#[derive(Debug, Default)]
pub(crate) struct Sample {
    pub(crate) count: u64,
    pub(crate) shown: Vec<String>,
}

impl Sample {
    pub(crate) fn add(&mut self, what: impl FnOnce() -> String) {
        self.count += 1;
        if self.shown.len() < SHOWN {
            self.shown.push(what());
        }
    }
}

/// How second arrivals in what one process sent can be explained.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Explanation {
    /// So many answers were lost; without a number, nobody knows how many.
    pub(crate) answers_lost: Option<u64>,
    /// Items of runs below this were settled for good.
    pub(crate) settled_below: u32,
}

impl Tally {
    /// Counts what one process sent.
    pub(crate) fn add(&mut self, sent_by: u32, arrivals: Vec<Arrival>, explanation: Explanation) {
        let mut by_this: HashMap<Item, u32> = HashMap::new();
        let before = self.duplicates.killed;
        let mut answers_lost = explanation.answers_lost;
        for arrival in arrivals {
            let item = match arrival {
                Arrival::Item(item, _) if usize::from(item.producer) < PRODUCERS.len() => item,
                Arrival::Item(item, _) => {
                    self.strange.add(|| item.to_string());
                    continue;
                }
                Arrival::Count(run, value) => {
                    let largest = self.counts.entry(run).or_default();
                    *largest = value.max(*largest);
                    continue;
                }
                Arrival::Strange(what) => {
                    self.strange.add(|| what);
                    continue;
                }
            };
            let times = self.times(item);
            let is_first = *times == 0;
            *times = times.saturating_add(1);
            let from_this = by_this.entry(item).or_default();
            *from_this += 1;
            let from_this = *from_this;
            let is_doubtful = if explanation.answers_lost == Some(0) {
                self.doubtful.contains(&item)
            } else {
                !self.doubtful.insert(item)
            };
            if is_first {
                continue;
            }
            if is_doubtful || from_this > 1 {
                self.duplicates.answers_lost += 1;
            } else {
                self.duplicates.killed += 1;
            }
            if from_this > 1 {
                match &mut answers_lost {
                    None => {}
                    Some(0) => self.unexplained.add(|| format!("{item}: {from_this} times from run {sent_by}")),
                    Some(left) => *left -= 1,
                }
            } else if item.run < explanation.settled_below {
                self.unexplained.add(|| format!("{item}: again from run {sent_by}, after nothing was pending"));
            }
        }
        self.duplicates.most_killed = self.duplicates.most_killed.max(self.duplicates.killed - before);
    }

    fn times(&mut self, item: Item) -> &mut u8 {
        let numbers = &mut self.arrivals.entry(item.run).or_default()[usize::from(item.producer)];
        let index = item.number as usize;
        if numbers.len() <= index {
            numbers.resize(index + 1, 0);
        }
        &mut numbers[index]
    }

    /// How often an item arrived.
    pub(crate) fn arrived(&self, item: Item) -> u8 {
        let numbers = self.arrivals.get(&item.run).map(|threads| &threads[usize::from(item.producer)]);
        numbers.and_then(|numbers| numbers.get(item.number as usize)).copied().unwrap_or(0)
    }

    /// The largest value of the counter that arrived of a run.
    pub(crate) fn largest_count(&self, run: u32) -> u64 {
        self.counts.get(&run).copied().unwrap_or(0)
    }

    /// The highest number of a run's thread that arrived, and one more.
    pub(crate) fn end(&self, run: u32, producer: usize) -> u32 {
        self.arrivals.get(&run).map_or(0, |threads| threads[producer].len() as u32)
    }

    /// Runs of which anything arrived.
    pub(crate) fn runs(&self) -> impl Iterator<Item = u32> + '_ {
        self.arrivals.keys().chain(self.counts.keys()).copied()
    }

    /// How many different spans and log records arrived.
    pub(crate) fn items(&self) -> u64 {
        let numbers = self.arrivals.values().flatten().flatten();
        numbers.filter(|times| **times > 0).count() as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ITEM: Item = Item { run: 0, producer: 1, number: 3 };

    fn explained(answers_lost: Option<u64>, settled_below: u32) -> Explanation {
        Explanation { answers_lost, settled_below }
    }

    #[test]
    fn a_second_arrival_after_a_kill_is_a_duplicate_and_nothing_worse() {
        let mut tally = Tally::default();
        tally.add(0, vec![Arrival::Item(ITEM, 0)], explained(Some(0), 0));
        tally.add(1, vec![Arrival::Item(ITEM, 0)], explained(Some(0), 0));
        let expected = Duplicates { answers_lost: 0, killed: 1, most_killed: 1 };
        assert_eq!((tally.duplicates, tally.unexplained.count, tally.arrived(ITEM)), (expected, 0, 2));
        assert_eq!((tally.items(), tally.end(0, 1), tally.end(0, 0)), (1, 4, 0));
    }

    #[test]
    fn a_second_arrival_after_a_lost_answer_is_not_blamed_on_the_kill() {
        let mut tally = Tally::default();
        tally.add(0, vec![Arrival::Item(ITEM, 0)], explained(None, 0));
        tally.add(1, vec![Arrival::Item(ITEM, 0)], explained(Some(0), 0));
        assert_eq!(tally.duplicates, Duplicates { answers_lost: 1, killed: 0, most_killed: 0 });
    }

    #[test]
    fn a_second_arrival_from_one_process_needs_a_lost_answer() {
        for (lost, unexplained) in [(Some(0), 2), (Some(1), 1), (None, 0)] {
            let mut tally = Tally::default();
            tally.add(0, vec![Arrival::Item(ITEM, 0); 3], explained(lost, 0));
            assert_eq!(tally.unexplained.count, unexplained, "{lost:?}");
        }
    }

    #[test]
    fn nothing_comes_again_that_was_settled_for_good() {
        let mut tally = Tally::default();
        tally.add(0, vec![Arrival::Item(ITEM, 0)], explained(Some(0), 0));
        tally.add(2, vec![Arrival::Item(ITEM, 0)], explained(None, 1));
        assert_eq!(tally.unexplained.count, 1);
    }

    #[test]
    fn counts_keep_their_largest_value_and_strange_things_are_kept() {
        let mut tally = Tally::default();
        let arrivals = vec![Arrival::Count(3, 9), Arrival::Count(3, 5), Arrival::Strange("x".into())];
        tally.add(3, arrivals, explained(Some(0), 0));
        assert_eq!((tally.largest_count(3), tally.strange.count), (9, 1));
    }
}
