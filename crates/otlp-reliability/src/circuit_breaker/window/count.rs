//! The last so many results: a ring of slots with running totals.
//!
//! A result takes the next slot and exchanges what is in it. The totals are touched only if the exchange changed
//! something, which in good times is never: the cost of a success is one addition.
//!
//! What must hold: the totals of a stamp are the sum over the slots with that stamp, once all threads have done both
//! steps. Between the two steps a total may be off by the number of threads in between, in either direction; the fields
//! have room for that.

use std::sync::OnceLock;

use super::{MAX_COUNT, Sample, Totals};
use crate::{
    circuit_breaker::cache_line::CacheLine,
    sync::atomic::{AtomicU32, AtomicU64, Ordering},
};

/// Bits of a stamp. Two stamps are told apart, and put in order, if they are less than half of the range apart.
const STAMP_BITS: u32 = 22;
const STAMP_MASK: u32 = (1 << STAMP_BITS) - 1;

/// Slots of the first segment; each later segment doubles the ring.
const FIRST_SEGMENT: usize = 128;
const SEGMENTS: usize = (MAX_COUNT as usize - 1).ilog2() as usize - FIRST_SEGMENT.ilog2() as usize + 2;

#[derive(Debug)]
pub(super) struct CountWindow {
    /// A ring can grow while it is in use: segments are added and never exchanged.
    segments: [OnceLock<Box<[AtomicU32]>>; SEGMENTS],
    /// Written by every call.
    position: CacheLine<AtomicU64>,
    /// Written when the totals change.
    totals: CacheLine<AtomicU64>,
}

impl CountWindow {
    pub(super) fn new() -> Self {
        CountWindow {
            segments: [const { OnceLock::new() }; SEGMENTS],
            position: CacheLine(AtomicU64::new(0)),
            totals: CacheLine(AtomicU64::new(packed::empty(0))),
        }
    }

    /// Allocates a ring of `size` slots, so that no call has to.
    pub(super) fn reserve(&self, size: u32) {
        for index in (0..size as usize).step_by(FIRST_SEGMENT) {
            self.slot(index);
        }
    }

    /// Puts a result in the place of the oldest one, and returns the totals if that changed them.
    #[inline]
    pub(super) fn push(&self, stamp: u32, size: u32, sample: Sample) -> Option<Totals> {
        let stamp = stamp & STAMP_MASK;
        let slot = self.slot(self.next_index(size));
        let new = slots::pack(stamp, sample);
        let mut old = slot.load(Ordering::Relaxed);
        loop {
            if old == new || is_newer(slots::stamp(old), stamp) {
                return None;
            }
            match slot.compare_exchange_weak(old, new, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => break,
                Err(actual) => old = actual,
            }
        }
        let left = (slots::stamp(old) == stamp).then(|| slots::sample(old));
        self.add(stamp, packed::difference(left, sample))
    }

    pub(super) fn totals(&self, stamp: u32) -> Totals {
        let totals = self.totals.load(Ordering::Relaxed);
        if packed::stamp(totals) == stamp & STAMP_MASK { packed::totals(totals) } else { Totals::default() }
    }

    /// The newest results of a ring of `size`, at most `limit`, the oldest of them first.
    pub(super) fn newest(&self, stamp: u32, size: u32, limit: u32) -> Vec<Sample> {
        let (size, stamp) = (size as usize, stamp & STAMP_MASK);
        let position = (self.position.load(Ordering::Relaxed) % size as u64) as usize;
        let mut newest: Vec<Sample> = (1..=size)
            .map(|back| self.slot((position + size - back) % size).load(Ordering::Relaxed))
            .filter(|slot| slots::stamp(*slot) == stamp)
            .map(slots::sample)
            .take(limit as usize)
            .collect();
        newest.reverse();
        newest
    }

    /// The slots in turn, without a division: the position stays in the second lap, sent back by whoever ends it.
    #[inline]
    fn next_index(&self, size: u32) -> usize {
        let size = u64::from(size);
        let position = self.position.fetch_add(1, Ordering::Relaxed);
        let index = match position {
            first if first < size => return first as usize,
            second if second < 2 * size => second - size,
            // Those who had to send it back were held up.
            later => later % size,
        };
        if index == size - 1 {
            self.position.fetch_sub(size, Ordering::Relaxed);
        }
        index as usize
    }

    #[inline]
    fn slot(&self, index: usize) -> &AtomicU32 {
        let (segment, offset) = if index < FIRST_SEGMENT {
            (0, index)
        } else {
            let power = index.ilog2();
            ((power - FIRST_SEGMENT.ilog2()) as usize + 1, index - (1 << power))
        };
        &self.segments[segment].get_or_init(|| {
            let slots = if segment == 0 { FIRST_SEGMENT } else { FIRST_SEGMENT << (segment - 1) };
            (0..slots).map(|_| AtomicU32::new(0)).collect()
        })[offset]
    }

    /// Adds a difference to the totals of `stamp`, which start at nothing if they are of an earlier stamp.
    fn add(&self, stamp: u32, difference: u64) -> Option<Totals> {
        let mut totals = self.totals.load(Ordering::Relaxed);
        loop {
            let before = match packed::stamp(totals) {
                same if same == stamp => totals,
                newer if is_newer(newer, stamp) => return None,
                _ => packed::empty(stamp),
            };
            let after = before.wrapping_add(difference);
            match self.totals.compare_exchange_weak(totals, after, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => return Some(packed::totals(after)),
                Err(actual) => totals = actual,
            }
        }
    }
}

/// Whether `found` was stamped after `own`: then the result at hand is from before a transition.
fn is_newer(found: u32, own: u32) -> bool {
    (1..=STAMP_MASK / 2).contains(&(found.wrapping_sub(own) & STAMP_MASK))
}

/// One slot: the stamp above two bits of result.
mod slots {
    use super::Sample;

    pub(super) fn pack(stamp: u32, sample: Sample) -> u32 {
        stamp << 2 | u32::from(sample.slow) << 1 | u32::from(sample.failed)
    }

    pub(super) fn stamp(slot: u32) -> u32 {
        slot >> 2
    }

    pub(super) fn sample(slot: u32) -> Sample {
        Sample { failed: slot & 1 != 0, slow: slot & 2 != 0 }
    }
}

/// The totals: the stamp above three fields, each counted from the middle of nowhere so that a total that is below zero
/// for a moment borrows nothing from its neighbour.
mod packed {
    use super::{MAX_COUNT, STAMP_MASK, Sample, Totals};

    const FIELD_BITS: u32 = 14;
    const FIELD_MASK: u64 = (1 << FIELD_BITS) - 1;
    const FAILED: u32 = FIELD_BITS;
    const SLOW: u32 = 2 * FIELD_BITS;
    const STAMP: u32 = 3 * FIELD_BITS;
    /// Room below zero; as much is left above the largest window.
    const ZERO: u64 = (FIELD_MASK + 1 - MAX_COUNT as u64) / 2;

    pub(super) const fn empty(stamp: u32) -> u64 {
        ((stamp & STAMP_MASK) as u64) << STAMP | ZERO << SLOW | ZERO << FAILED | ZERO
    }

    pub(super) fn stamp(totals: u64) -> u32 {
        (totals >> STAMP) as u32
    }

    pub(super) fn totals(totals: u64) -> Totals {
        let field = |shift: u32| (totals >> shift & FIELD_MASK).saturating_sub(ZERO);
        let calls = field(0);
        Totals { calls, failed: field(FAILED).min(calls), slow: field(SLOW).min(calls) }
    }

    /// What changes when `left` goes and `came` takes its place; added with wrap-around.
    pub(super) fn difference(left: Option<Sample>, came: Sample) -> u64 {
        let one = |sample: Sample| 1 | u64::from(sample.failed) << FAILED | u64::from(sample.slow) << SLOW;
        one(came).wrapping_sub(left.map_or(0, one))
    }
}

#[cfg(all(test, not(otlp_loom)))]
mod tests {
    use std::collections::VecDeque;

    use proptest::prelude::*;

    use super::*;

    fn sample(failed: bool, slow: bool) -> Sample {
        Sample { failed, slow }
    }

    fn sum<'a>(samples: impl IntoIterator<Item = &'a Sample>) -> Totals {
        samples.into_iter().fold(Totals::default(), |sum, sample| Totals {
            calls: sum.calls + 1,
            failed: sum.failed + u64::from(sample.failed),
            slow: sum.slow + u64::from(sample.slow),
        })
    }

    #[test]
    fn pitfall_17_a_window_of_one_holds_the_last_result() {
        let window = CountWindow::new();
        for (failed, slow) in [(true, false), (false, true), (false, false), (true, true)] {
            window.push(1, 1, sample(failed, slow));
            assert_eq!(window.totals(1), sum([&sample(failed, slow)]));
        }
    }

    #[test]
    fn only_a_change_of_the_totals_is_told() {
        let window = CountWindow::new();
        let fine = sample(false, false);
        assert!(window.push(1, 2, fine).is_some());
        assert!(window.push(1, 2, fine).is_some());
        assert_eq!(window.push(1, 2, fine), None);
        assert_eq!(window.push(1, 2, sample(true, false)), Some(Totals { calls: 2, failed: 1, slow: 0 }));
    }

    #[test]
    fn results_of_an_earlier_stamp_neither_count_nor_push_others_out() {
        let window = CountWindow::new();
        for _ in 0..3 {
            window.push(1, 3, sample(true, true));
        }
        assert_eq!(window.totals(2), Totals::default(), "nothing is cleared, and nothing is left");
        window.push(2, 3, sample(false, false));
        assert_eq!(window.push(1, 3, sample(true, true)), None, "too late: the totals are of a later stamp");
        window.push(2, 3, sample(false, false));
        window.push(2, 3, sample(false, false));
        window.push(1, 3, sample(true, true));
        assert_eq!(window.totals(2).failed, 0);
        assert_eq!(window.push(STAMP_MASK + 1 + 2, 3, sample(true, false)).unwrap().failed, 1, "stamps are modular");
    }

    #[test]
    fn threads_leave_the_totals_equal_to_the_sum_of_the_slots() {
        for size in [1, 2, 7, 1000] {
            let window = CountWindow::new();
            std::thread::scope(|scope| {
                for thread in 0..4u64 {
                    let window = &window;
                    scope.spawn(move || {
                        let mut random = fastrand::Rng::with_seed(thread);
                        for _ in 0..5_000 {
                            window.push(1, size, sample(random.bool(), random.bool()));
                        }
                    });
                }
            });
            let held = window.newest(1, size, size);
            assert_eq!(held.len(), size as usize);
            assert_eq!(window.totals(1), sum(&held), "window of {size}");
        }
    }

    proptest! {
        #[test]
        fn agrees_with_a_queue_of_the_last_results(
            size in prop_oneof![1..=4u32, 100..=140u32, 300..=600u32],
            results in proptest::collection::vec((any::<bool>(), any::<bool>(), 0..60u8), 0..1500),
        ) {
            let window = CountWindow::new();
            let mut model = VecDeque::new();
            let mut stamp = 1;
            for (failed, slow, chance) in results {
                if chance == 0 {
                    stamp += 1;
                    model.clear();
                }
                let sample = sample(failed, slow);
                window.push(stamp, size, sample);
                model.push_back(sample);
                if model.len() > size as usize {
                    model.pop_front();
                }
                prop_assert_eq!(window.totals(stamp), sum(&model));
            }
            let newest: Vec<Sample> = model.iter().copied().skip(model.len().saturating_sub(50)).collect();
            prop_assert_eq!(window.newest(stamp, size, 50), newest);
        }
    }
}
