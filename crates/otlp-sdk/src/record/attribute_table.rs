//! Finds an attribute within encoded bytes, so that setting a key again replaces its value.
//!
//! Few attributes are searched one by one; more of them through hash buckets, so that a record with very many (a raised
//! limit) stays linear. Beyond the count limit nothing is stored, and the cost of a further key is one look-up.

use otlp_core::{
    ValueRef,
    wire::encode::{self, ValueLimit},
};

use super::{Uncommitted, short_entry};

/// Up to this many attributes are searched one by one.
const SEARCHED: usize = 32;

/// What marks a bucket without an entry.
const VACANT: u32 = u32::MAX;

/// How many attributes are taken, and how long their values may be.
#[derive(Debug, Clone, Copy)]
pub(crate) struct AttributeLimit {
    pub(crate) count: usize,
    pub(crate) value_length: ValueLimit,
}

/// The attributes of one message.
#[derive(Debug, Default)]
pub(crate) struct AttributeTable {
    slots: Vec<Slot>,
    /// Indices into `slots`, at the place that the hash says or the next vacant one; empty while there are few.
    /// A power of two, at least twice as many as there are slots.
    buckets: Vec<u32>,
    dropped: u32,
}

/// Where an encoded attribute begins: eight bytes, so that a search reads few of them; the rest is in the encoded bytes.
#[derive(Debug, Clone, Copy)]
struct Slot {
    /// The last bytes of the key and its length: keys that differ seldom have the same.
    mark: u32,
    /// An offset fits into 32 bits, for a record is at most 64 MiB.
    start: u32,
}

impl Slot {
    #[inline]
    fn new(key: &str, start: usize) -> Self {
        Slot { mark: mark(key.as_bytes()), start: start as u32 }
    }

    #[inline]
    fn start(self) -> usize {
        self.start as usize
    }

    /// The length of the entry: its tag, which is one byte, its length and its content.
    fn len(self, bytes: &[u8]) -> usize {
        let (content_len, content) = length_at(bytes, self.start() + 1);
        content + content_len - self.start()
    }

    fn key(self, bytes: &[u8]) -> &[u8] {
        let (_, content) = length_at(bytes, self.start() + 1);
        let (key_len, key) = length_at(bytes, content + 1);
        &bytes[key..key + key_len]
    }
}

impl AttributeTable {
    /// Encodes an attribute as `field`, below 16, at the end of `bytes`, or in the place of an earlier one with the same
    /// key. What a limit forbids, or what would make `bytes` longer than `max_len`, is counted instead.
    pub(crate) fn set(
        &mut self,
        bytes: &mut Vec<u8>,
        max_len: usize,
        field: u32,
        key: &str,
        value: ValueRef<'_>,
        limit: AttributeLimit,
    ) {
        // Not even looked at if it cannot fit.
        if key.len() > max_len {
            return self.drop_one();
        }
        let earlier = self.find(bytes, key.as_bytes());
        if earlier.is_none() && self.slots.len() >= limit.count {
            return self.drop_one();
        }
        let start = bytes.len();
        if earlier.is_none()
            && start + short_entry::LONGEST <= max_len
            && short_entry::put(bytes, field, key, value, limit.value_length)
        {
            return self.push(bytes, Slot::new(key, start));
        }
        self.set_any(bytes, max_len, field, key, value, limit, earlier);
    }

    /// As [`AttributeTable::set`], for values of any type and size, new or not.
    #[inline(never)]
    #[expect(clippy::too_many_arguments, reason = "what is known already is not looked up again")]
    fn set_any(
        &mut self,
        bytes: &mut Vec<u8>,
        max_len: usize,
        field: u32,
        key: &str,
        value: ValueRef<'_>,
        limit: AttributeLimit,
        earlier: Option<usize>,
    ) {
        let value_len = encode::any_value_len(value, limit.value_length);
        let content_len = encode::bytes_len(1, key.len()) + encode::bytes_len(2, value_len);
        let len = encode::bytes_len(field, content_len);
        let replaced = earlier.map_or(0, |index| self.slots[index].len(bytes));
        if len > (max_len + replaced).saturating_sub(bytes.len()) {
            return self.drop_one();
        }

        let start = bytes.len();
        let mut entry = Uncommitted::new(bytes);
        entry.reserve(len);
        encode::put_len(&mut entry, field, content_len);
        encode::put_bytes(&mut entry, 1, key.as_bytes());
        encode::put_len(&mut entry, 2, value_len);
        encode::put_any_value(&mut entry, value, limit.value_length);
        // A value that answers differently when asked twice would spoil the whole batch.
        if entry.appended() != len {
            drop(entry);
            return self.drop_one();
        }
        entry.commit();

        match earlier {
            Some(index) => self.replace(bytes, index, start),
            None => self.push(bytes, Slot::new(key, start)),
        }
    }

    /// How many attributes were not taken.
    #[inline]
    pub(crate) fn dropped(&self) -> u32 {
        self.dropped
    }

    /// Says that bytes in front of all attributes have grown or shrunk.
    pub(crate) fn shift(&mut self, from: usize, to: usize) {
        self.shift_after(0, from, to);
    }

    #[inline]
    pub(crate) fn clear(&mut self) {
        self.slots.clear();
        self.buckets.clear();
        self.dropped = 0;
    }

    /// The memory it occupies, in bytes.
    #[inline]
    pub(crate) fn memory(&self) -> usize {
        self.slots.capacity() * size_of::<Slot>() + self.buckets.capacity() * size_of::<u32>()
    }

    #[inline]
    fn drop_one(&mut self) {
        self.dropped = self.dropped.saturating_add(1);
    }

    #[inline]
    fn find(&self, bytes: &[u8], key: &[u8]) -> Option<usize> {
        if !self.buckets.is_empty() {
            return self.find_among_many(bytes, key);
        }
        let mark = mark(key);
        self.slots.iter().position(|slot| slot.mark == mark && slot.key(bytes) == key)
    }

    #[cold]
    fn find_among_many(&self, bytes: &[u8], key: &[u8]) -> Option<usize> {
        // There are always vacant buckets: at most half are taken.
        let taken = self.places(key).map(|place| self.buckets[place]).take_while(|index| *index != VACANT);
        taken.map(|index| index as usize).find(|index| self.slots[*index].key(bytes) == key)
    }

    #[inline]
    fn push(&mut self, bytes: &[u8], slot: Slot) {
        self.slots.push(slot);
        if self.slots.len() > SEARCHED {
            self.enter_last(bytes);
        }
    }

    /// Gives the last slot a bucket, all of them if there were too few buckets.
    #[cold]
    fn enter_last(&mut self, bytes: &[u8]) {
        let mut first = self.slots.len() - 1;
        if self.slots.len() * 2 > self.buckets.len() {
            self.buckets.clear();
            self.buckets.resize((self.slots.len() * 4).next_power_of_two(), VACANT);
            first = 0;
        }
        for index in first..self.slots.len() {
            let vacant = self.places(self.slots[index].key(bytes)).find(|place| self.buckets[*place] == VACANT);
            if let Some(place) = vacant {
                self.buckets[place] = index as u32;
            }
        }
    }

    /// The buckets in which `key` is looked for, in order, round and round.
    fn places(&self, key: &[u8]) -> impl Iterator<Item = usize> + use<> {
        let mask = self.buckets.len() - 1;
        (hash(key) as usize..).map(move |place| place & mask)
    }

    /// Moves the entry at `appended`, the last one of `bytes`, to the place of that of the slot at `index`.
    fn replace(&mut self, bytes: &mut Vec<u8>, index: usize, appended: usize) {
        let (start, old_len, new_len) =
            (self.slots[index].start(), self.slots[index].len(bytes), bytes.len() - appended);
        if old_len == new_len {
            bytes.copy_within(appended.., start);
            bytes.truncate(appended);
        } else {
            bytes.copy_within(start + old_len.., start);
            bytes.truncate(bytes.len() - old_len);
            bytes[start..].rotate_right(new_len);
            self.shift_after(start + 1, old_len, new_len);
        }
    }

    /// Moves the slots at or after `offset` by the difference of `to` and `from`.
    pub(crate) fn shift_after(&mut self, offset: usize, from: usize, to: usize) {
        let difference = (to as u32).wrapping_sub(from as u32);
        for slot in self.slots.iter_mut().filter(|slot| slot.start() >= offset) {
            slot.start = slot.start.wrapping_add(difference);
        }
    }
}

/// Reads a length that was written at `at`, and says where what it is the length of begins.
fn length_at(bytes: &[u8], at: usize) -> (usize, usize) {
    let digits = bytes[at..].iter().take_while(|byte| **byte >= 0x80).count() + 1;
    let length = bytes[at..at + digits].iter().rfold(0, |length, byte| length << 7 | usize::from(byte & 0x7f));
    (length, at + digits)
}

/// The last bytes of a key, by which the names of semantic conventions differ most, and its length.
#[inline]
fn mark(key: &[u8]) -> u32 {
    let last = key.last_chunk().map_or_else(
        || key.iter().fold(0, |word, byte| word << 8 | u32::from(*byte)),
        |last| u32::from_le_bytes(*last),
    );
    last ^ (key.len() as u32).rotate_right(8)
}

/// A quick hash of a short key: multiply and fold, eight bytes at a time. Nobody outside chooses how a key is found
/// among at most a few hundred others, so it need not resist attacks.
#[inline]
fn hash(key: &[u8]) -> u32 {
    const MULTIPLIER: u64 = 0x9E37_79B9_7F4A_7C15;
    let mut state = key.len() as u64;
    let mut add = |word: u64| {
        let product = u128::from(state ^ word).wrapping_mul(u128::from(MULTIPLIER));
        state = product as u64 ^ (product >> 64) as u64;
    };
    let (words, rest) = key.as_chunks::<8>();
    words.iter().for_each(|word| add(u64::from_le_bytes(*word)));
    if !rest.is_empty() {
        add(rest.iter().fold(0, |word, byte| word << 8 | u64::from(*byte)));
    }
    (state ^ state >> 32) as u32
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use otlp_core::{ValueMap, ValueSequence};

    use super::*;

    const ALL: AttributeLimit = AttributeLimit { count: usize::MAX, value_length: None };

    /// What the bytes should be: every pair encoded once, in order.
    fn encoded(pairs: &[(&str, i64)]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for (key, value) in pairs {
            encode::put_key_value(&mut bytes, 9, key, ValueRef::I64(*value), None);
        }
        bytes
    }

    #[test]
    fn a_key_set_again_replaces_the_value_in_its_place_at_any_length() {
        let (mut table, mut bytes) = (AttributeTable::default(), Vec::new());
        let mut set = |key: &str, value| table.set(&mut bytes, 1000, 9, key, ValueRef::I64(value), ALL);
        set("a", 1);
        set("b", 2);
        set("c", 3);
        set("a", 4);
        set("b", i64::MAX);
        set("c", 5);
        set("b", 6);
        set("a", -1);
        assert_eq!(bytes, encoded(&[("a", -1), ("b", 6), ("c", 5)]));
        assert_eq!(table.dropped(), 0);
    }

    #[test]
    fn very_many_keys_are_found_through_buckets() {
        let (mut table, mut bytes) = (AttributeTable::default(), Vec::new());
        let keys: Vec<String> = (0..20_000).map(|number| format!("key {number}")).collect();
        for (value, key) in keys.iter().enumerate() {
            table.set(&mut bytes, usize::MAX >> 1, 9, key, ValueRef::I64(value as i64 + 1000), ALL);
        }
        for key in keys.iter().rev() {
            table.set(&mut bytes, usize::MAX >> 1, 9, key, ValueRef::I64(1000), ALL);
        }
        let expected: Vec<(&str, i64)> = keys.iter().map(|key| (key.as_str(), 1000)).collect();
        assert_eq!(bytes.len(), encoded(&expected).len());
        assert_eq!(table.slots.len(), keys.len());
    }

    #[test]
    fn a_full_table_drops_new_keys_and_still_replaces_old_ones() {
        let (mut table, mut bytes) = (AttributeTable::default(), Vec::new());
        let limit = AttributeLimit { count: 2, value_length: None };
        let mut set = |key: &str, value| table.set(&mut bytes, 1000, 9, key, ValueRef::I64(value), limit);
        set("a", 1);
        set("b", 2);
        set("c", 3);
        set("a", 4);
        assert_eq!(bytes, encoded(&[("a", 4), ("b", 2)]));
        assert_eq!(table.dropped(), 1);
    }

    #[test]
    fn what_does_not_fit_is_dropped_and_a_replacement_may_use_the_room_of_what_it_replaces() {
        let (mut table, mut bytes) = (AttributeTable::default(), Vec::new());
        let full = encoded(&[("a", 1), ("b", 2)]).len();
        let mut set = |key: &str, value| table.set(&mut bytes, full, 9, key, ValueRef::I64(value), ALL);
        set("a", 1);
        set("b", 2);
        set("c", 3);
        set("a", 4);
        set("a", i64::MAX);
        assert_eq!(bytes, encoded(&[("a", 4), ("b", 2)]));
        assert_eq!(table.dropped(), 2);
    }

    /// A map that yields another entry at each visit.
    struct Fickle(Cell<usize>);

    impl ValueMap for Fickle {
        fn for_each(&self, visit: &mut dyn FnMut(&str, ValueRef<'_>)) {
            self.0.set(self.0.get() + 1);
            for _ in 0..self.0.get() {
                visit("k", ValueRef::Bool(true));
            }
        }
    }

    /// A sequence that says how long it is and then panics.
    struct Bursting(Cell<usize>);

    impl ValueSequence for Bursting {
        fn len(&self) -> usize {
            1
        }
        fn get(&self, _: usize) -> ValueRef<'_> {
            self.0.set(self.0.get() + 1);
            assert!(self.0.get() < 3, "as the test asks");
            ValueRef::Bool(true)
        }
    }

    #[test]
    fn a_value_that_lies_about_its_length_or_panics_leaves_no_byte() {
        let (mut table, mut bytes) = (AttributeTable::default(), Vec::new());
        table.set(&mut bytes, 1000, 9, "a", ValueRef::I64(1), ALL);
        table.set(&mut bytes, 1000, 9, "fickle", ValueRef::Map(&Fickle(Cell::new(0))), ALL);
        assert_eq!(table.dropped(), 1);
        let unwound = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            table.set(&mut bytes, 1000, 9, "bursting", ValueRef::Array(&Bursting(Cell::new(0))), ALL);
        }));
        assert!(unwound.is_err());
        table.set(&mut bytes, 1000, 9, "b", ValueRef::I64(2), ALL);
        assert_eq!(bytes, encoded(&[("a", 1), ("b", 2)]));
    }

    #[test]
    fn keys_with_the_same_mark_are_told_apart() {
        let keys = ["first size", "other size", "", "a", "aa", "aaa"];
        assert_eq!(mark(keys[0].as_bytes()), mark(keys[1].as_bytes()));
        let (mut table, mut bytes) = (AttributeTable::default(), Vec::new());
        for value in 0..2 {
            keys.iter().for_each(|key| table.set(&mut bytes, 1000, 9, key, ValueRef::I64(value), ALL));
        }
        assert_eq!(bytes, encoded(&keys.map(|key| (key, 1))));
    }

    #[test]
    fn hashes_of_like_keys_differ() {
        let mut hashes: Vec<u32> =
            (0..10_000).map(|number| hash(format!("http.request.header.{number}").as_bytes())).collect();
        hashes.sort_unstable();
        hashes.dedup();
        assert!(hashes.len() > 9_990, "{}", hashes.len());
    }
}
