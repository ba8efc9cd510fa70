//! The spool against the plainest account of where batches can be.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Instant,
};

use proptest::prelude::*;

use super::spool::Spool;
use crate::{Batch, pool::SMALLEST};

/// Room for four batches in the smallest buffers.
const WINDOW: usize = 4 * SMALLEST + SMALLEST / 2;

/// What happens; numbers choose among what it may happen to.
#[derive(Debug, Clone, Copy)]
enum Step {
    Put,
    Take,
    GiveBack(usize),
    GiveBackPart(usize),
    Acknowledge(usize),
    /// Everything unstored is written; whether a sync follows.
    Store(bool),
    Lose(usize),
    Load,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        5 => Just(Step::Put),
        4 => Just(Step::Take),
        2 => (0..9usize).prop_map(Step::GiveBack),
        1 => (0..9usize).prop_map(Step::GiveBackPart),
        3 => (0..9usize).prop_map(Step::Acknowledge),
        3 => any::<bool>().prop_map(Step::Store),
        1 => (0..9usize).prop_map(Step::Lose),
        3 => Just(Step::Load),
    ];
    proptest::collection::vec(step, 1..120)
}

/// A log that only knows what is in it: by sequence, the batch, and whether the log may hand it out.
#[derive(Default)]
struct NaiveLog {
    next: u64,
    frames: BTreeMap<u64, (Arc<Batch>, bool)>,
}

proptest! {
    #[test]
    fn every_batch_is_somewhere_until_it_has_its_fate(recovered in 0..6u64, steps in steps()) {
        let now = Instant::now();
        let mut log = NaiveLog::default();
        for sequence in 1..=recovered {
            log.frames.insert(log.next, (Batch::of_items(sequence, 10), true));
            log.next += 10;
        }
        let first_own = log.next;
        let mut spool = Spool::recovered(recovered, recovered * 10);
        // The account: all without a fate, with their items, and which are in flight.
        let mut items: BTreeMap<u64, u64> = (1..=recovered).map(|sequence| (sequence, 10)).collect();
        let mut in_flight: BTreeMap<u64, Arc<Batch>> = BTreeMap::new();
        let mut next = recovered + 1;
        for step in steps {
            let pick = |which: usize| in_flight.values().nth(which % in_flight.len().max(1)).cloned();
            match step {
                Step::Put => {
                    spool.put(Batch::of_items(next, 10), now);
                    items.insert(next, 10);
                    next += 1;
                }
                Step::Take => {
                    if let Some(batch) = spool.take(None) {
                        prop_assert_eq!(items.get(&batch.sequence()), Some(&batch.items()));
                        prop_assert!(in_flight.insert(batch.sequence(), batch).is_none(), "handed out twice");
                    }
                }
                Step::GiveBack(which) => if let Some(batch) = pick(which) {
                    in_flight.remove(&batch.sequence());
                    spool.give_back(batch);
                },
                Step::GiveBackPart(which) => if let Some(batch) = pick(which).filter(|batch| batch.items() > 1) {
                    in_flight.remove(&batch.sequence());
                    let part = Batch::of_items(batch.sequence(), batch.items() - 1);
                    items.insert(part.sequence(), part.items());
                    spool.give_back(part);
                },
                Step::Acknowledge(which) => if let Some(batch) = pick(which) {
                    in_flight.remove(&batch.sequence());
                    items.remove(&batch.sequence());
                    let place = spool.remove(batch.sequence()).expect("it is there");
                    place.in_log().for_each(|stored| drop(log.frames.remove(&stored).expect("settled once")));
                },
                Step::Store(is_synced) => {
                    for batch in spool.unstored(Some(now), 0, usize::MAX) {
                        let stored = log.next;
                        log.next += batch.items();
                        log.frames.insert(stored, (Arc::clone(&batch), true));
                        if let Some(settle) = spool.stored(&batch, stored, is_synced) {
                            log.frames.remove(&settle).expect("settled once");
                        }
                    }
                    if is_synced {
                        spool.synced();
                    }
                    let is_durable = spool.is_stored(u64::MAX) && (!is_synced || spool.is_synced(u64::MAX));
                    prop_assert!(is_durable);
                    for stored in spool.shelve(WINDOW) {
                        log.frames.get_mut(&stored).expect("it is in the log").1 = true;
                    }
                }
                Step::Lose(which) => {
                    let own: Vec<u64> = log.frames.range(first_own..).map(|(stored, _)| *stored).collect();
                    if let Some(stored) = own.get(which % own.len().max(1)) {
                        let (batch, _) = log.frames.remove(stored).expect("it is there");
                        if let Some(lost) = spool.lost(*stored) {
                            prop_assert_eq!(items.remove(&batch.sequence()), Some(lost));
                        }
                    }
                }
                Step::Load => if spool.wants_load(WINDOW) {
                    let waiting: Vec<u64> = log.frames.iter().filter(|(_, frame)| frame.1).map(|(stored, _)| *stored).collect();
                    for stored in waiting {
                        let frame = log.frames.get_mut(&stored).expect("it is there");
                        frame.1 = false;
                        let found = frame.0.clone();
                        if let Some(sequence) = spool.identify(stored, found.items(), first_own) {
                            prop_assert_eq!(sequence, found.sequence());
                            spool.load(stored, found, now);
                            break;
                        }
                    }
                },
            }
            let depth = spool.depth();
            let flying: u64 = in_flight.values().map(|batch| batch.items()).sum();
            prop_assert_eq!(depth.waiting_items + depth.in_flight_items, items.values().sum::<u64>(), "{:?}", step);
            prop_assert_eq!((depth.in_flight_batches, depth.in_flight_items), (in_flight.len(), flying));
            prop_assert_eq!(depth.waiting_batches, items.len() - in_flight.len());
            prop_assert_eq!(spool.oldest(), items.keys().next().copied());
        }
        // Whatever happened, what has no fate can still be had, each once and whole.
        let mut left: BTreeSet<u64> = items.keys().copied().filter(|sequence| !in_flight.contains_key(sequence)).collect();
        while !left.is_empty() {
            if let Some(batch) = spool.take(None) {
                prop_assert!(left.remove(&batch.sequence()));
                prop_assert_eq!(items.get(&batch.sequence()), Some(&batch.items()));
                continue;
            }
            prop_assert!(spool.wants_load(WINDOW), "{left:?} are nowhere");
            let (stored, frame) = log.frames.iter_mut().find(|(_, frame)| frame.1).expect("the log has what is on the shelf");
            frame.1 = false;
            let found = frame.0.clone();
            if spool.identify(*stored, found.items(), first_own).is_some() {
                spool.load(*stored, found, now);
            }
        }
    }
}

#[test]
fn what_was_loaded_and_what_is_new_take_turns() {
    let now = Instant::now();
    let mut spool = Spool::recovered(3, 30);
    for (place, sequence) in (1..=3).enumerate() {
        let stored = place as u64 * 10;
        assert_eq!(spool.identify(stored, 10, 30), Some(sequence));
        spool.load(stored, Batch::of_items(sequence, 10), now);
    }
    (4..=6).for_each(|sequence| spool.put(Batch::of_items(sequence, 10), now));
    let order: Vec<u64> = std::iter::from_fn(|| spool.take(None)).map(|batch| batch.sequence()).collect();
    assert_eq!(order, [1, 4, 2, 5, 3, 6]);
}

#[test]
fn what_an_earlier_process_left_takes_no_memory_until_it_is_looked_at() {
    let mut spool = Spool::recovered(1_000_000, 10_000_000);
    assert_eq!((spool.depth().waiting_batches, spool.oldest()), (1_000_000, Some(1)));
    assert_eq!(spool.identify(0, 10, 10_000_000), Some(1));
    assert_eq!((spool.depth().waiting_batches, spool.depth().waiting_items), (1_000_000, 10_000_000));
    spool.load(0, Batch::of_items(1, 10), Instant::now());
    assert!(spool.remove(1).is_some());
    assert_eq!((spool.depth().waiting_items, spool.oldest()), (9_999_990, Some(2)));
}

#[test]
fn small_batches_count_with_the_buffers_that_they_hold() {
    let mut spool = Spool::recovered(0, 0);
    let batches: Vec<_> = (1..=10).map(|sequence| Batch::of_items(sequence, 1)).collect();
    for (stored, batch) in batches.iter().enumerate() {
        spool.put(Arc::clone(batch), Instant::now());
        assert_eq!(spool.stored(batch, stored as u64, true), None);
    }
    // Of the ten, four stay as those that are loaded and four as those that are new; the window is for either.
    assert_eq!(spool.shelve(WINDOW), [4, 5]);
}
