//! One instance of a service.

use std::{collections::BTreeMap, fmt};

/// Where one instance of a service listens. Host and port are its identity: what else is known of it may change while
/// connections to it live on.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Endpoint {
    /// A DNS name or an IP address; an IPv6 address without brackets.
    pub host: String,
    /// The port, never 0.
    pub port: u16,
    /// How much of the traffic it takes beside the others, under strategies that weigh. Default 1; 0 takes none as long
    /// as another is there.
    pub weight: u32,
    /// What its source says of it, for instance tags and metadata in Consul.
    pub metadata: BTreeMap<String, String>,
}

impl Endpoint {
    /// An instance of weight 1 about which nothing else is known.
    pub fn new(host: impl Into<String>, port: u16) -> Self {
        Endpoint { host: host.into(), port, weight: 1, metadata: BTreeMap::new() }
    }

    /// Sets its weight.
    #[must_use]
    pub fn with_weight(mut self, weight: u32) -> Self {
        self.weight = weight;
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
