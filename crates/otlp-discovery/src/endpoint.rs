//! One instance of a service.

use std::{collections::BTreeMap, fmt, str::FromStr};

use otlp_reliability::ConfigError;

/// Where one instance of a service listens. Host and port are its identity: what else is known of it may change while
/// connections to it live on.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Endpoint {
    /// A DNS name or an IP address; an IPv6 address without brackets.
    pub host: String,
    /// The port, never 0.
    pub port: u16,
    /// How much of the traffic it takes beside the others, under strategies that weigh. Default 1; 0 takes none, under
    /// any strategy, as long as another is there.
    pub weight: u32,
    /// Endpoints of a higher number take traffic only while none of a lower number can (RFC 2782, "Priority"). Default 0.
    pub priority: u16,
    /// The name that its certificate is for, where `host` is an address that was found under a name.
    pub server_name: Option<String>,
    /// What its source says of it, for instance tags and metadata in Consul.
    pub metadata: BTreeMap<String, String>,
}

impl Endpoint {
    /// An instance of weight 1 about which nothing else is known.
    pub fn new(host: impl Into<String>, port: u16) -> Self {
        Endpoint { host: host.into(), port, weight: 1, priority: 0, server_name: None, metadata: BTreeMap::new() }
    }

    /// Sets its weight.
    #[must_use]
    pub fn with_weight(mut self, weight: u32) -> Self {
        self.weight = weight;
        self
    }

    /// Sets its priority.
    #[must_use]
    pub fn with_priority(mut self, priority: u16) -> Self {
        self.priority = priority;
        self
    }

    /// Whether both are the same instance, whatever else is known of them.
    pub fn is_same_instance(&self, other: &Endpoint) -> bool {
        self.port == other.port && self.host == other.host
    }
}

/// Host and port as in a URL.
impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.host.contains(':') {
            true => write!(f, "[{}]:{}", self.host, self.port),
            false => write!(f, "{}:{}", self.host, self.port),
        }
    }
}

/// Reads `host:port`, an IPv6 address in brackets.
impl FromStr for Endpoint {
    type Err = ConfigError;

    fn from_str(text: &str) -> Result<Self, ConfigError> {
        let refused = || ConfigError::new("endpoint", text, "host:port, for instance 10.0.0.7:4317 or [::1]:4317");
        let (host, port) = text.rsplit_once(':').ok_or_else(refused)?;
        let port: u16 = port.parse().ok().filter(|port| *port != 0).ok_or_else(refused)?;
        let host = match host.strip_prefix('[').map(|rest| rest.strip_suffix(']')) {
            Some(Some(address)) if address.parse::<std::net::Ipv6Addr>().is_ok() => address,
            Some(_) => return Err(refused()),
            None => host,
        };
        let is_name = |host: &str| {
            host.chars().all(|one| one.is_ascii_alphanumeric() || matches!(one, '-' | '.' | '_')) && host.len() <= 253
        };
        if host.is_empty() || !(is_name(host) || text.starts_with('[')) {
            return Err(refused());
        }
        Ok(Endpoint::new(host, port))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_is_read_back_from_what_it_is_shown_as() {
        for text in ["10.0.0.7:4317", "collector.example.com:80", "[::1]:4318", "a_b:1"] {
            assert_eq!(text.parse::<Endpoint>().unwrap().to_string(), text);
        }
        assert_eq!("[::1]:1".parse::<Endpoint>().unwrap().host, "::1");
    }

    #[test]
    fn what_is_no_endpoint_is_refused_with_its_value() {
        for text in
            ["", "host", "host:", "host:0", "host:99999", ":80", "::1:80", "[::1:80", "[x]:80", "http://h:1", "a b:1"]
        {
            let error = text.parse::<Endpoint>().unwrap_err().to_string();
            assert!(error.contains(&format!("{text:?}")) && error.contains("host:port"), "{error}");
        }
    }
}
