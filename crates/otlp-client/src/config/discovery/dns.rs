//! How DNS is asked for services.

use std::{net::SocketAddr, time::Duration};

use otlp_discovery::DnsConfig;
use serde::{Deserialize, Serialize};

use crate::config::{
    Check, FieldError, check, formats, in_range,
    reference::{Follow, has_reference},
};

/// How DNS is asked for services.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DnsLookups {
    /// The name servers that are asked, as `address:port`. Default: those of the system.
    pub name_servers: Vec<String>,
    /// How soon a name is asked for again, however short its records live. 1 ms to 1 day; default 5 s.
    #[serde(with = "formats::duration")]
    pub min_ttl: Duration,
    /// How late a name is asked for again, however long its records live. `min_ttl` to 1 day; default 300 s.
    #[serde(with = "formats::duration")]
    pub max_ttl: Duration,
    /// How long a name server may take to answer. 1 ms to 5 min; default 5 s.
    #[serde(with = "formats::duration")]
    pub timeout: Duration,
}

impl Default for DnsLookups {
    fn default() -> Self {
        DnsLookups {
            name_servers: Vec::new(),
            min_ttl: Duration::from_secs(5),
            max_ttl: Duration::from_secs(300),
            timeout: Duration::from_secs(5),
        }
    }
}

impl DnsLookups {
    pub(super) fn follow(&mut self, path: &str, follow: &mut Follow<'_>) -> Result<(), FieldError> {
        let mut servers = self.name_servers.iter_mut().enumerate();
        servers.try_for_each(|(index, server)| follow(&format!("{path}.name_servers[{index}]"), server))
    }

    /// The same, in code.
    pub(super) fn config(&self, path: &str) -> Result<DnsConfig, FieldError> {
        let mut config = DnsConfig::new().with_ttl_bounds(self.min_ttl, self.max_ttl).with_timeout(self.timeout);
        for (index, server) in self.name_servers.iter().enumerate() {
            let address: SocketAddr = server.parse().map_err(|_| not_a_server(path, index, server))?;
            config = config.with_name_server(address);
        }
        Ok(config)
    }
}

fn not_a_server(path: &str, index: usize, server: &str) -> FieldError {
    let accepted = "an address and a port, like 10.0.0.2:53 or [::1]:53";
    FieldError::value(format!("{path}.name_servers[{index}]"), format_args!("{server:?}"), accepted)
}

impl Check for DnsLookups {
    fn check(&self, path: &str) -> Result<(), FieldError> {
        for (index, server) in self.name_servers.iter().enumerate() {
            let is_address = has_reference(server) || server.parse::<SocketAddr>().is_ok();
            check(is_address, || not_a_server(path, index, server))?;
        }
        let (least, day) = (Duration::from_millis(1), Duration::from_secs(86_400));
        in_range(path, "min_ttl", self.min_ttl, least..=day, "1 ms to 1 day")?;
        in_range(path, "max_ttl", self.max_ttl, self.min_ttl..=day, "min_ttl to 1 day")?;
        in_range(path, "timeout", self.timeout, least..=Duration::from_secs(300), "1 ms to 5 min")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_is_that_of_code() {
        assert_eq!(DnsLookups::default().config("dns"), Ok(DnsConfig::default()));
    }
}
