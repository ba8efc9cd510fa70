//! What a child records: items that tell which run recorded them, in which order, and whether they are whole.
//!
//! The parent must be able to tell a strange item from one of its own, so a name ends in a check that depends on the
//! seed; and a wrong item from a right one, so what fills an item follows from its name.

use std::fmt;

use otlp_core::Signal;

/// What each producing thread of a child records, by the thread's number.
pub(crate) const PRODUCERS: [Signal; 5] = [Signal::Traces, Signal::Logs, Signal::Traces, Signal::Logs, Signal::Metrics];

/// The attribute of spans and log records that names the item, and the one that fills it.
pub(crate) const NAME: &str = "torture.item";
pub(crate) const FILLING: &str = "torture.filling";

/// The counter that the producer of metrics adds to, by one for each item, and its attribute with the run.
pub(crate) const COUNTER: &str = "torture.items";
pub(crate) const RUN: &str = "torture.run";

/// One thing that a child recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Item {
    /// Which child of the round, from zero.
    pub(crate) run: u32,
    /// Which of its threads: an index of [`PRODUCERS`].
    pub(crate) producer: u8,
    /// Which item of the thread, from zero.
    pub(crate) number: u32,
}

impl Item {
    /// The text by which the parent finds out which item it was.
    pub(crate) fn name(self, seed: u64) -> String {
        format!("{}.{}.{}.{:08x}", self.run, self.producer, self.number, self.random(seed).u32(..))
    }

    /// The item of that name, if it is one.
    pub(crate) fn of_name(name: &str, seed: u64) -> Option<Self> {
        let mut words = name.splitn(4, '.');
        let run = words.next()?.parse().ok()?;
        let producer = words.next()?.parse().ok()?;
        let number = words.next()?.parse().ok()?;
        let item = Item { run, producer, number };
        (item.name(seed) == name).then_some(item)
    }

    /// What makes items of different sizes: 0 to 600 bytes.
    pub(crate) fn filling(self, seed: u64) -> String {
        let mut random = self.random(seed ^ 0x5f11);
        let letter = random.lowercase();
        std::iter::repeat_n(letter, random.usize(..=600)).collect()
    }

    fn random(self, seed: u64) -> fastrand::Rng {
        let place = (u64::from(self.run) << 40) | (u64::from(self.producer) << 32) | u64::from(self.number);
        fastrand::Rng::with_seed(seed.rotate_left(17) ^ place.wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }
}

impl fmt::Display for Item {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let signal = PRODUCERS.get(usize::from(self.producer)).map_or("nothing", |signal| signal.name());
        write!(f, "run {} thread {} ({signal}) number {}", self.run, self.producer, self.number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_leads_back_to_its_item_and_nothing_else_does() {
        let item = Item { run: 12, producer: 3, number: 4567 };
        let name = item.name(1);
        assert_eq!(Item::of_name(&name, 1), Some(item));
        assert_eq!(Item::of_name(&name, 2), None, "another seed");
        assert_eq!(Item::of_name(&name.replace("4567", "4568"), 1), None, "another number");
        assert_eq!(Item::of_name(&name[1..], 1), None);
        assert_eq!(Item::of_name("", 1), None);
        assert_eq!(item.filling(1), item.filling(1));
        assert_ne!(item.filling(1), Item { number: 4568, ..item }.filling(1));
    }
}
