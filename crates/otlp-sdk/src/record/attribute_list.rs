//! The attributes of a message, encoded as they are set; setting a key again replaces its value.
//!
//! Few attributes are searched one by one; more of them through hash buckets, so that a record with very many (a raised
//! limit) stays linear. Beyond the count limit nothing is stored, and the cost of a further key is one look-up.

use otlp_core::{
    ValueRef,
    wire::encode::{self, ValueLimit},
};

use super::{EntryBuffer, short_entry};

/// Up to this many attributes are searched one by one.
const SEARCHED: usize = 32;

/// What marks a bucket without an entry.
const VACANT: u32 = u32::MAX;

/// How many attributes are taken, and how long their values may be.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct AttributeLimit {
    pub(crate) count: usize,
    pub(crate) value_length: ValueLimit,
}

/// The attributes of one message.
#[derive(Debug, Default)]
pub(crate) struct AttributeList {
    entries: EntryBuffer,
    slots: Vec<Slot>,
    /// Indices into `slots`, at the place that the hash says or the next vacant one; empty while there are few.
    /// A power of two, at least twice as many as there are slots.
    buckets: Vec<u32>,
    /// Where an entry is encoded that may turn out not to be kept, or not at the end.
    scratch: Vec<u8>,
    dropped: u32,
}

/// Where an encoded attribute begins: eight bytes, so that a search reads few of them; the rest is in the entry.
#[derive(Debug, Clone, Copy)]
struct Slot {
    /// The last bytes of the key and its length: keys that differ seldom have the same.
    mark: u32,
    /// An offset fits into 32 bits, for a record is at most 64 MiB.
    start: u32,
}

impl Slot {
    #[inline]
    fn start(self) -> usize {
        self.start as usize
    }

    /// The length of the entry: its tag, which is one byte, its length and its content.
    fn len(self, entries: &[u8]) -> usize {
        let (content_len, content) = length_at(entries, self.start() + 1);
        content + content_len - self.start()
    }

    fn key(self, entries: &[u8]) -> &[u8] {
        let (_, content) = length_at(entries, self.start() + 1);
        let (key_len, key) = length_at(entries, content + 1);
        &entries[key..key + key_len]
    }
}

impl AttributeList {
    /// Encodes an attribute as `field`, below 16, at the end or in the place of an earlier one with the same key. What a
    /// limit forbids, or what would make the list longer than `max_len` bytes, is counted instead.
    pub(crate) fn set(&mut self, field: u32, key: &str, value: ValueRef<'_>, limit: &AttributeLimit, max_len: usize) {
        // Not even looked at if it cannot fit.
        if key.len() > max_len {
            return self.drop_one();
        }
        let mark = mark(key.as_bytes());
        let earlier = self.find(mark, key.as_bytes());
        if earlier.is_none() {
            if self.slots.len() >= limit.count {
                return self.drop_one();
            }
            let start = self.entries.len();
            if start + short_entry::LONGEST <= max_len
                && short_entry::put(&mut self.entries, field, key, value, limit.value_length)
            {
                return self.push(Slot { mark, start: start as u32 });
            }
        }
        self.set_any(field, key, value, limit.value_length, max_len, earlier);
    }

    /// As [`AttributeList::set`], for values of any type and size, new or not.
    #[inline(never)]
    fn set_any(
        &mut self,
        field: u32,
        key: &str,
        value: ValueRef<'_>,
        limit: ValueLimit,
        max_len: usize,
        earlier: Option<usize>,
    ) {
        let value_len = encode::any_value_len(value, limit);
        let content_len = encode::bytes_len(1, key.len()) + encode::bytes_len(2, value_len);
        let len = encode::bytes_len(field, content_len);
        let replaced = earlier.map_or(0, |index| self.slots[index].len(self.entries.bytes()));
        if len > (max_len + replaced).saturating_sub(self.entries.len()) {
            return self.drop_one();
        }

        // Apart from the list, for code of the user runs here and may unwind.
        self.scratch.clear();
        self.scratch.reserve(len);
        encode::put_len(&mut self.scratch, field, content_len);
        encode::put_bytes(&mut self.scratch, 1, key.as_bytes());
        encode::put_len(&mut self.scratch, 2, value_len);
        encode::put_any_value(&mut self.scratch, value, limit);
        // A value that answers differently when asked twice would spoil the whole batch.
        if self.scratch.len() != len {
            return self.drop_one();
        }

        let start = match earlier {
            Some(index) => self.slots[index].start(),
            None => self.entries.len(),
        };
        self.entries.splice(start, replaced, &self.scratch);
        match earlier {
            Some(_) => self.shift_after(start, replaced, len),
            None => self.push(Slot { mark: mark(key.as_bytes()), start: start as u32 }),
        }
    }

    /// The encoded attributes.
    #[inline]
    pub(crate) fn entries(&self) -> &[u8] {
        self.entries.bytes()
    }

    /// Whether there is an attribute of this key.
    pub(crate) fn has(&self, key: &str) -> bool {
        self.find(mark(key.as_bytes()), key.as_bytes()).is_some()
    }

    /// Appends the encoded attributes in the order of their bytes: equal attributes are equal bytes, in whatever order they
    /// were set.
    pub(crate) fn put_sorted(&mut self, out: &mut Vec<u8>) {
        let entries = self.entries.bytes();
        let entry = |slot: &Slot| &entries[slot.start()..slot.start() + slot.len(entries)];
        // Their places change, and so the buckets are void.
        self.buckets.clear();
        self.slots.sort_unstable_by(|one, other| entry(one).cmp(entry(other)));
        self.slots.iter().for_each(|slot| out.extend_from_slice(entry(slot)));
    }

    /// How many attributes were not taken.
    #[inline]
    pub(crate) fn dropped(&self) -> u32 {
        self.dropped
    }

    #[inline]
    pub(crate) fn clear(&mut self) {
        self.entries.clear();
        self.slots.clear();
        self.buckets.clear();
        self.dropped = 0;
    }

    /// The size of its largest buffer, in bytes.
    #[inline]
    pub(crate) fn largest_buffer(&self) -> usize {
        let slots = self.slots.capacity() * size_of::<Slot>();
        let buckets = self.buckets.capacity() * size_of::<u32>();
        slots.max(buckets).max(self.scratch.capacity()).max(self.entries.capacity())
    }

    #[inline]
    fn drop_one(&mut self) {
        self.dropped = self.dropped.saturating_add(1);
    }

    #[inline]
    fn find(&self, mark: u32, key: &[u8]) -> Option<usize> {
        if !self.buckets.is_empty() {
            return self.find_among_many(key);
        }
        self.slots.iter().position(|slot| slot.mark == mark && slot.key(self.entries.bytes()) == key)
    }

    #[cold]
    fn find_among_many(&self, key: &[u8]) -> Option<usize> {
        // There are always vacant buckets: at most half are taken.
        let taken = self.places(key).map(|place| self.buckets[place]).take_while(|index| *index != VACANT);
        taken.map(|index| index as usize).find(|index| self.slots[*index].key(self.entries.bytes()) == key)
    }

    #[inline]
    fn push(&mut self, slot: Slot) {
        self.slots.push(slot);
        if self.slots.len() > SEARCHED {
            self.enter_last();
        }
    }

    /// Gives the last slot a bucket, all of them if there were too few buckets.
    #[cold]
    fn enter_last(&mut self) {
        let mut first = self.slots.len() - 1;
        if self.slots.len() * 2 > self.buckets.len() {
            self.buckets.clear();
            self.buckets.resize((self.slots.len() * 4).next_power_of_two(), VACANT);
            first = 0;
        }
        for index in first..self.slots.len() {
            let mut places = self.places(self.slots[index].key(self.entries.bytes()));
            if let Some(place) = places.find(|place| self.buckets[*place] == VACANT) {
                self.buckets[place] = index as u32;
            }
        }
    }

    /// The buckets in which `key` is looked for, in order, round and round.
    fn places(&self, key: &[u8]) -> impl Iterator<Item = usize> + use<> {
        let mask = self.buckets.len() - 1;
        (hash(key) as usize..).map(move |place| place & mask)
    }

    /// Moves the slots after `offset` by the difference of `to` and `from`.
    fn shift_after(&mut self, offset: usize, from: usize, to: usize) {
        let difference = (to as u32).wrapping_sub(from as u32);
        if difference != 0 {
            for slot in self.slots.iter_mut().filter(|slot| slot.start() > offset) {
                slot.start = slot.start.wrapping_add(difference);
            }
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
    let last = match key.last_chunk() {
        Some(last) => u32::from_le_bytes(*last),
        None => key.iter().fold(0, |word, byte| word << 8 | u32::from(*byte)),
    };
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
        let mut list = AttributeList::default();
        let mut set = |key: &str, value| list.set(9, key, ValueRef::I64(value), &ALL, 1000);
        set("a", 1);
        set("b", 2);
        set("c", 3);
        set("a", 4);
        set("b", i64::MAX);
        set("c", 5);
        set("b", 6);
        set("a", -1);
        assert_eq!(list.entries(), encoded(&[("a", -1), ("b", 6), ("c", 5)]));
        assert_eq!(list.dropped(), 0);
    }

    #[test]
    fn very_many_keys_are_found_through_buckets() {
        let mut list = AttributeList::default();
        let keys: Vec<String> = (0..20_000).map(|number| format!("key {number}")).collect();
        for (value, key) in keys.iter().enumerate() {
            list.set(9, key, ValueRef::I64(value as i64 + 1000), &ALL, usize::MAX >> 1);
        }
        for key in keys.iter().rev() {
            list.set(9, key, ValueRef::I64(1000), &ALL, usize::MAX >> 1);
        }
        let expected: Vec<(&str, i64)> = keys.iter().map(|key| (key.as_str(), 1000)).collect();
        assert_eq!(list.entries().len(), encoded(&expected).len());
        assert_eq!(list.slots.len(), keys.len());
    }

    #[test]
    fn a_full_table_drops_new_keys_and_still_replaces_old_ones() {
        let mut list = AttributeList::default();
        let limit = AttributeLimit { count: 2, value_length: None };
        let mut set = |key: &str, value| list.set(9, key, ValueRef::I64(value), &limit, 1000);
        set("a", 1);
        set("b", 2);
        set("c", 3);
        set("a", 4);
        assert_eq!(list.entries(), encoded(&[("a", 4), ("b", 2)]));
        assert_eq!(list.dropped(), 1);
    }

    #[test]
    fn what_does_not_fit_is_dropped_and_a_replacement_may_use_the_room_of_what_it_replaces() {
        let mut list = AttributeList::default();
        let full = encoded(&[("a", 1), ("b", 2)]).len();
        let mut set = |key: &str, value| list.set(9, key, ValueRef::I64(value), &ALL, full);
        set("a", 1);
        set("b", 2);
        set("c", 3);
        set("a", 4);
        set("a", i64::MAX);
        assert_eq!(list.entries(), encoded(&[("a", 4), ("b", 2)]));
        assert_eq!(list.dropped(), 2);
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
        let mut list = AttributeList::default();
        list.set(9, "a", ValueRef::I64(1), &ALL, 1000);
        list.set(9, "fickle", ValueRef::Map(&Fickle(Cell::new(0))), &ALL, 1000);
        assert_eq!(list.dropped(), 1);
        let unwound = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            list.set(9, "bursting", ValueRef::Array(&Bursting(Cell::new(0))), &ALL, 1000);
        }));
        assert!(unwound.is_err());
        list.set(9, "b", ValueRef::I64(2), &ALL, 1000);
        assert_eq!(list.entries(), encoded(&[("a", 1), ("b", 2)]));
    }

    #[test]
    fn keys_with_the_same_mark_are_told_apart() {
        let keys = ["first size", "other size", "", "a", "aa", "aaa"];
        assert_eq!(mark(keys[0].as_bytes()), mark(keys[1].as_bytes()));
        let mut list = AttributeList::default();
        for value in 0..2 {
            keys.iter().for_each(|key| list.set(9, key, ValueRef::I64(value), &ALL, 1000));
        }
        assert_eq!(list.entries(), encoded(&keys.map(|key| (key, 1))));
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
