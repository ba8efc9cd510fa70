//! Baggage: the user's own names and values that travel with a request (OpenTelemetry specification, "Baggage API").

mod header;
mod propagator;

use std::sync::Arc;

pub use self::propagator::BaggagePropagator;

/// Names and values that travel with a request. Immutable; a clone costs a reference count.
///
/// Names are compared with case. Any name and value can be held; [`BaggagePropagator`] says which of them travel.
///
/// ```
/// use otlp_core::propagation::Baggage;
///
/// let baggage = Baggage::default().with("tenant", "blue").with("tier", "gold");
/// assert_eq!(baggage.get("tenant"), Some("blue"));
/// assert_eq!(baggage.without("tenant").len(), 1);
/// assert_eq!(baggage.len(), 2, "unchanged");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Baggage {
    /// In the order in which the names first came; `None` if there are none, so that no baggage costs no allocation.
    entries: Option<Arc<[BaggageEntry]>>,
}

/// One name and its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BaggageEntry {
    key: Arc<str>,
    value: Arc<str>,
    metadata: Option<Arc<str>>,
}

impl Baggage {
    /// The value of `key`.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.entry(key).map(BaggageEntry::value)
    }

    /// The entry of `key`.
    pub fn entry(&self, key: &str) -> Option<&BaggageEntry> {
        self.iter().find(|entry| *entry.key == *key)
    }

    /// All entries, in the order in which their names first came.
    pub fn iter(&self) -> std::slice::Iter<'_, BaggageEntry> {
        self.entries.as_deref().unwrap_or_default().iter()
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.iter().len()
    }

    /// Whether there is no entry.
    pub fn is_empty(&self) -> bool {
        self.entries.is_none()
    }

    /// The same baggage with `key` set to `value`, without metadata. The empty name is no name and changes nothing.
    #[must_use]
    pub fn with(&self, key: &str, value: &str) -> Baggage {
        self.with_entry(BaggageEntry { key: key.into(), value: value.into(), metadata: None })
    }

    /// The same baggage with `key` set to `value`, and `metadata` to travel with it: properties as in
    /// `priority=low;sticky`, with no meaning here.
    #[must_use]
    pub fn with_metadata(&self, key: &str, value: &str, metadata: &str) -> Baggage {
        let metadata = (!metadata.is_empty()).then(|| metadata.into());
        self.with_entry(BaggageEntry { key: key.into(), value: value.into(), metadata })
    }

    /// The same baggage without `key`.
    #[must_use]
    pub fn without(&self, key: &str) -> Baggage {
        if self.entry(key).is_none() {
            return self.clone();
        }
        self.iter().filter(|entry| *entry.key != *key).cloned().collect()
    }

    fn with_entry(&self, entry: BaggageEntry) -> Baggage {
        self.iter().cloned().chain([entry]).collect()
    }
}

impl BaggageEntry {
    /// The name.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// The value, decoded.
    pub fn value(&self) -> &str {
        &self.value
    }

    /// The properties that travel with the value, as they travel.
    pub fn metadata(&self) -> Option<&str> {
        self.metadata.as_deref()
    }
}

impl FromIterator<BaggageEntry> for Baggage {
    /// Of entries with the same name the last one counts, in the place of the first. Entries without a name are left
    /// out.
    fn from_iter<I: IntoIterator<Item = BaggageEntry>>(entries: I) -> Self {
        let mut kept: Vec<BaggageEntry> = Vec::new();
        for entry in entries.into_iter().filter(|entry| !entry.key.is_empty()) {
            match kept.iter_mut().find(|other| other.key == entry.key) {
                Some(other) => *other = entry,
                None => kept.push(entry),
            }
        }
        Baggage { entries: (!kept.is_empty()).then(|| kept.into()) }
    }
}

impl<'a> FromIterator<(&'a str, &'a str)> for Baggage {
    /// Names and values without metadata.
    fn from_iter<I: IntoIterator<Item = (&'a str, &'a str)>>(pairs: I) -> Self {
        let entry = |(key, value): (&str, &str)| BaggageEntry { key: key.into(), value: value.into(), metadata: None };
        pairs.into_iter().map(entry).collect()
    }
}

impl<'a> IntoIterator for &'a Baggage {
    type Item = &'a BaggageEntry;
    type IntoIter = std::slice::Iter<'a, BaggageEntry>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_set_again_keeps_its_place_and_loses_its_metadata() {
        let baggage = Baggage::default().with_metadata("a", "1", "x=y").with("b", "2");
        assert_eq!(baggage.entry("a").unwrap().metadata(), Some("x=y"));
        let again = baggage.with("a", "3");
        let pairs: Vec<_> = again.iter().map(|entry| (entry.key(), entry.value(), entry.metadata())).collect();
        assert_eq!(pairs, [("a", "3", None), ("b", "2", None)]);
        assert_eq!(baggage.get("a"), Some("1"), "unchanged");
    }

    #[test]
    fn without_the_last_name_it_is_empty() {
        let baggage = Baggage::from_iter([("a", "1"), ("", "no name")]);
        assert_eq!(baggage.len(), 1);
        assert_eq!(baggage.without("b"), baggage);
        assert!(baggage.without("a").is_empty());
        assert_eq!(baggage.without("a"), Baggage::default());
        assert!(Baggage::default().with("", "1").is_empty());
    }

    #[test]
    fn names_have_case() {
        let baggage = Baggage::from_iter([("a", "1"), ("A", "2")]);
        assert_eq!((baggage.get("a"), baggage.get("A")), (Some("1"), Some("2")));
    }
}
