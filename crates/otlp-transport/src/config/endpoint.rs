//! Where requests go: from the URLs that a user writes to the target that a connection needs.
//!
//! Nothing in here keeps or shows credentials: a URL with user information is refused, and a query (which may hold an
//! API key) is sent but never displayed.

use std::{fmt, net::IpAddr};

use otlp_core::Signal;
use url::Url;

use super::ConfigError;
use crate::response::quoted;

/// No receiver takes more than that in the first line of a request.
const LONGEST_URL: usize = 8192;

/// The endpoint of each signal (OTLP exporter specification, "Endpoint URLs for OTLP/HTTP").
///
/// Over gRPC both forms name a host and a port; there is no path to append to.
///
/// ```
/// use otlp_core::Signal;
/// use otlp_transport::Endpoints;
///
/// // Traces go to a URL of their own; metrics and logs to /v1/metrics and /v1/logs of the base.
/// let endpoints = Endpoints::base("http://localhost:4318")
///     .with_exact(Signal::Traces, "https://traces.example.com/ingest");
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Endpoints {
    base: Option<String>,
    exact: [Option<String>; 3],
}

impl Endpoints {
    /// One URL for all signals; over HTTP, `v1/<signal>` is appended to its path.
    pub fn base(url: impl Into<String>) -> Self {
        Endpoints { base: Some(url.into()), exact: [None, None, None] }
    }

    /// The URL of one signal, used as it is; an empty path becomes `/`. The other signals have no endpoint.
    pub fn exact(signal: Signal, url: impl Into<String>) -> Self {
        Endpoints { base: None, exact: [None, None, None] }.with_exact(signal, url)
    }

    /// Gives `signal` a URL of its own, used as it is.
    #[must_use]
    pub fn with_exact(mut self, signal: Signal, url: impl Into<String>) -> Self {
        self.exact[signal.index()] = Some(url.into());
        self
    }

    /// The target of `signal` over HTTP, if it has one.
    pub(crate) fn http(&self, signal: Signal) -> Result<Option<Target>, ConfigError> {
        if let Some(url) = &self.exact[signal.index()] {
            return Target::http(url).map(Some);
        }
        let Some(base) = &self.base else { return Ok(None) };
        let mut target = Target::http(base)?;
        target.path.truncate(target.path.trim_end_matches('/').len());
        target.path.push_str("/v1/");
        target.path.push_str(signal.name());
        Ok(Some(target))
    }

    /// The target of `signal` over gRPC, if it has one. `insecure` decides for endpoints without a scheme.
    pub(crate) fn grpc(&self, signal: Signal, insecure: bool) -> Result<Option<Target>, ConfigError> {
        let url = self.exact[signal.index()].as_ref().or(self.base.as_ref());
        url.map(|url| Target::grpc(url, insecure)).transpose()
    }
}

/// Shows no credentials and no query.
impl fmt::Debug for Endpoints {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut map = f.debug_map();
        if let Some(base) = &self.base {
            map.entry(&"base", &shown(base));
        }
        for signal in Signal::ALL {
            if let Some(url) = &self.exact[signal.index()] {
                map.entry(&signal.name(), &shown(url));
            }
        }
        map.finish()
    }
}

/// A parsed endpoint. Displayed, it is the URL without its query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Target {
    /// Whether TLS is spoken.
    pub(crate) https: bool,
    /// A name, or an address without brackets: what is resolved and what TLS verifies.
    pub(crate) host: String,
    pub(crate) port: u16,
    /// Host and port as `Host` and `:authority` carry them.
    pub(crate) authority: String,
    /// Begins with `/`.
    path: String,
    /// With its `?`, or empty.
    query: String,
}

impl Target {
    fn http(text: &str) -> Result<Self, ConfigError> {
        if !text.contains("://") {
            return Err(invalid(text, "the scheme is missing: begin with http:// or https://"));
        }
        Target::parse(text, text)
    }

    fn grpc(text: &str, insecure: bool) -> Result<Self, ConfigError> {
        let target = if text.contains("://") {
            Target::parse(text, text)?
        } else {
            Target::parse(text, &format!("{}://{text}", if insecure { "http" } else { "https" }))?
        };
        if target.path != "/" || !target.query.is_empty() {
            let reason = "a gRPC endpoint has no path: remove it, or use the protocol http/protobuf";
            return Err(invalid(text, reason));
        }
        Ok(target)
    }

    /// Parses `url`; errors show `text`, as the user wrote it.
    fn parse(text: &str, url: &str) -> Result<Self, ConfigError> {
        if text.len() > LONGEST_URL {
            return Err(invalid(text, format!("it has {} bytes; accepted: at most {LONGEST_URL}", text.len())));
        }
        // A URL parser takes white space at its ends and line breaks anywhere for nothing.
        if text.contains(|c: char| c.is_whitespace() || c.is_control()) {
            return Err(invalid(text, "white space and control characters are no part of a URL: remove them"));
        }
        let url =
            Url::parse(url).map_err(|error| invalid(text, format!("{error}; write it like http://localhost:4318")))?;
        let https = match url.scheme() {
            "http" => false,
            "https" => true,
            other => return Err(invalid(text, format!("the scheme {other:?} is not known; accepted: http, https"))),
        };
        if !url.username().is_empty() || url.password().is_some() {
            let reason = "credentials in the URL are not sent: give them as the header \"authorization\"";
            return Err(invalid(text, reason));
        }
        if url.fragment().is_some() {
            return Err(invalid(text, "a fragment (#…) is never sent: remove it"));
        }
        let Some(host) = url.host() else { return Err(invalid(text, "the host is missing")) };
        let port = url.port().unwrap_or(if https { 443 } else { 80 });
        if port == 0 {
            return Err(invalid(text, "nobody listens on port 0; accepted: 1 to 65535"));
        }
        Ok(Target {
            https,
            authority: url.port().map_or_else(|| host.to_string(), |port| format!("{host}:{port}")),
            host: match host {
                url::Host::Ipv6(address) => address.to_string(),
                other => other.to_string(),
            },
            port,
            path: url.path().to_owned(),
            query: url.query().map_or_else(String::new, |query| format!("?{query}")),
        })
    }

    /// `http` or `https`.
    pub(crate) fn scheme(&self) -> &'static str {
        if self.https { "https" } else { "http" }
    }

    /// What an HTTP request line names.
    pub(crate) fn path_and_query(&self) -> String {
        format!("{}{}", self.path, self.query)
    }

    /// Whether others could read what is sent there.
    pub(crate) fn is_exposed(&self) -> bool {
        let is_loopback = self.host.parse::<IpAddr>().map_or(self.host == "localhost", |address| address.is_loopback());
        !self.https && !is_loopback
    }

    /// Whether one connection can serve both.
    pub(crate) fn same_origin(&self, other: &Target) -> bool {
        (self.https, &self.host, self.port) == (other.https, &other.host, other.port)
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = if self.path == "/" { "" } else { &self.path };
        write!(f, "{}://{}{path}", self.scheme(), self.authority)
    }
}

fn invalid(text: &str, reason: impl Into<String>) -> ConfigError {
    ConfigError::Endpoint { value: quoted(shown(text).as_bytes()), reason: reason.into() }
}

/// `text` without what may be secret, even where it is no URL: all before the last `@` of the authority, and the query.
fn shown(text: &str) -> String {
    let text = text.split(['?', '#']).next().unwrap_or_default();
    let (scheme, rest) = text.split_once("://").map_or(("", text), |(scheme, rest)| (scheme, rest));
    let rest = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
    if scheme.is_empty() { rest.to_owned() } else { format!("{scheme}://{rest}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn http(endpoints: &Endpoints, signal: Signal) -> String {
        let target = endpoints.http(signal).unwrap().unwrap();
        format!("{}://{}{}", target.scheme(), target.authority, target.path_and_query())
    }

    #[test]
    fn a_base_gets_the_signal_appended_and_keeps_path_and_query() {
        for (base, expected) in [
            ("http://h:4318", "http://h:4318/v1/logs"),
            ("http://h:4318/", "http://h:4318/v1/logs"),
            ("https://h/otlp", "https://h/otlp/v1/logs"),
            ("https://h/otlp/", "https://h/otlp/v1/logs"),
            ("http://h/otlp?key=1", "http://h/otlp/v1/logs?key=1"),
            ("http://[::1]:4318", "http://[::1]:4318/v1/logs"),
        ] {
            assert_eq!(http(&Endpoints::base(base), Signal::Logs), expected);
        }
    }

    #[test]
    fn an_exact_endpoint_is_used_as_it_is() {
        assert_eq!(http(&Endpoints::exact(Signal::Traces, "http://h:1"), Signal::Traces), "http://h:1/");
        assert_eq!(http(&Endpoints::exact(Signal::Traces, "http://h:1/x/"), Signal::Traces), "http://h:1/x/");
        assert_eq!(Endpoints::exact(Signal::Traces, "http://h:1").http(Signal::Logs), Ok(None));
        let both = Endpoints::base("http://h").with_exact(Signal::Traces, "http://t/x");
        assert_eq!(http(&both, Signal::Traces), "http://t/x");
        assert_eq!(http(&both, Signal::Metrics), "http://h/v1/metrics");
    }

    #[test]
    fn the_scheme_beats_insecure_and_insecure_decides_without_one() {
        for (url, insecure, https, port) in [
            ("http://h:4317", false, false, 4317),
            ("https://h:4317", true, true, 4317),
            ("h:4317", true, false, 4317),
            ("h:4317", false, true, 4317),
            ("https://h", false, true, 443),
            ("[::1]:4317", true, false, 4317),
        ] {
            let target = Endpoints::base(url).grpc(Signal::Traces, insecure).unwrap().unwrap();
            assert_eq!((target.https, target.port), (https, port), "{url}");
        }
    }

    #[test]
    fn an_ipv6_host_loses_its_brackets_only_where_it_is_resolved() {
        let target = Endpoints::base("http://[::1]:4317").grpc(Signal::Traces, false).unwrap().unwrap();
        assert_eq!((target.host.as_str(), target.authority.as_str()), ("::1", "[::1]:4317"));
    }

    #[test]
    fn what_is_no_endpoint_is_refused_with_its_value_and_a_remedy() {
        for (url, expected) in [
            ("localhost:4318", "begin with http:// or https://"),
            ("ftp://h", "accepted: http, https"),
            ("http://", "write it like"),
            ("http://h:99999", "write it like"),
            ("http://h/#x", "fragment"),
            ("", "the scheme is missing"),
        ] {
            let error = Endpoints::base(url).http(Signal::Traces).unwrap_err().to_string();
            assert!(error.contains(expected), "{url}: {error}");
        }
        let error = Endpoints::base("http://h:4317/v1/traces").grpc(Signal::Traces, false).unwrap_err().to_string();
        assert!(error.contains("/v1/traces") && error.contains("http/protobuf"), "{error}");
    }

    #[test]
    fn no_secret_of_a_url_is_shown() {
        for url in ["https://user:hunter2@h/x?key=hunter2", "hunter2@h", "://hunter2@h?hunter2", "http://a:hunter2@:x"]
        {
            let endpoints = Endpoints::base(url);
            let shown = format!("{endpoints:?} {:?}", endpoints.http(Signal::Traces));
            assert!(!shown.contains("hunter2"), "{shown}");
        }
        let target = Endpoints::base("https://h/x?key=hunter2").http(Signal::Traces).unwrap().unwrap();
        assert_eq!(target.to_string(), "https://h/x/v1/traces");
    }
}
