//! The headers that a user adds to every request. Their values are secrets: no `Debug` and no error shows them, and
//! HPACK is told to never index them.

use std::fmt;

use http::header::{HeaderMap, HeaderName, HeaderValue};

use super::ConfigError;

/// What the transport sets itself, or what would break the framing of the request.
const RESERVED: [&str; 14] = [
    "accept-encoding",
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "grpc-accept-encoding",
    "grpc-encoding",
    "grpc-timeout",
    "host",
    "keep-alive",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// Headers that go with every request, for instance `authorization`.
///
/// A name may occur more than once; all its values are sent, in order. `user-agent` replaces the transport's own.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Headers(Vec<(String, String)>);

impl Headers {
    /// No headers.
    pub fn new() -> Self {
        Headers::default()
    }

    /// Adds a header. Name and value are checked when the transport is built.
    pub fn append(&mut self, name: impl Into<String>, value: impl Into<String>) {
        self.0.push((name.into(), value.into()));
    }

    /// Checked, and marked as sensitive.
    pub(crate) fn to_map(&self) -> Result<HeaderMap, ConfigError> {
        let mut map = HeaderMap::with_capacity(self.0.len());
        for (name, value) in &self.0 {
            let fail = |reason| ConfigError::Header { name: name.clone(), reason };
            let key = HeaderName::try_from(name.as_str())
                .map_err(|_| fail("the name is no HTTP header name: use letters, digits and -"))?;
            if RESERVED.contains(&key.as_str()) {
                return Err(fail("the transport sets this header itself: remove it"));
            }
            let mut value = HeaderValue::try_from(value.as_str())
                .map_err(|_| fail("the value holds characters that HTTP headers cannot carry: use visible ASCII"))?;
            value.set_sensitive(true);
            map.append(key, value);
        }
        Ok(map)
    }
}

impl<N: Into<String>, V: Into<String>> FromIterator<(N, V)> for Headers {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(headers: I) -> Self {
        Headers(headers.into_iter().map(|(name, value)| (name.into(), value.into())).collect())
    }
}

/// Shows the names alone.
impl fmt::Debug for Headers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.iter().map(|(name, _)| name)).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_stay_secret() {
        let headers: Headers = [("authorization", "Bearer hunter2"), ("x-tenant", "hunter2")].into_iter().collect();
        assert_eq!(format!("{headers:?}"), r#"{"authorization", "x-tenant"}"#);
        assert!(!format!("{:?}", headers.to_map().unwrap()).contains("hunter2"));
        let broken: Headers = [("x-key", "hunter2\n")].into_iter().collect();
        let error = broken.to_map().unwrap_err();
        assert!(!format!("{error} {error:?}").contains("hunter2"));
    }

    #[test]
    fn all_values_of_a_name_are_kept_in_order() {
        let headers: Headers = [("x-a", "1"), ("X-A", "2")].into_iter().collect();
        let map = headers.to_map().unwrap();
        assert_eq!(map.get_all("x-a").iter().collect::<Vec<_>>(), ["1", "2"]);
    }

    #[test]
    fn bad_and_reserved_names_are_refused_by_name() {
        for name in ["", "a b", "Content-Type", "TE", "grpc-timeout", "host"] {
            let headers: Headers = [(name, "x")].into_iter().collect();
            let error = headers.to_map().unwrap_err().to_string();
            assert!(error.contains(&format!("{name:?}")), "{error}");
        }
    }
}
