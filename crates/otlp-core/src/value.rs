//! Attribute values: [`Value`] owns, [`ValueRef`] borrows, and [`AttributeValue`] is what a caller may hand in.
//!
//! A call site never has to build a `Value`: `set_attribute("n", 3)` goes through `AttributeValue` to a `ValueRef`,
//! which is encoded as it stands. Owned values exist for those who read telemetry back.

mod text;

use std::{borrow::Cow, collections::HashMap, sync::Arc};

use serde::{Deserialize, Serialize};

use crate::KeyValue;

/// An owned attribute value or log body (`AnyValue` of OTLP).
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Value {
    /// No value at all.
    #[default]
    Empty,
    /// A UTF-8 string.
    String(String),
    /// A boolean.
    Bool(bool),
    /// A signed 64-bit integer.
    I64(i64),
    /// A double.
    F64(f64),
    /// Any bytes.
    Bytes(Vec<u8>),
    /// Values in order.
    Array(Vec<Value>),
    /// Values by key.
    Map(Vec<KeyValue>),
}

/// A borrowed attribute value, ready to be encoded.
#[derive(Clone, Copy)]
pub enum ValueRef<'a> {
    /// No value at all.
    Empty,
    /// A UTF-8 string.
    Str(&'a str),
    /// A boolean.
    Bool(bool),
    /// A signed 64-bit integer.
    I64(i64),
    /// An unsigned integer. OTLP has none: what exceeds `i64::MAX` is sent as a decimal string.
    U64(u64),
    /// A double.
    F64(f64),
    /// Any bytes.
    Bytes(&'a [u8]),
    /// Values in order.
    Array(&'a dyn ValueSequence),
    /// Values by key.
    Map(&'a dyn ValueMap),
}

/// Values in order, for [`ValueRef::Array`].
pub trait ValueSequence {
    /// How many values there are.
    fn len(&self) -> usize;
    /// Whether there are none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// The value at `index`, which is below [`ValueSequence::len`].
    fn get(&self, index: usize) -> ValueRef<'_>;
}

/// Values by key, for [`ValueRef::Map`].
pub trait ValueMap {
    /// Calls `visit` for each entry, in the same order each time.
    fn for_each(&self, visit: &mut dyn FnMut(&str, ValueRef<'_>));
}

/// What can be an attribute value: strings, booleans, every integer and float width, bytes, arrays and maps.
pub trait AttributeValue {
    /// The value, borrowed.
    fn as_value(&self) -> ValueRef<'_>;
}

/// What can be an element of an array attribute: every [`AttributeValue`] but `u8`, for a slice of `u8` is bytes.
pub trait ArrayElement: AttributeValue {}

macro_rules! scalar {
    ($($type:ty => $variant:ident as $as:ty),* $(,)?) => {$(
        impl AttributeValue for $type {
            #[inline]
            fn as_value(&self) -> ValueRef<'_> {
                ValueRef::$variant(*self as $as)
            }
        }
        impl From<$type> for Value {
            fn from(value: $type) -> Self {
                value.as_value().to_owned()
            }
        }
    )*};
}

scalar! {
    bool => Bool as bool,
    i8 => I64 as i64, i16 => I64 as i64, i32 => I64 as i64, i64 => I64 as i64, isize => I64 as i64,
    u8 => I64 as i64, u16 => I64 as i64, u32 => I64 as i64, u64 => U64 as u64, usize => U64 as u64,
    f32 => F64 as f64, f64 => F64 as f64,
}

macro_rules! elements {
    ($($type:ty),*) => {$(impl ArrayElement for $type {})*};
}

elements!(bool, i8, i16, i32, i64, isize, u16, u32, u64, usize, f32, f64, String, Value);

impl<T: ArrayElement + ?Sized> ArrayElement for &T {}
impl ArrayElement for str {}

impl AttributeValue for str {
    #[inline]
    fn as_value(&self) -> ValueRef<'_> {
        ValueRef::Str(self)
    }
}

impl AttributeValue for String {
    #[inline]
    fn as_value(&self) -> ValueRef<'_> {
        ValueRef::Str(self)
    }
}

impl AttributeValue for Cow<'_, str> {
    #[inline]
    fn as_value(&self) -> ValueRef<'_> {
        ValueRef::Str(self)
    }
}

impl AttributeValue for Arc<str> {
    #[inline]
    fn as_value(&self) -> ValueRef<'_> {
        ValueRef::Str(self)
    }
}

impl<T: AttributeValue + ?Sized> AttributeValue for &T {
    #[inline]
    fn as_value(&self) -> ValueRef<'_> {
        (**self).as_value()
    }
}

impl AttributeValue for ValueRef<'_> {
    #[inline]
    fn as_value(&self) -> ValueRef<'_> {
        *self
    }
}

impl AttributeValue for [u8] {
    #[inline]
    fn as_value(&self) -> ValueRef<'_> {
        ValueRef::Bytes(self)
    }
}

impl<const N: usize> AttributeValue for [u8; N] {
    #[inline]
    fn as_value(&self) -> ValueRef<'_> {
        ValueRef::Bytes(self)
    }
}

impl AttributeValue for Vec<u8> {
    #[inline]
    fn as_value(&self) -> ValueRef<'_> {
        ValueRef::Bytes(self)
    }
}

impl<T: ArrayElement> ValueSequence for Vec<T> {
    fn len(&self) -> usize {
        self.as_slice().len()
    }
    fn get(&self, index: usize) -> ValueRef<'_> {
        self[index].as_value()
    }
}

impl<T: ArrayElement, const N: usize> ValueSequence for [T; N] {
    fn len(&self) -> usize {
        N
    }
    fn get(&self, index: usize) -> ValueRef<'_> {
        self[index].as_value()
    }
}

impl<T: ArrayElement> ValueSequence for &[T] {
    fn len(&self) -> usize {
        (**self).len()
    }
    fn get(&self, index: usize) -> ValueRef<'_> {
        self[index].as_value()
    }
}

impl<T: ArrayElement> AttributeValue for Vec<T> {
    fn as_value(&self) -> ValueRef<'_> {
        ValueRef::Array(self)
    }
}

impl<T: ArrayElement, const N: usize> AttributeValue for [T; N] {
    fn as_value(&self) -> ValueRef<'_> {
        ValueRef::Array(self)
    }
}

impl<T: ArrayElement> AttributeValue for &[T] {
    fn as_value(&self) -> ValueRef<'_> {
        ValueRef::Array(self)
    }
}

impl<K: AsRef<str>, V: AttributeValue, S> ValueMap for HashMap<K, V, S> {
    fn for_each(&self, visit: &mut dyn FnMut(&str, ValueRef<'_>)) {
        for (key, value) in self {
            visit(key.as_ref(), value.as_value());
        }
    }
}

impl<K: AsRef<str>, V: AttributeValue, S> AttributeValue for HashMap<K, V, S> {
    fn as_value(&self) -> ValueRef<'_> {
        ValueRef::Map(self)
    }
}

impl ValueMap for Vec<KeyValue> {
    fn for_each(&self, visit: &mut dyn FnMut(&str, ValueRef<'_>)) {
        for entry in self {
            visit(&entry.key, entry.value.as_value());
        }
    }
}

impl AttributeValue for Value {
    #[inline]
    fn as_value(&self) -> ValueRef<'_> {
        match self {
            Value::Empty => ValueRef::Empty,
            Value::String(value) => ValueRef::Str(value),
            Value::Bool(value) => ValueRef::Bool(*value),
            Value::I64(value) => ValueRef::I64(*value),
            Value::F64(value) => ValueRef::F64(*value),
            Value::Bytes(value) => ValueRef::Bytes(value),
            Value::Array(value) => ValueRef::Array(value),
            Value::Map(value) => ValueRef::Map(value),
        }
    }
}

impl ValueRef<'_> {
    /// Copies into an owned [`Value`].
    pub fn to_owned(self) -> Value {
        match self {
            ValueRef::Empty => Value::Empty,
            ValueRef::Str(value) => Value::String(value.to_owned()),
            ValueRef::Bool(value) => Value::Bool(value),
            ValueRef::I64(value) => Value::I64(value),
            ValueRef::U64(value) => i64::try_from(value).map_or_else(|_| Value::String(value.to_string()), Value::I64),
            ValueRef::F64(value) => Value::F64(value),
            ValueRef::Bytes(value) => Value::Bytes(value.to_owned()),
            ValueRef::Array(values) => {
                Value::Array((0..values.len()).map(|index| values.get(index).to_owned()).collect())
            }
            ValueRef::Map(values) => {
                let mut entries = Vec::new();
                values.for_each(&mut |key, value| entries.push(KeyValue::new(key.to_owned(), value.to_owned())));
                Value::Map(entries)
            }
        }
    }
}

impl Value {
    /// The string, if this is one.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Value::String(value) => Some(value),
            _ => None,
        }
    }
}

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Value::String(value.to_owned())
    }
}

impl From<String> for Value {
    fn from(value: String) -> Self {
        Value::String(value)
    }
}

impl From<Cow<'_, str>> for Value {
    fn from(value: Cow<'_, str>) -> Self {
        Value::String(value.into_owned())
    }
}

impl From<&[u8]> for Value {
    fn from(value: &[u8]) -> Self {
        Value::Bytes(value.to_owned())
    }
}

impl From<Vec<u8>> for Value {
    fn from(value: Vec<u8>) -> Self {
        Value::Bytes(value)
    }
}

impl<T: ArrayElement> From<Vec<T>> for Value {
    fn from(values: Vec<T>) -> Self {
        values.as_value().to_owned()
    }
}

impl<T: ArrayElement, const N: usize> From<[T; N]> for Value {
    fn from(values: [T; N]) -> Self {
        values.as_value().to_owned()
    }
}

impl<K: AsRef<str>, V: AttributeValue, S> From<HashMap<K, V, S>> for Value {
    fn from(values: HashMap<K, V, S>) -> Self {
        values.as_value().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unsigned_integer_beyond_i64_becomes_a_decimal_string() {
        assert_eq!(Value::from(u64::MAX), Value::String("18446744073709551615".into()));
        assert_eq!(Value::from(7u64), Value::I64(7));
    }

    #[test]
    fn a_slice_of_u8_is_bytes_and_any_other_slice_an_array() {
        assert_eq!(Value::from(vec![1u8, 2]), Value::Bytes(vec![1, 2]));
        assert_eq!(Value::from([1i32, 2]), Value::Array(vec![Value::I64(1), Value::I64(2)]));
        assert_eq!(["a", "b"].as_value().to_owned(), Value::Array(vec!["a".into(), "b".into()]));
    }
}
