//! [`Identity`]: the attributes of a series, encoded once at its creation, and compared exactly ever after.
//!
//! The encoded bytes hold every key and every string already, so they serve the comparison as well: a pair only says
//! where in them its parts are.

use std::collections::{HashMap, hash_map::Entry};

use otlp_core::{
    AttributeSet, AttributeValue, Attributes, KeyValue, Value, ValueMap, ValueRef, ValueSequence, wire::encode,
};

/// The distinct attributes of a series.
pub(in crate::metrics) struct Identity {
    /// In the order in which they were first handed in; keys are distinct.
    pairs: Box<[Pair]>,
    /// All pairs as repeated `KeyValue` fields of a data point.
    encoded: Box<[u8]>,
}

struct Pair {
    key: Span,
    value: Kept,
}

/// A part of the encoded bytes.
#[derive(Clone, Copy)]
struct Span {
    start: u32,
    len: u32,
}

/// A value, as far as it is not in the encoded bytes in a form that can be compared.
enum Kept {
    Empty,
    Text(Span),
    Bool(bool),
    I64(i64),
    F64(u64),
    Bytes(Span),
    /// An array or a map.
    Nested(Box<Value>),
}

impl Identity {
    /// The identity of `attributes`, whose keys are distinct (see [`distinct`]) and which are within 4 GiB, encoded as
    /// field number `field`.
    pub(in crate::metrics) fn new(attributes: &[KeyValue], field: u32) -> Self {
        let len = attributes.iter().map(|entry| field_len(field, &entry.key, entry.value.as_value())).sum();
        let mut encoded = Vec::with_capacity(len);
        let pairs = attributes
            .iter()
            .map(|entry| {
                let value = entry.value.as_value();
                let content = encode::key_value_len(&entry.key, value, None);
                let key_len = entry.key.len();
                let start = encoded.len()
                    + (encode::bytes_len(field, content) - content)
                    + (encode::bytes_len(1, key_len) - key_len);
                encode::put_key_value(&mut encoded, field, &entry.key, value, None);
                Pair { key: Span::new(start, key_len), value: Kept::new(&entry.value, encoded.len()) }
            })
            .collect();
        Identity { pairs, encoded: encoded.into_boxed_slice() }
    }

    /// All attributes as repeated `KeyValue` fields.
    #[inline]
    pub(in crate::metrics) fn encoded(&self) -> &[u8] {
        &self.encoded
    }

    /// The attributes, owned.
    pub(in crate::metrics) fn to_attributes(&self) -> Attributes {
        let text = |span| String::from_utf8_lossy(self.part(span)).into_owned();
        self.pairs
            .iter()
            .map(|pair| {
                let value = match &pair.value {
                    Kept::Empty => Value::Empty,
                    Kept::Text(span) => Value::String(text(*span)),
                    Kept::Bool(value) => Value::Bool(*value),
                    Kept::I64(value) => Value::I64(*value),
                    Kept::F64(bits) => Value::F64(f64::from_bits(*bits)),
                    Kept::Bytes(span) => Value::Bytes(self.part(*span).to_owned()),
                    Kept::Nested(value) => (**value).clone(),
                };
                KeyValue::new(text(pair.key), value)
            })
            .collect()
    }

    /// Whether `attributes` are these, in any order. Attributes with a repeated key never are.
    #[inline]
    pub(in crate::metrics) fn matches<A: AttributeSet + ?Sized>(&self, attributes: &A) -> bool {
        let mut rest = self.pairs.iter();
        let mut same = true;
        attributes.for_each(|key, value| {
            same = same && rest.next().is_some_and(|pair| self.is_pair(pair, key, value));
        });
        same && rest.len() == 0 || self.matches_in_another_order(attributes)
    }

    #[cold]
    fn matches_in_another_order<A: AttributeSet + ?Sized>(&self, attributes: &A) -> bool {
        let len = self.pairs.len();
        if attributes.count() != len {
            return false;
        }
        // A key that is handed in twice finds the same pair twice and leaves another one unfound.
        let (mut few, mut many) = ([false; 16], Vec::new());
        let found = if len <= few.len() {
            &mut few[..len]
        } else {
            many.resize(len, false);
            many.as_mut_slice()
        };
        attributes.for_each(|key, value| {
            if let Some(index) = self.pairs.iter().position(|pair| self.is_pair(pair, key, value)) {
                found[index] = true;
            }
        });
        found.iter().all(|found| *found)
    }

    /// Takes the value apart here, for the same reason as the hash does.
    #[inline(always)]
    fn is_pair(&self, pair: &Pair, key: &str, value: ValueRef<'_>) -> bool {
        self.part(pair.key) == key.as_bytes()
            && match (&pair.value, value) {
                (Kept::Text(span), ValueRef::Str(text)) => self.part(*span) == text.as_bytes(),
                (Kept::I64(value), ValueRef::I64(given)) => *value == given,
                (Kept::I64(value), ValueRef::U64(given)) => i64::try_from(given) == Ok(*value),
                (Kept::Bool(value), ValueRef::Bool(given)) => *value == given,
                (Kept::F64(bits), ValueRef::F64(given)) => *bits == given.to_bits(),
                (Kept::Bytes(span), ValueRef::Bytes(given)) => self.part(*span) == given,
                (Kept::Text(span), ValueRef::U64(given)) => is_large_decimal(self.part(*span), given),
                (Kept::Nested(value), ValueRef::Array(given)) => same_array(value, given, 0),
                (Kept::Nested(value), ValueRef::Map(given)) => same_map(value, given, 0),
                (Kept::Empty, ValueRef::Empty) => true,
                _ => false,
            }
    }

    #[inline]
    fn part(&self, span: Span) -> &[u8] {
        let start = span.start as usize;
        &self.encoded[start..start + span.len as usize]
    }
}

impl Span {
    fn new(start: usize, len: usize) -> Self {
        Span { start: start as u32, len: len as u32 }
    }
}

impl Kept {
    /// What is kept of `value`, which was just encoded and ends at `end`.
    fn new(value: &Value, end: usize) -> Self {
        match value {
            Value::Empty => Kept::Empty,
            Value::String(text) => Kept::Text(Span::new(end - text.len(), text.len())),
            Value::Bool(value) => Kept::Bool(*value),
            Value::I64(value) => Kept::I64(*value),
            Value::F64(value) => Kept::F64(value.to_bits()),
            Value::Bytes(bytes) => Kept::Bytes(Span::new(end - bytes.len(), bytes.len())),
            Value::Array(_) | Value::Map(_) => Kept::Nested(Box::new(value.clone())),
        }
    }
}

/// How many bytes a pair takes as field number `field`.
fn field_len(field: u32, key: &str, value: ValueRef<'_>) -> usize {
    encode::bytes_len(field, encode::key_value_len(key, value, None))
}

/// How many bytes `attributes` take as a repeated `KeyValue` field with a tag of one byte.
pub(in crate::metrics) fn attributes_len<A: AttributeSet + ?Sized>(attributes: &A) -> usize {
    let mut len = 0;
    attributes.for_each(|key, value| len += field_len(1, key, value));
    len
}

/// Whether a key occurs more than once. Looks at each pair of keys and is meant for few of them.
pub(in crate::metrics) fn has_repeated_key<A: AttributeSet + ?Sized>(attributes: &A) -> bool {
    let mut repeated = false;
    let mut index = 0;
    attributes.for_each(|key, _| {
        let mut before = 0;
        attributes.for_each(|other, _| {
            repeated |= before < index && key == other;
            before += 1;
        });
        index += 1;
    });
    repeated
}

/// The attributes, owned and with distinct keys: of a repeated key, the last value counts.
pub(in crate::metrics) fn distinct<A: AttributeSet + ?Sized>(attributes: &A) -> Vec<KeyValue> {
    let mut positions: HashMap<String, usize> = HashMap::new();
    let mut entries: Vec<KeyValue> = Vec::with_capacity(attributes.count());
    attributes.for_each(|key, value| {
        let value = value_within_depth(value, 0);
        match positions.entry(key.to_owned()) {
            Entry::Occupied(position) => entries[*position.get()].value = value,
            Entry::Vacant(position) => {
                position.insert(entries.len());
                entries.push(KeyValue::new(key.to_owned(), value));
            }
        }
    });
    entries
}

/// The value, owned, without what the encoder cuts off.
fn value_within_depth(value: ValueRef<'_>, depth: usize) -> Value {
    match value {
        ValueRef::Array(_) if depth == encode::MAX_DEPTH => Value::Array(Vec::new()),
        ValueRef::Map(_) if depth == encode::MAX_DEPTH => Value::Map(Vec::new()),
        ValueRef::Array(values) => {
            Value::Array((0..values.len()).map(|index| value_within_depth(values.get(index), depth + 1)).collect())
        }
        ValueRef::Map(values) => {
            let mut entries = Vec::new();
            values.for_each(&mut |key, value| {
                entries.push(KeyValue::new(key.to_owned(), value_within_depth(value, depth + 1)));
            });
            Value::Map(entries)
        }
        value => value.to_owned(),
    }
}

/// Whether `text` is `value` in decimal digits, and `value` one that OTLP has no integer for.
#[cold]
fn is_large_decimal(text: &[u8], value: u64) -> bool {
    value > i64::MAX as u64 && text == value.to_string().as_bytes()
}

#[cold]
fn same_array(kept: &Value, given: &dyn ValueSequence, depth: usize) -> bool {
    match kept {
        Value::Array(_) if depth == encode::MAX_DEPTH => true,
        Value::Array(kept) => {
            let same = |(index, kept): (usize, &Value)| same_value(kept, given.get(index), depth + 1);
            kept.len() == given.len() && kept.iter().enumerate().all(same)
        }
        _ => false,
    }
}

#[cold]
fn same_map(kept: &Value, given: &dyn ValueMap, depth: usize) -> bool {
    match kept {
        Value::Map(_) if depth == encode::MAX_DEPTH => true,
        Value::Map(kept) => same_entries(kept, given, depth + 1),
        _ => false,
    }
}

/// Whether what is in an array or map is the same.
fn same_value(kept: &Value, given: ValueRef<'_>, depth: usize) -> bool {
    match (kept, given) {
        (kept, ValueRef::Array(given)) => same_array(kept, given, depth),
        (kept, ValueRef::Map(given)) => same_map(kept, given, depth),
        (Value::String(kept), ValueRef::Str(given)) => kept == given,
        (Value::String(kept), ValueRef::U64(given)) => is_large_decimal(kept.as_bytes(), given),
        (Value::I64(kept), ValueRef::I64(given)) => *kept == given,
        (Value::I64(kept), ValueRef::U64(given)) => i64::try_from(given) == Ok(*kept),
        (Value::Bool(kept), ValueRef::Bool(given)) => *kept == given,
        (Value::F64(kept), ValueRef::F64(given)) => kept.to_bits() == given.to_bits(),
        (Value::Bytes(kept), ValueRef::Bytes(given)) => kept == given,
        (Value::Empty, ValueRef::Empty) => true,
        _ => false,
    }
}

/// Whether each entry occurs as often in the one as in the other; their order makes no difference.
fn same_entries(kept: &[KeyValue], given: &dyn ValueMap, depth: usize) -> bool {
    let mut count = 0;
    given.for_each(&mut |_, _| count += 1);
    count == kept.len()
        && kept.iter().all(|entry| {
            let value = entry.value.as_value();
            let is_entry = |other: &&KeyValue| other.key == entry.key && same_value(&other.value, value, depth);
            let in_kept = kept.iter().filter(is_entry).count();
            let mut in_given = 0;
            given.for_each(&mut |key, value| {
                in_given += usize::from(entry.key == key && same_value(&entry.value, value, depth));
            });
            in_kept == in_given
        })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn identity<A: AttributeSet + ?Sized>(attributes: &A) -> Identity {
        Identity::new(&distinct(attributes), 7)
    }

    #[test]
    fn the_order_of_pairs_makes_no_difference_and_everything_else_does() {
        let kept = identity(&[("method", "GET"), ("route", "/orders"), ("region", "eu")]);
        assert!(kept.matches(&[("method", "GET"), ("route", "/orders"), ("region", "eu")]));
        assert!(kept.matches(&[("region", "eu"), ("method", "GET"), ("route", "/orders")]));
        assert!(!kept.matches(&[("method", "PUT"), ("route", "/orders"), ("region", "eu")]));
        assert!(!kept.matches(&[("method", "GET"), ("route", "/orders")]));
        assert!(!kept.matches(&[("method", "GET"), ("route", "/orders"), ("region", "eu"), ("x", "y")]));
        assert!(!kept.matches(&[("method", "GET"), ("route", "/orders"), ("method", "GET")]));
        assert!(!kept.matches(&()));
        assert!(identity(&()).matches(&()));
    }

    #[test]
    fn of_a_repeated_key_the_last_value_counts() {
        let kept = identity(&[("a", 1), ("b", 2), ("a", 3)]);
        assert!(kept.matches(&[("a", 3), ("b", 2)]));
        assert!(!kept.matches(&[("a", 1), ("b", 2)]));
        assert!(has_repeated_key(&[("a", 1), ("b", 2), ("a", 3)]));
        assert!(!has_repeated_key(&[("a", 1), ("b", 2)]));
    }

    #[test]
    fn maps_within_values_match_in_any_order_but_not_with_other_entries() {
        let map = |entries: &[(&'static str, i64)]| {
            Value::Map(entries.iter().map(|(key, value)| KeyValue::new(*key, *value)).collect())
        };
        let kept = identity(&[("m", map(&[("a", 1), ("b", 2)]))]);
        assert!(kept.matches(&[("m", map(&[("b", 2), ("a", 1)]))]));
        assert!(!kept.matches(&[("m", map(&[("a", 1), ("a", 1)]))]));
        assert!(!kept.matches(&[("m", map(&[("a", 1)]))]));
    }

    #[test]
    fn values_nested_without_end_are_cut_as_the_encoder_cuts_them() {
        let nest = |core: i64| (0..100).fold(Value::I64(core), |inner, _| Value::Array(vec![inner]));
        assert!(identity(&[("deep", nest(1))]).matches(&[("deep", nest(2))]));
    }

    fn any_value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Empty),
            "[a-c]{0,20}".prop_map(Value::String),
            any::<bool>().prop_map(Value::Bool),
            (-2i64..2).prop_map(Value::I64),
            prop::sample::select(vec![0.0, -0.0, 1.5, f64::NAN]).prop_map(Value::F64),
            prop::collection::vec(0u8..3, 0..3).prop_map(Value::Bytes),
        ];
        leaf.prop_recursive(3, 12, 3, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..3).prop_map(Value::Array),
                prop::collection::vec(("[ab]", inner), 0..3)
                    .prop_map(|map| { Value::Map(map.into_iter().map(|(k, v)| KeyValue::new(k, v)).collect()) }),
            ]
        })
    }

    proptest! {
        #[test]
        fn an_identity_matches_and_gives_back_what_it_was_made_of(
            attributes in prop::collection::vec(("[a-d]{0,18}", any_value()), 0..6)
        ) {
            let given = distinct(attributes.as_slice());
            let kept = Identity::new(&given, 9);
            prop_assert!(kept.matches(given.as_slice()));
            let reversed: Vec<KeyValue> = given.iter().rev().cloned().collect();
            prop_assert!(kept.matches(reversed.as_slice()));
            // NaN is no equal of itself, so compare what is printed.
            prop_assert_eq!(format!("{:?}", kept.to_attributes().into_vec()), format!("{given:?}"));
            prop_assert_eq!(kept.encoded().len(), attributes_len(given.as_slice()));
        }

        #[test]
        fn identities_match_exactly_when_their_attributes_are_equal(
            one in prop::collection::vec(("[ab]", any_value()), 0..3),
            two in prop::collection::vec(("[ab]", any_value()), 0..3),
        ) {
            let normal = |attributes: &[(String, Value)]| {
                let mut entries = distinct(attributes);
                entries.sort_by(|a, b| a.key.cmp(&b.key));
                entries.iter_mut().for_each(|entry| sort_maps(&mut entry.value));
                format!("{entries:?}")
            };
            let equal = normal(&one) == normal(&two);
            let kept = Identity::new(&distinct(one.as_slice()), 7);
            prop_assert_eq!(kept.matches(distinct(two.as_slice()).as_slice()), equal);
        }
    }

    fn sort_maps(value: &mut Value) {
        match value {
            Value::Array(values) => values.iter_mut().for_each(sort_maps),
            Value::Map(entries) => {
                entries.iter_mut().for_each(|entry| sort_maps(&mut entry.value));
                entries.sort_by_key(|entry| format!("{entry:?}"));
            }
            _ => {}
        }
    }
}
