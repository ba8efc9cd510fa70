//! Carriers: whatever takes and gives text by name. Names are compared without case, as in HTTP.

use std::{collections::HashMap, hash::BuildHasher};

/// A carrier that is read, such as the headers of a request that came in.
///
/// An implementor compares names without ASCII case.
pub trait Extract {
    /// The first value of `key`.
    fn get(&self, key: &str) -> Option<&str>;

    /// All values of `key`, in order. Carriers that may hold a name more than once, as HTTP headers do, must override
    /// the default.
    fn get_all(&self, key: &str) -> Vec<&str> {
        self.get(key).into_iter().collect()
    }

    /// All names, for formats whose names are not known beforehand.
    fn keys(&self) -> Vec<&str>;
}

/// A carrier that is written, such as the headers of a request that goes out.
pub trait Inject {
    /// Sets `key`, in lower case, to `value`, which is printable ASCII, in place of all values that it had.
    fn set(&mut self, key: &str, value: String);
}

impl<S: BuildHasher> Extract for HashMap<String, String, S> {
    fn get(&self, key: &str) -> Option<&str> {
        let exact = HashMap::get(self, key).map(String::as_str);
        exact.or_else(|| self.iter().find(|(name, _)| name.eq_ignore_ascii_case(key)).map(|(_, value)| value.as_str()))
    }

    fn keys(&self) -> Vec<&str> {
        HashMap::keys(self).map(String::as_str).collect()
    }
}

impl<S: BuildHasher> Inject for HashMap<String, String, S> {
    fn set(&mut self, key: &str, value: String) {
        self.retain(|name, _| !name.eq_ignore_ascii_case(key));
        self.insert(key.to_owned(), value);
    }
}

impl Extract for Vec<(String, String)> {
    fn get(&self, key: &str) -> Option<&str> {
        self.iter().find(|(name, _)| name.eq_ignore_ascii_case(key)).map(|(_, value)| value.as_str())
    }

    fn get_all(&self, key: &str) -> Vec<&str> {
        self.iter().filter(|(name, _)| name.eq_ignore_ascii_case(key)).map(|(_, value)| value.as_str()).collect()
    }

    fn keys(&self) -> Vec<&str> {
        self.iter().map(|(name, _)| name.as_str()).collect()
    }
}

impl Inject for Vec<(String, String)> {
    fn set(&mut self, key: &str, value: String) {
        self.retain(|(name, _)| !name.eq_ignore_ascii_case(key));
        self.push((key.to_owned(), value));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(name: &str, value: &str) -> (String, String) {
        (name.to_owned(), value.to_owned())
    }

    #[test]
    fn names_are_read_without_case() {
        let map = HashMap::from([pair("TraceParent", "a")]);
        assert_eq!(Extract::get(&map, "traceparent"), Some("a"));
        assert_eq!(map.get_all("traceparent"), ["a"]);
        assert_eq!(Extract::get(&map, "tracestate"), None);
        assert_eq!(Extract::keys(&map), ["TraceParent"]);

        let list = vec![pair("Baggage", "a"), pair("x", "b"), pair("BAGGAGE", "c")];
        assert_eq!(Extract::get(&list, "baggage"), Some("a"));
        assert_eq!(list.get_all("baggage"), ["a", "c"]);
        assert_eq!(Extract::keys(&list), ["Baggage", "x", "BAGGAGE"]);
    }

    #[test]
    fn setting_replaces_every_spelling() {
        let mut map = HashMap::from([pair("TraceParent", "a"), pair("traceparent", "b"), pair("x", "c")]);
        map.set("traceparent", "d".to_owned());
        assert_eq!(map, HashMap::from([pair("traceparent", "d"), pair("x", "c")]));

        let mut list = vec![pair("TraceParent", "a"), pair("x", "b"), pair("traceparent", "c")];
        list.set("traceparent", "d".to_owned());
        assert_eq!(list, [pair("x", "b"), pair("traceparent", "d")]);
    }
}
