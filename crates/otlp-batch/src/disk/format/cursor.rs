//! The cursor file: which items have their fate already, by signal, and how old the queue is.
//!
//! ```text
//!  0  magic "otlpqcur"
//!  8  version
//! 12  queue time, milliseconds
//! 20  for each signal:
//!        every item below this sequence has its fate
//!        every item below this sequence was on the disk for good, or had its fate
//!        number of ranges above the first that have their fate
//!        the ranges, first and after the last, each 16 bytes, rising
//! ..  CRC-32C of all before
//! ```
//!
//! A cursor that is lost or damaged means that batches are delivered again, never that one is lost. With one, items that
//! were on the disk, have no fate and are not found are known to be missing, also behind the last frame that is.
//!
//! Queue time is how long the queue has been open, all processes together. Batches age by it and not by the wall clock,
//! so that one that jumps, at boot or later, lets nothing expire that was hardly tried, and keeps nothing for ever.
//! What a crash takes of it (a minute at most), and a lost cursor, make batches younger and never older.

use otlp_core::Signal;

use super::{Fields, VERSION};

const MAGIC: &[u8; 8] = b"otlpqcur";
const RANGE_LEN: usize = 16;
/// What there is of a signal beside its ranges.
const SIGNAL_LEN: usize = 24;

/// More ranges than these are not written: what they cover is delivered again after a crash.
const MAX_RANGES: usize = 1 << 20;

/// What the longest cursor has.
pub(in crate::disk) const MAX_LEN: usize = 24 + 3 * (SIGNAL_LEN + MAX_RANGES * RANGE_LEN);

/// What has its fate.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(in crate::disk) struct Cursor {
    /// Milliseconds.
    pub(in crate::disk) queue_time: u64,
    /// By [`Signal::index`].
    signals: [Settled; 3],
    /// Below which sequence every item was on the disk for good.
    stored: [u64; 3],
}

/// The items of one signal that have their fate.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(in crate::disk) struct Settled {
    below: u64,
    /// First, and after the last; they rise, do not touch, and lie above `below`.
    ranges: Vec<(u64, u64)>,
}

impl Cursor {
    pub(in crate::disk) fn new(queue_time: u64, signals: [Settled; 3], stored: [u64; 3]) -> Self {
        Cursor { queue_time, signals, stored }
    }

    pub(in crate::disk) fn signal(&self, signal: Signal) -> &Settled {
        &self.signals[signal.index()]
    }

    /// Below which sequence every item of a signal was on the disk for good, or had its fate.
    pub(in crate::disk) fn stored(&self, signal: Signal) -> u64 {
        self.stored[signal.index()]
    }

    /// By what a journal tells that it continues this cursor and no other: the checksum of its encoded form.
    pub(in crate::disk) fn mark(encoded: &[u8]) -> u32 {
        encoded.last_chunk().map_or(0, |checksum| u32::from_le_bytes(*checksum))
    }

    /// Adds what got its fate since, in any order.
    pub(in crate::disk) fn settle(&mut self, since: impl IntoIterator<Item = (Signal, u64, u64)>) {
        let mut added = <[Vec<(u64, u64)>; 3]>::default();
        since.into_iter().for_each(|(signal, first, end)| added[signal.index()].push((first, end)));
        for (settled, added) in self.signals.iter_mut().zip(added).filter(|(_, added)| !added.is_empty()) {
            let mut ranges = std::mem::take(&mut settled.ranges);
            ranges.extend(added);
            ranges.sort_unstable();
            ranges.into_iter().for_each(|(first, end)| settled.push(first, end));
        }
    }

    pub(in crate::disk) fn encode(&self) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        bytes.extend_from_slice(&VERSION.to_le_bytes());
        bytes.extend_from_slice(&self.queue_time.to_le_bytes());
        for (Settled { below, ranges }, stored) in self.signals.iter().zip(self.stored) {
            let ranges = &ranges[..ranges.len().min(MAX_RANGES)];
            bytes.extend_from_slice(&below.to_le_bytes());
            bytes.extend_from_slice(&stored.to_le_bytes());
            bytes.extend_from_slice(&(ranges.len() as u64).to_le_bytes());
            for (first, end) in ranges {
                bytes.extend_from_slice(&first.to_le_bytes());
                bytes.extend_from_slice(&end.to_le_bytes());
            }
        }
        let checksum = crc32c::crc32c(&bytes);
        bytes.extend_from_slice(&checksum.to_le_bytes());
        bytes
    }

    /// `None`: damaged, or of another version.
    pub(in crate::disk) fn decode(bytes: &[u8]) -> Option<Self> {
        let (content, checksum) = bytes.split_last_chunk::<4>()?;
        if crc32c::crc32c(content) != u32::from_le_bytes(*checksum) {
            return None;
        }
        let mut fields = Fields(content);
        if &fields.take() != MAGIC || fields.u32() != VERSION {
            return None;
        }
        if fields.0.len() < 8 + 3 * SIGNAL_LEN {
            return None;
        }
        let queue_time = fields.u64();
        let mut signals = <[Settled; 3]>::default();
        let mut stored = [0; 3];
        for (settled, stored) in signals.iter_mut().zip(&mut stored) {
            if fields.0.len() < SIGNAL_LEN {
                return None;
            }
            settled.below = fields.u64();
            *stored = fields.u64();
            let count = usize::try_from(fields.u64()).ok()?;
            if count > fields.0.len() / RANGE_LEN {
                return None;
            }
            for _ in 0..count {
                let (first, end) = (fields.u64(), fields.u64());
                if first <= settled.end() || end <= first {
                    return None;
                }
                settled.ranges.push((first, end));
            }
        }
        fields.0.is_empty().then_some(Cursor { queue_time, signals, stored })
    }
}

impl Settled {
    pub(in crate::disk) fn below(below: u64) -> Self {
        Settled { below, ranges: Vec::new() }
    }

    /// Adds `first..end`, which lies above everything added before, or continues it.
    pub(in crate::disk) fn push(&mut self, first: u64, end: u64) {
        match self.ranges.last_mut() {
            Some(last) if last.1 >= first => last.1 = last.1.max(end),
            None if self.below >= first => self.below = self.below.max(end),
            _ => self.ranges.push((first, end)),
        }
    }

    /// Whether all of `first..end` has its fate.
    pub(in crate::disk) fn covers(&self, first: u64, end: u64) -> bool {
        if end <= self.below {
            return true;
        }
        let after = self.ranges.partition_point(|range| range.0 <= first.max(self.below));
        after.checked_sub(1).is_some_and(|at| self.ranges[at].0 <= first && end <= self.ranges[at].1)
    }

    /// After the last item that has its fate.
    pub(in crate::disk) fn end(&self) -> u64 {
        self.ranges.last().map_or(self.below, |last| last.1)
    }

    /// How many items of `first..end` have their fate.
    pub(in crate::disk) fn count_within(&self, first: u64, end: u64) -> u64 {
        let after = self.ranges.partition_point(|range| range.1 <= first);
        let before = self.ranges.partition_point(|range| range.0 < end).max(after);
        let within = std::iter::once((0, self.below)).chain(self.ranges[after..before].iter().copied());
        within.map(|range| range.1.min(end).saturating_sub(range.0.max(first))).sum()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn cursor() -> Cursor {
        let mut logs = Settled::below(10);
        logs.push(12, 13);
        logs.push(20, 31);
        Cursor::new(77, [Settled::default(), Settled::below(u64::MAX), logs], [0, 9, 31])
    }

    #[test]
    fn what_was_written_is_read() {
        assert_eq!(Cursor::decode(&cursor().encode()), Some(cursor()));
        assert_eq!(Cursor::decode(&Cursor::default().encode()), Some(Cursor::default()));
    }

    #[test]
    fn it_knows_what_is_settled() {
        let cursor = cursor();
        let settled = &cursor.signals[2];
        let done: Vec<u64> = (8..32).filter(|item| settled.covers(*item, item + 1)).collect();
        assert_eq!(done, [vec![8, 9, 12], (20..31).collect()].concat());
        assert!(settled.covers(3, 10) && !settled.covers(9, 11) && !settled.covers(12, 21));
        assert_eq!((settled.end(), settled.count_within(9, 21)), (31, 3));
    }

    #[test]
    fn what_continues_joins() {
        let mut settled = Settled::below(5);
        settled.push(5, 7);
        settled.push(9, 10);
        settled.push(10, 12);
        assert_eq!(settled, Settled { below: 7, ranges: vec![(9, 12)] });
    }

    #[test]
    fn what_was_settled_since_joins_in_any_order() {
        let mut cursor = cursor();
        cursor.settle([(Signal::Logs, 31, 40), (Signal::Logs, 10, 12), (Signal::Logs, 25, 28), (Signal::Traces, 4, 6)]);
        assert_eq!(cursor.signals[2], Settled { below: 13, ranges: vec![(20, 40)] });
        assert_eq!(cursor.signals[0], Settled { below: 0, ranges: vec![(4, 6)] });
    }

    #[test]
    fn ranges_that_make_no_sense_are_refused() {
        for ranges in [vec![(9, 12)], vec![(10, 12)], vec![(13, 13)], vec![(12, 20), (15, 30)]] {
            let signals = [Settled { below: 10, ranges }, Settled::default(), Settled::default()];
            let cursor = Cursor::new(0, signals, [0; 3]);
            assert_eq!(Cursor::decode(&cursor.encode()), None, "{cursor:?}");
        }
    }

    proptest! {
        #[test]
        fn damage_is_noticed(bit in any::<prop::sample::Index>(), cut in any::<prop::sample::Index>()) {
            let mut bytes = cursor().encode();
            prop_assert_eq!(Cursor::decode(&bytes[..cut.index(bytes.len())]), None);
            let bit = bit.index(bytes.len() * 8);
            bytes[bit / 8] ^= 1 << (bit % 8);
            prop_assert_eq!(Cursor::decode(&bytes), None);
        }

        #[test]
        fn any_content_with_a_good_checksum_is_read_without_a_panic(content in proptest::collection::vec(any::<u8>(), 0..120)) {
            let mut bytes = [MAGIC.as_slice(), &VERSION.to_le_bytes(), &content].concat();
            let checksum = crc32c::crc32c(&bytes);
            bytes.extend_from_slice(&checksum.to_le_bytes());
            let _ = Cursor::decode(&bytes);
        }
    }
}
