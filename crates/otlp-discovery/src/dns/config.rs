//! How DNS is asked: settings.

use std::{net::SocketAddr, time::Duration};

use otlp_reliability::ConfigError;

/// How names are asked for.
///
/// | setting | default | accepted |
/// |---|---|---|
/// | `name_servers` | those of the system | any |
/// | `min_ttl` | 5 s | above zero |
/// | `max_ttl` | 300 s | `min_ttl` to a day |
/// | `timeout` | 5 s | above zero, at most 5 minutes |
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub struct DnsConfig {
    pub(super) name_servers: Vec<SocketAddr>,
    pub(super) min_ttl: Duration,
    pub(super) max_ttl: Duration,
    pub(super) timeout: Duration,
}

impl Default for DnsConfig {
    fn default() -> Self {
        DnsConfig {
            name_servers: Vec::new(),
            min_ttl: Duration::from_secs(5),
            max_ttl: Duration::from_secs(300),
            timeout: Duration::from_secs(5),
        }
    }
}

impl DnsConfig {
    /// The name servers of the system.
    pub fn new() -> Self {
        DnsConfig::default()
    }

    /// Asks one more name server, by UDP, and by TCP where answers are too long; then those of the system are not asked.
    pub fn with_name_server(mut self, address: SocketAddr) -> Self {
        self.name_servers.push(address);
        self
    }

    /// How soon and how late a name is asked for again, whatever the time to live of its records.
    pub fn with_ttl_bounds(mut self, min: Duration, max: Duration) -> Self {
        (self.min_ttl, self.max_ttl) = (min, max);
        self
    }

    /// How long a name server may take to answer.
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    pub(crate) fn validate(&self) -> Result<(), ConfigError> {
        if self.min_ttl.is_zero() {
            return Err(ConfigError::new("dns_min_ttl", self.min_ttl, "more than zero"));
        }
        if self.max_ttl < self.min_ttl || self.max_ttl > Duration::from_secs(24 * 3600) {
            return Err(ConfigError::new("dns_max_ttl", self.max_ttl, "dns_min_ttl to a day"));
        }
        if self.timeout.is_zero() || self.timeout > Duration::from_secs(300) {
            return Err(ConfigError::new("dns_timeout", self.timeout, "more than zero and at most 5 minutes"));
        }
        Ok(())
    }
}
