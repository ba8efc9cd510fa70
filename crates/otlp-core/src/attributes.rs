//! Attributes: what owned data holds ([`KeyValue`], [`Attributes`]) and what a caller may hand in ([`AttributeSet`]).

use std::{borrow::Cow, collections::HashMap, ops::Deref};

use serde::{Deserialize, Serialize};

use crate::{AttributeValue, Value, ValueRef};

/// A key and its value.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct KeyValue {
    /// The key. The specification asks for a non-empty one; an empty one is carried as it is.
    pub key: Cow<'static, str>,
    /// The value.
    pub value: Value,
}

impl KeyValue {
    /// A pair of key and value.
    ///
    /// ```
    /// use otlp_core::KeyValue;
    /// let pair = KeyValue::new("http.request.method", "GET");
    /// assert_eq!(pair.value.as_str(), Some("GET"));
    /// ```
    pub fn new(key: impl Into<Cow<'static, str>>, value: impl Into<Value>) -> Self {
        KeyValue { key: key.into(), value: value.into() }
    }
}

/// Owned attributes in the order in which they were set.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Attributes(Vec<KeyValue>);

impl Attributes {
    /// The value of `key`, the first one if it occurs more than once.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.0.iter().find(|entry| entry.key == key).map(|entry| &entry.value)
    }

    /// Sets `key`, replacing an earlier value.
    pub fn set(&mut self, key: impl Into<Cow<'static, str>>, value: impl Into<Value>) {
        let (key, value) = (key.into(), value.into());
        match self.0.iter_mut().find(|entry| entry.key == key) {
            Some(entry) => entry.value = value,
            None => self.0.push(KeyValue { key, value }),
        }
    }

    /// The entries as a vector.
    pub fn into_vec(self) -> Vec<KeyValue> {
        self.0
    }
}

impl Deref for Attributes {
    type Target = [KeyValue];
    fn deref(&self) -> &[KeyValue] {
        &self.0
    }
}

impl From<Vec<KeyValue>> for Attributes {
    fn from(entries: Vec<KeyValue>) -> Self {
        Attributes(entries)
    }
}

impl FromIterator<KeyValue> for Attributes {
    fn from_iter<I: IntoIterator<Item = KeyValue>>(entries: I) -> Self {
        Attributes(entries.into_iter().collect())
    }
}

impl IntoIterator for Attributes {
    type Item = KeyValue;
    type IntoIter = std::vec::IntoIter<KeyValue>;
    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<'a> IntoIterator for &'a Attributes {
    type Item = &'a KeyValue;
    type IntoIter = std::slice::Iter<'a, KeyValue>;
    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

/// What can be handed in where attributes are asked for: a slice or an array of pairs, a vector, a `HashMap` of [`Value`],
/// nothing.
///
/// Two visits of an unchanged set must yield the same entries in the same order.
pub trait AttributeSet {
    /// How many entries there are.
    fn count(&self) -> usize;
    /// Calls `visit` for each entry.
    fn for_each<F: FnMut(&str, ValueRef<'_>)>(&self, visit: F);
}

impl AttributeSet for () {
    fn count(&self) -> usize {
        0
    }
    fn for_each<F: FnMut(&str, ValueRef<'_>)>(&self, _: F) {}
}

impl AttributeSet for [KeyValue] {
    #[inline]
    fn count(&self) -> usize {
        self.len()
    }
    #[inline]
    fn for_each<F: FnMut(&str, ValueRef<'_>)>(&self, mut visit: F) {
        for entry in self {
            visit(&entry.key, entry.value.as_value());
        }
    }
}

impl<K: AsRef<str>, V: AttributeValue> AttributeSet for [(K, V)] {
    #[inline]
    fn count(&self) -> usize {
        self.len()
    }
    #[inline]
    fn for_each<F: FnMut(&str, ValueRef<'_>)>(&self, mut visit: F) {
        for (key, value) in self {
            visit(key.as_ref(), value.as_value());
        }
    }
}

impl<T, const N: usize> AttributeSet for [T; N]
where
    [T]: AttributeSet,
{
    #[inline]
    fn count(&self) -> usize {
        N
    }
    #[inline]
    fn for_each<F: FnMut(&str, ValueRef<'_>)>(&self, visit: F) {
        self.as_slice().for_each(visit);
    }
}

impl<T> AttributeSet for Vec<T>
where
    [T]: AttributeSet,
{
    #[inline]
    fn count(&self) -> usize {
        self.len()
    }
    #[inline]
    fn for_each<F: FnMut(&str, ValueRef<'_>)>(&self, visit: F) {
        self.as_slice().for_each(visit);
    }
}

impl AttributeSet for Attributes {
    fn count(&self) -> usize {
        self.0.len()
    }
    fn for_each<F: FnMut(&str, ValueRef<'_>)>(&self, visit: F) {
        self.0.as_slice().for_each(visit);
    }
}

/// Of [`Value`] alone and not of any [`AttributeValue`]: so a map that is filled with `value.into()` needs no type written
/// out. A map of one plain type is handed in as a vector of pairs, or collected as one of values.
impl<K: AsRef<str>, S> AttributeSet for HashMap<K, Value, S> {
    fn count(&self) -> usize {
        self.len()
    }
    fn for_each<F: FnMut(&str, ValueRef<'_>)>(&self, mut visit: F) {
        for (key, value) in self {
            visit(key.as_ref(), value.as_value());
        }
    }
}

impl<T: AttributeSet + ?Sized> AttributeSet for &T {
    #[inline]
    fn count(&self) -> usize {
        (**self).count()
    }
    #[inline]
    fn for_each<F: FnMut(&str, ValueRef<'_>)>(&self, visit: F) {
        (**self).for_each(visit);
    }
}
