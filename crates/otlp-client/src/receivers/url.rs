//! A URL without host and port, for receivers that differ in nothing else. What comes of it is checked by the transport.

use otlp_discovery::Endpoint;

/// What stands around host and port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Template {
    /// With `://`, or empty as gRPC allows.
    scheme: String,
    /// Path and query.
    rest: String,
}

impl Template {
    pub(super) fn of(url: &str) -> Self {
        let (scheme, _, rest) = parts(url);
        // A lone slash is no path: it must not tell two URLs apart.
        Template { scheme: scheme.to_ascii_lowercase(), rest: if rest == "/" { "" } else { rest }.to_owned() }
    }

    /// The URL of an endpoint.
    pub(super) fn url(&self, endpoint: &Endpoint) -> String {
        format!("{}{endpoint}{}", self.scheme, self.rest)
    }

    /// The endpoint that a URL of this form names.
    pub(super) fn endpoint_of(&self, url: &str) -> Option<Endpoint> {
        let (_, authority, _) = parts(url);
        if let Ok(endpoint) = authority.parse() {
            return Some(endpoint);
        }
        let port = match self.scheme.as_str() {
            "http://" => 80,
            "https://" => 443,
            _ => return None,
        };
        format!("{authority}:{port}").parse().ok()
    }
}

/// The host of a URL.
pub(super) fn host(url: &str) -> Option<String> {
    Template::of(url).endpoint_of(url).map(|endpoint| endpoint.host)
}

/// The URL without what may be secret: user and query.
pub(super) fn shown(url: &str) -> String {
    let (scheme, authority, rest) = parts(url);
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    format!("{scheme}{host}{}", rest.split(['?', '#']).next().unwrap_or_default())
}

/// Scheme with `://`, authority, and the rest.
fn parts(url: &str) -> (&str, &str, &str) {
    let after_scheme = url.find("://").map_or(0, |at| at + 3);
    let (scheme, tail) = url.split_at(after_scheme);
    let (authority, rest) = tail.split_at(tail.find(['/', '?', '#']).unwrap_or(tail.len()));
    (scheme, authority, rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_takes_the_place_of_host_and_port() {
        for (url, expected) in [
            ("http://localhost:4317", "http://10.0.0.7:1"),
            ("http://localhost:4317/", "http://10.0.0.7:1"),
            ("https://h/otlp?key=1", "https://10.0.0.7:1/otlp?key=1"),
            ("h:4317", "10.0.0.7:1"),
        ] {
            assert_eq!(Template::of(url).url(&Endpoint::new("10.0.0.7", 1)), expected);
        }
    }

    #[test]
    fn the_endpoint_of_a_url_has_the_port_of_the_scheme_unless_it_says_another() {
        let endpoint = |url: &str| Template::of(url).endpoint_of(url).map(|endpoint| endpoint.to_string());
        assert_eq!(endpoint("https://h/otlp").as_deref(), Some("h:443"));
        assert_eq!(endpoint("http://[::1]:4318/otlp").as_deref(), Some("[::1]:4318"));
        assert_eq!(endpoint("http://[::1]").as_deref(), Some("[::1]:80"));
        assert_eq!(endpoint("h:4317").as_deref(), Some("h:4317"));
        assert_eq!(endpoint("h"), None);
        assert_eq!(endpoint("http://user:secret@h:1"), None);
    }

    #[test]
    fn no_secret_is_shown() {
        assert_eq!(shown("http://user:hunter2@h:1/x?key=hunter2"), "http://h:1/x");
    }
}
