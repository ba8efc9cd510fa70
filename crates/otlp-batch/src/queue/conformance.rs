//! What every queue does, whatever it is made of. The same tests for all of them.
//!
//! | subject | is |
//! |---|---|
//! | `memory` | the queue in memory |
//! | `unstored` | a disk queue that has had no reason to write |
//! | `stored` | a disk queue that writes everything at once, and keeps nothing in memory that it need not |

use std::{
    collections::BTreeMap,
    sync::{Arc, Weak},
};

use proptest::prelude::*;

use super::*;
use crate::disk::{self, Durability};

/// A queue, with what is held so that it lives.
struct Subject {
    queue: Box<dyn Queue>,
    /// Puts its batches on the disk.
    stores: bool,
    _rest: Vec<Arc<dyn QueueListener>>,
}

struct Deaf;

impl QueueListener for Deaf {
    fn arrived(&self) {}
    fn dropped(&self, reason: DropReason, items: u64, _: Option<&Batch>) {
        panic!("dropped {items} items: {reason}");
    }
    fn changed(&self) {}
}

fn memory() -> Subject {
    Subject { queue: Box::new(MemoryQueue::new()), stores: false, _rest: Vec::new() }
}

fn on_disk(durability: Durability, window: usize) -> Subject {
    let [queue, metrics, logs] = disk::simulated(durability, window);
    let mut rest: Vec<Arc<dyn QueueListener>> = Vec::new();
    // The thread begins when all three have somebody who listens.
    for queue in [&queue, &metrics, &logs] {
        let listener: Arc<dyn QueueListener> = Arc::new(Deaf);
        let weak: Weak<dyn QueueListener> = Arc::downgrade(&listener);
        queue.listen(weak);
        rest.push(listener);
    }
    // They would close the store.
    std::mem::forget((metrics, logs));
    Subject { queue: Box::new(queue), stores: durability == Durability::Always, _rest: rest }
}

fn unstored() -> Subject {
    on_disk(Durability::None, 1 << 20)
}

fn stored() -> Subject {
    // About two batches.
    on_disk(Durability::Always, 45)
}

impl Subject {
    fn put(&self, sequence: u64, items: u64) {
        self.queue.put(Batch::of_items(sequence, items));
    }

    fn with(self, sequences: std::ops::RangeInclusive<u64>) -> Self {
        sequences.for_each(|sequence| self.put(sequence, 10));
        self.rest();
        self
    }

    /// Waits until the disk has caught up.
    fn rest(&self) {
        if self.stores {
            self.queue.persist(u64::MAX);
            while !self.queue.is_persisted(u64::MAX) {
                std::thread::yield_now();
            }
        }
    }

    /// Takes by `take` what the queue says that it has, which may have to be loaded first.
    fn taken(&self, take: impl Fn(&dyn Queue) -> Option<Arc<Batch>>) -> Option<Arc<Batch>> {
        loop {
            if let Some(batch) = take(&*self.queue) {
                return Some(batch);
            }
            if self.queue.depth().waiting_batches == 0 {
                return None;
            }
            std::thread::yield_now();
        }
    }

    fn take(&self) -> Option<Arc<Batch>> {
        self.taken(|queue| queue.take())
    }

    fn drain(&self) -> Vec<u64> {
        std::iter::from_fn(|| self.take()).map(|batch| batch.sequence()).collect()
    }
}

fn depth(waiting: (usize, u64), in_flight: (usize, u64)) -> QueueDepth {
    QueueDepth {
        waiting_batches: waiting.0,
        waiting_items: waiting.1,
        in_flight_batches: in_flight.0,
        in_flight_items: in_flight.1,
    }
}

fn batches_come_in_order_and_stay_until_they_are_acknowledged(subject: Subject) {
    let subject = subject.with(1..=3);
    assert_eq!((subject.queue.depth(), subject.queue.oldest()), (depth((3, 30), (0, 0)), Some(1)));
    assert_eq!(subject.drain(), [1, 2, 3]);
    assert_eq!((subject.queue.depth(), subject.queue.oldest()), (depth((0, 0), (3, 30)), Some(1)));
    subject.queue.acknowledge(2);
    subject.queue.acknowledge(1);
    assert_eq!((subject.queue.depth(), subject.queue.oldest()), (depth((0, 0), (1, 10)), Some(3)));
    subject.queue.acknowledge(3);
    assert_eq!((subject.queue.depth(), subject.queue.oldest()), (QueueDepth::default(), None));
    assert_eq!(subject.queue.occupancy(), 0);
}

fn what_is_given_back_waits_at_its_place(subject: Subject) {
    let subject = subject.with(1..=3);
    let (first, second) = (subject.take().unwrap(), subject.take().unwrap());
    subject.queue.give_back(second);
    subject.queue.give_back(first);
    assert_eq!(subject.drain(), [1, 2, 3]);
}

fn what_is_given_back_is_counted_without_the_part_that_has_its_fate(subject: Subject) {
    let subject = subject.with(1..=2);
    assert_eq!(subject.take().unwrap().sequence(), 1);
    subject.queue.give_back(Batch::of_items(1, 4));
    assert_eq!((subject.queue.depth(), subject.queue.oldest()), (depth((2, 14), (0, 0)), Some(1)));
    subject.rest();
    let items: Vec<(u64, u64)> =
        std::iter::from_fn(|| subject.take()).map(|one| (one.sequence(), one.items())).collect();
    assert_eq!(items, [(1, 4), (2, 10)]);
}

fn a_batch_that_keeps_failing_is_gone_around(subject: Subject) {
    let subject = subject.with(1..=3);
    // A disk queue knows only those that are in memory.
    if !subject.stores {
        let take = |least| subject.queue.take_above(least).map(|batch| batch.sequence());
        assert_eq!([take(1), take(3), take(2), take(0), take(0)], [Some(2), None, Some(3), Some(1), None]);
    } else {
        let first = subject.take().unwrap();
        subject.queue.give_back(first);
        let next = subject.taken(|queue| {
            queue.take_above(1).or_else(|| queue.take()).filter(|batch| {
                let is_other = batch.sequence() != 1;
                if !is_other {
                    queue.give_back(Arc::clone(batch));
                }
                is_other
            })
        });
        assert_eq!(next.map(|batch| batch.sequence()), Some(2));
    }
}

fn only_what_is_in_memory_alone_is_evicted_and_counts_as_occupancy(subject: Subject) {
    let subject = subject.with(1..=3);
    let first = subject.take().unwrap();
    assert_eq!(first.sequence(), 1);
    subject.queue.give_back(first);
    let evicted: Vec<u64> = std::iter::from_fn(|| subject.queue.evict_oldest()).map(|batch| batch.sequence()).collect();
    let (expected, left): (&[u64], usize) = if subject.stores { (&[], 3) } else { (&[1, 2, 3], 0) };
    assert_eq!((evicted.as_slice(), subject.queue.depth().waiting_batches), (expected, left));
    assert_eq!(subject.queue.occupancy(), 0);
    subject.put(4, 10);
    assert!(subject.stores || subject.queue.occupancy() == 10);
}

fn what_is_asked_for_becomes_durable(subject: Subject) {
    subject.put(1, 10);
    subject.put(2, 10);
    assert!(subject.queue.is_persisted(0));
    if subject.queue.is_durable() {
        subject.queue.persist(2);
        while !subject.queue.is_persisted(2) {
            std::thread::yield_now();
        }
    } else {
        subject.queue.persist(2);
        assert!(!subject.queue.is_persisted(1), "memory keeps nothing");
    }
    subject.drain();
    subject.queue.acknowledge(1);
    subject.queue.acknowledge(2);
    assert!(subject.queue.is_persisted(u64::MAX));
}

fn closing_keeps_what_it_can(subject: Subject) {
    let subject = subject.with(1..=3);
    subject.take().unwrap();
    subject.queue.give_back(Batch::of_items(1, 10));
    subject.queue.close();
    subject.queue.close();
    while !subject.queue.is_closed() {
        std::thread::yield_now();
    }
    let lost = std::iter::from_fn(|| subject.queue.evict_oldest()).count();
    assert_eq!(lost, if subject.queue.is_durable() { 0 } else { 3 });
    assert!(subject.queue.is_persisted(u64::MAX));
}

macro_rules! conformance {
    ($($test:ident)*) => {
        mod memory {
            $(#[test] fn $test() { super::$test(super::memory()) })*
        }
        mod unstored {
            $(#[test] fn $test() { super::$test(super::unstored()) })*
        }
        mod stored {
            $(#[test] fn $test() { super::$test(super::stored()) })*
        }
    };
}

conformance! {
    batches_come_in_order_and_stay_until_they_are_acknowledged
    what_is_given_back_waits_at_its_place
    what_is_given_back_is_counted_without_the_part_that_has_its_fate
    a_batch_that_keeps_failing_is_gone_around
    only_what_is_in_memory_alone_is_evicted_and_counts_as_occupancy
    what_is_asked_for_becomes_durable
    closing_keeps_what_it_can
}

/// What happens to a queue; a number chooses among what it may happen to.
#[derive(Debug, Clone, Copy)]
enum Step {
    Put(u64),
    Take,
    TakeAbove(u64),
    GiveBack(usize),
    GiveBackPart(usize),
    Acknowledge(usize),
    Evict,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => (1..20u64).prop_map(Step::Put),
        4 => Just(Step::Take),
        1 => (0..9u64).prop_map(Step::TakeAbove),
        2 => (0..9usize).prop_map(Step::GiveBack),
        1 => (0..9usize).prop_map(Step::GiveBackPart),
        3 => (0..9usize).prop_map(Step::Acknowledge),
        1 => Just(Step::Evict),
    ];
    proptest::collection::vec(step, 1..60)
}

/// Runs steps on a queue and on the plainest one there could be.
fn check(subject: &Subject, steps: &[Step]) {
    let mut waiting: BTreeMap<u64, u64> = BTreeMap::new();
    let mut in_flight: Vec<Arc<Batch>> = Vec::new();
    let mut next = 1;
    for step in steps {
        let pick = |which: usize| in_flight.get(which % in_flight.len().max(1)).cloned();
        match *step {
            Step::Put(items) => {
                subject.put(next, items);
                waiting.insert(next, items);
                next += 1;
            }
            Step::Take | Step::TakeAbove(_) => {
                let batch = if let Step::TakeAbove(least) = *step {
                    let batch = subject.queue.take_above(least);
                    // What is on a disk alone can be taken later.
                    assert!(batch.is_some() || subject.stores || waiting.range(least + 1..).next().is_none());
                    assert!(batch.as_ref().is_none_or(|batch| batch.sequence() > least));
                    batch
                } else {
                    let batch = subject.take();
                    assert_eq!(batch.is_none(), waiting.is_empty());
                    batch
                };
                if let Some(batch) = batch {
                    assert_eq!(waiting.remove(&batch.sequence()), Some(batch.items()));
                    in_flight.push(batch);
                }
            }
            Step::GiveBack(which) | Step::GiveBackPart(which) => {
                let Some(batch) = pick(which) else { continue };
                in_flight.retain(|one| one.sequence() != batch.sequence());
                let is_part = matches!(step, Step::GiveBackPart(_)) && batch.items() > 1;
                let back = if is_part { Batch::of_items(batch.sequence(), batch.items() - 1) } else { batch };
                waiting.insert(back.sequence(), back.items());
                subject.queue.give_back(back);
            }
            Step::Acknowledge(which) => {
                let Some(batch) = pick(which) else { continue };
                in_flight.retain(|one| one.sequence() != batch.sequence());
                subject.queue.acknowledge(batch.sequence());
            }
            Step::Evict => {
                let evicted = subject.queue.evict_oldest();
                assert!(subject.stores || evicted.is_none() == waiting.is_empty());
                if let Some(batch) = evicted {
                    assert_eq!(waiting.remove(&batch.sequence()), Some(batch.items()));
                }
            }
        }
        let flying = in_flight.iter().map(|batch| batch.items()).sum();
        let expected = depth((waiting.len(), waiting.values().sum()), (in_flight.len(), flying));
        let oldest = waiting.keys().copied().chain(in_flight.iter().map(|batch| batch.sequence())).min();
        assert_eq!((subject.queue.depth(), subject.queue.oldest()), (expected, oldest), "after {step:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn memory_does_as_the_plainest_queue(steps in steps()) {
        check(&memory(), &steps);
    }

    #[test]
    fn a_disk_queue_in_memory_does_as_the_plainest_queue(steps in steps()) {
        check(&unstored(), &steps);
    }

    #[test]
    fn a_disk_queue_on_the_disk_does_as_the_plainest_queue(steps in steps()) {
        check(&stored(), &steps);
    }
}
