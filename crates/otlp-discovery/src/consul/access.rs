//! The settings after they were checked: the agent, and the URLs of its API.

use std::time::Duration;

use otlp_reliability::{ConfigError, Jitter, Retry, RetryPolicy};
use url::Url;

use super::{ConsulConfig, http::HttpAgent};

/// The longest names that are accepted, for services, tags, datacenters, namespaces and partitions.
const MAX_NAME: usize = 128;

/// An agent that can be asked.
#[derive(Debug)]
pub(super) struct Access {
    pub(super) agent: HttpAgent,
    pub(super) urls: Urls,
    /// The delays between attempts after failures.
    pub(super) retry: Retry,
}

/// Where the agent's API is.
#[derive(Debug, Clone)]
pub(super) struct Urls {
    base: Url,
    /// Namespace and partition, which belong to almost every request.
    tenancy: Vec<(&'static str, String)>,
}

impl Access {
    /// Checks what all uses of an agent have in common. `max_delay` caps the delays after failures.
    pub(super) fn new(config: &ConsulConfig, max_delay: Duration) -> Result<Self, ConfigError> {
        let base = endpoint(&config.endpoint)?;
        let mut tenancy = Vec::new();
        for (name, parameter, value) in
            [("consul_namespace", "ns", &config.namespace), ("consul_partition", "partition", &config.partition)]
        {
            if let Some(value) = value {
                checked_name(name, value)?;
                tenancy.push((parameter, value.clone()));
            }
        }
        let retry = RetryPolicy::new()
            .with_initial_delay(Duration::from_millis(500).min(max_delay))
            .with_max_delay(max_delay)
            .with_jitter(Jitter::Equal)
            .build()?;
        Ok(Access { agent: HttpAgent::new(config, base.scheme() == "https")?, urls: Urls { base, tenancy }, retry })
    }
}

impl Urls {
    /// The URL of a path of the API, of which each segment may hold any character.
    pub(super) fn of(&self, segments: &[&str]) -> Url {
        let mut url = self.base.clone();
        // An http URL always has segments.
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(segments);
        }
        for (parameter, value) in &self.tenancy {
            url.query_pairs_mut().append_pair(parameter, value);
        }
        url
    }

    /// Scheme, host, port and path: no secret is in it.
    pub(super) fn shown(&self) -> &str {
        self.base.as_str().trim_end_matches('/')
    }
}

/// What of an endpoint can be shown, also of one that is refused: nothing that could be a password or a token.
pub(super) fn shown(endpoint: &str) -> &str {
    match (endpoint.contains('@'), endpoint.find(['?', '#'])) {
        (true, _) => "(not shown: it holds a user)",
        (false, Some(end)) => &endpoint[..end],
        (false, None) => endpoint,
    }
}

fn endpoint(text: &str) -> Result<Url, ConfigError> {
    let refused = || {
        let accepted = "an http:// or https:// URL without user, query and fragment, such as http://127.0.0.1:8500";
        ConfigError::new("consul_endpoint", shown(text), accepted)
    };
    let url = Url::parse(text).map_err(|_| refused())?;
    let is_plain = url.username().is_empty()
        && url.password().is_none()
        && url.query().is_none()
        && url.fragment().is_none()
        && url.port() != Some(0);
    match ["http", "https"].contains(&url.scheme()) && url.has_host() && is_plain {
        true => Ok(url),
        false => Err(refused()),
    }
}

/// Checks a name that becomes part of a URL and of DNS names.
pub(super) fn checked_name(field: &'static str, name: &str) -> Result<(), ConfigError> {
    let is_name = name.len() <= MAX_NAME
        && name.starts_with(|first: char| first.is_ascii_alphanumeric())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
    match is_name {
        true => Ok(()),
        false => {
            let shown: String = name.chars().take(MAX_NAME).collect();
            let accepted = "1 to 128 letters of ASCII, digits, and after the first also - _ and .";
            Err(ConfigError::new(field, shown, accepted))
        }
    }
}

/// Checks a duration.
pub(super) fn checked_range(
    field: &'static str,
    value: Duration,
    range: std::ops::RangeInclusive<u64>,
    accepted: &'static str,
) -> Result<(), ConfigError> {
    let (least, most) = (Duration::from_secs(*range.start()), Duration::from_secs(*range.end()));
    match (least..=most).contains(&value) {
        true => Ok(()),
        false => Err(ConfigError::new(field, value, accepted)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn access(endpoint: &str) -> Result<Access, ConfigError> {
        Access::new(&ConsulConfig::new(endpoint), Duration::from_secs(1))
    }

    #[test]
    fn endpoints_that_are_no_agent_are_refused_without_showing_secrets() {
        for bad in [
            "",
            "127.0.0.1:8500",
            "localhost:8500",
            "unix:///run/consul.sock",
            "http://",
            "http://user:hunter2@localhost:8500",
            "http://localhost:8500?token=hunter2",
            "http://localhost:8500/#hunter2",
            "http://localhost:0",
            "http://localhost:99999",
        ] {
            let error = access(bad).unwrap_err().to_string();
            assert!(error.starts_with("consul_endpoint = ") && error.contains("such as http://"), "{bad}: {error}");
            let debug = format!("{:?}", ConsulConfig::new(bad).with_token("hunter2"));
            assert!(!error.contains("hunter2") && !debug.contains("hunter2"), "{error} {debug}");
        }
    }

    #[test]
    fn segments_and_parameters_are_encoded_and_a_path_prefix_is_kept() {
        let url = |endpoint: &str| access(endpoint).unwrap().urls.of(&["v1", "x", "a/b ?#%"]).to_string();
        assert_eq!(url("http://localhost:8500"), "http://localhost:8500/v1/x/a%2Fb%20%3F%23%25");
        assert_eq!(url("http://h/consul/"), "http://h/consul/v1/x/a%2Fb%20%3F%23%25");
        let config = ConsulConfig::new("http://h/").with_namespace("team-a").with_partition("p");
        let access = Access::new(&config, Duration::from_secs(1)).unwrap();
        assert_eq!(access.urls.of(&["v1"]).as_str(), "http://h/v1?ns=team-a&partition=p");
        assert_eq!(access.urls.shown(), "http://h");
    }

    #[test]
    fn names_are_checked() {
        for good in ["a", "checkout", "0-a_b.c"] {
            checked_name("service", good).unwrap();
        }
        for bad in ["", ".", "..", "-a", "a b", "a/b", "ä", "a\n", &"a".repeat(129)] {
            let error = checked_name("service", bad).unwrap_err().to_string();
            assert!(error.starts_with("service = \"") && error.len() < 300, "{error}");
        }
        let error = Access::new(&ConsulConfig::new("http://h").with_namespace("a b"), Duration::from_secs(1));
        assert_eq!(error.unwrap_err().field(), "consul_namespace");
    }
}
