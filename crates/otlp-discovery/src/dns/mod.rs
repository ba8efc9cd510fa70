//! DNS as a source: the addresses of a name with a port, or the targets of SRV records.
//!
//! What must hold:
//!
//! - A name is asked for again when its records expire, but neither in haste nor never ([`DnsConfig::with_ttl_bounds`]).
//! - That there is no such name, or no such record, is an answer: there are no endpoints. That nobody answers is a
//!   failure: what was found last stays. So it does for a single target of SRV records and for one of the two families
//!   of addresses, for at most an hour.

mod config;
mod last_told;
mod lookup;
mod schedule;
#[cfg(test)]
mod tests;

use std::fmt;

use hickory_resolver::proto::rr::Name;
use otlp_reliability::ConfigError;

pub use self::config::DnsConfig;
use self::lookup::Lookups;
use crate::{Publisher, Resolve, Watching};

/// Finds the endpoints of a service by DNS.
///
/// ```
/// use otlp_discovery::{DnsResolver, LoadBalancer, ServiceDiscovery};
///
/// // Priority, weight, port and host of each endpoint come from the records.
/// let collectors = DnsResolver::srv("_otlp._tcp.example.com")?;
/// // The port is given, and every address of the name is an endpoint: a headless service in Kubernetes, for instance.
/// let payments = DnsResolver::addresses("payments.shop.svc.cluster.local", 8080)?;
/// let discovery = ServiceDiscovery::new().with_resolver("collectors", collectors).with_resolver("payments", payments);
/// # Ok::<(), otlp_discovery::ConfigError>(())
/// ```
#[derive(Clone)]
pub struct DnsResolver {
    question: Question,
    config: DnsConfig,
}

/// What is asked.
#[derive(Debug, Clone)]
pub(crate) enum Question {
    /// Every address of a name, with this port.
    Addresses(Name, u16),
    /// Every target of the service.
    Services(Name),
}

impl DnsResolver {
    /// Every address (A and AAAA) of `name`, with `port`. A name without a dot at its end is looked for in the search
    /// domains of the system as well.
    ///
    /// # Errors
    ///
    /// It is no name, or the port is 0.
    pub fn addresses(name: &str, port: u16) -> Result<Self, ConfigError> {
        if port == 0 {
            return Err(ConfigError::new("dns_port", port, "1 to 65535"));
        }
        Ok(DnsResolver { question: Question::Addresses(checked(name)?, port), config: DnsConfig::default() })
    }

    /// Every address of every target of the SRV records of `name`, for instance `_otlp._tcp.example.com`, with their
    /// ports, weights and priorities (RFC 2782).
    ///
    /// Priorities are obeyed under any strategy: those of a higher number take nothing while one of a lower number can.
    /// Weights are shares under the strategies that weigh, which the default does not: choose
    /// [`Weighted`](crate::LoadBalancingStrategy::Weighted), `LeastLoaded` or `Rendezvous` for them. A weight of 0
    /// counts as 1, the smallest share and not none; if all are 0, all are equal. The target `.` says that the service
    /// is not there, and a record with port 0 is left out. Of more than 64 records those of the lowest priorities count.
    ///
    /// # Errors
    ///
    /// It is no name.
    pub fn srv(name: &str) -> Result<Self, ConfigError> {
        Ok(DnsResolver { question: Question::Services(checked(name)?), config: DnsConfig::default() })
    }

    /// Asks as `config` says.
    ///
    /// # Errors
    ///
    /// A setting cannot work.
    pub fn with_config(mut self, config: DnsConfig) -> Result<Self, ConfigError> {
        config.validate()?;
        self.config = config;
        Ok(self)
    }
}

impl Resolve for DnsResolver {
    fn name(&self) -> String {
        self.to_string()
    }

    fn watch<'a>(&'a self, _service: &'a str, publisher: &'a Publisher) -> Watching<'a> {
        Box::pin(async move {
            let lookups = Lookups::new(&self.question, || lookup::resolver(&self.config));
            schedule::ask_forever(self.name(), &self.config, publisher, || lookups.ask()).await;
        })
    }
}

fn checked(name: &str) -> Result<Name, ConfigError> {
    let accepted = "a DNS name of at most 253 characters, for instance collector.example.com";
    let refused = || ConfigError::new("dns_name", name.chars().take(255).collect::<String>(), accepted);
    let is_plain = !name.is_empty() && name.chars().all(|one| one.is_ascii_alphanumeric() || "-._".contains(one));
    Name::from_ascii(name).ok().filter(|_| is_plain && name.len() <= 254 && name != ".").ok_or_else(refused)
}

impl fmt::Display for DnsResolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.question {
            Question::Addresses(name, port) => write!(f, "DNS, addresses of {name} for port {port}"),
            Question::Services(name) => write!(f, "DNS, SRV records of {name}"),
        }
    }
}

impl fmt::Debug for DnsResolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DnsResolver").field("question", &self.question).field("config", &self.config).finish()
    }
}

#[cfg(test)]
mod question_tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn what_is_no_question_is_refused_with_its_value() {
        let long = "a.".repeat(130);
        for name in ["", ".", "a..b", "host:80", "http://host", "a b", &long, &"a".repeat(64)] {
            let error = DnsResolver::addresses(name, 80).unwrap_err();
            assert_eq!(error.field(), "dns_name", "{name}");
        }
        assert_eq!(DnsResolver::addresses("a", 0).unwrap_err().field(), "dns_port");
        let with = |config| DnsResolver::srv("a").unwrap().with_config(config).unwrap_err().field();
        let second = Duration::from_secs(1);
        assert_eq!(with(DnsConfig::new().with_ttl_bounds(Duration::ZERO, second)), "dns_min_ttl");
        assert_eq!(with(DnsConfig::new().with_ttl_bounds(2 * second, second)), "dns_max_ttl");
        assert_eq!(with(DnsConfig::new().with_timeout(Duration::ZERO)), "dns_timeout");
    }
}
