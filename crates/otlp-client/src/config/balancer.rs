//! How batches are spread over several receivers, and how it is found out who can take them.

use std::time::Duration;

use otlp_discovery::{HttpCheck, LoadBalancer, LoadBalancingStrategy};
use serde::{Deserialize, Serialize};

use super::{Check, FieldError, check, formats, in_range};

/// How batches are spread over several receivers, and how it is found out who can take them: what
/// [`LoadBalancer`] says in code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LoadBalancerConfig {
    /// How a receiver is chosen: `round_robin`, `random`, `weighted`, `least_loaded` or `rendezvous`. Default round robin.
    #[serde(with = "strategy")]
    pub strategy: LoadBalancingStrategy,
    /// How often each receiver is checked. 1 ms to 1 day; default: never, and it is left alone only when requests fail.
    #[serde(with = "formats::optional::duration")]
    pub health_check_interval: Option<Duration>,
    /// How long a check may take. 1 ms to 1 day; default 5 s.
    #[serde(with = "formats::duration")]
    pub health_check_timeout: Duration,
    /// A path that a healthy receiver answers with success, over HTTP/1.1 in plaintext. Default: none, and a check is that
    /// a connection comes about.
    pub health_check_path: Option<String>,
    /// The port at which the path is asked for. 1 to 65,535; default: that of the receiver.
    pub health_check_port: Option<u16>,
    /// Whether a receiver that fails requests is left, as the circuit breaker says. Default true.
    pub passive_health: bool,
}

/// A strategy by its name.
mod strategy {
    use otlp_discovery::LoadBalancingStrategy;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    const NAMES: &[&str] = &["round_robin", "random", "weighted", "least_loaded", "rendezvous"];

    pub(super) fn serialize<S: Serializer>(strategy: &LoadBalancingStrategy, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(strategy.name())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<LoadBalancingStrategy, D::Error> {
        let name = String::deserialize(deserializer)?;
        name.parse().map_err(|_| D::Error::unknown_variant(&name, NAMES))
    }
}

impl Default for LoadBalancerConfig {
    fn default() -> Self {
        LoadBalancerConfig {
            strategy: LoadBalancingStrategy::RoundRobin,
            health_check_interval: None,
            health_check_timeout: Duration::from_secs(5),
            health_check_path: None,
            health_check_port: None,
            passive_health: true,
        }
    }
}

impl LoadBalancerConfig {
    /// The same, in code.
    pub(crate) fn balancer(&self) -> LoadBalancer {
        let mut balancer =
            LoadBalancer::new().with_strategy(self.strategy).with_health_check_timeout(self.health_check_timeout);
        if let Some(interval) = self.health_check_interval {
            balancer = balancer.with_health_check_interval(interval);
        }
        if let Some(path) = &self.health_check_path {
            let check = HttpCheck::new(path);
            balancer = balancer.with_health_check(match self.health_check_port {
                Some(port) => check.with_port(port),
                None => check,
            });
        }
        if self.passive_health { balancer } else { balancer.without_passive_health() }
    }
}

impl Check for LoadBalancerConfig {
    fn check(&self, path: &str) -> Result<(), FieldError> {
        let waits = Duration::from_millis(1)..=Duration::from_secs(86_400);
        if let Some(interval) = self.health_check_interval {
            in_range(path, "health_check_interval", interval, waits.clone(), "1 ms to 1 day")?;
        }
        in_range(path, "health_check_timeout", self.health_check_timeout, waits, "1 ms to 1 day")?;
        if let Some(asked) = &self.health_check_path {
            let is_path = asked.starts_with('/') && asked.parse::<http::uri::PathAndQuery>().is_ok();
            check(is_path, || {
                let accepted = "a path, like /health";
                FieldError::value(format!("{path}.health_check_path"), format_args!("{asked:?}"), accepted)
            })?;
        }
        if let Some(port) = self.health_check_port {
            in_range(path, "health_check_port", port, 1..=u16::MAX, "1 to 65535")?;
        }
        let needs = |name: &str, is_set: bool, needed: &str, is_there: bool| {
            check(!is_set || is_there, || {
                let reason = format!("it does nothing without {needed}: set that as well, or leave it out");
                FieldError::contradiction(format!("{path}.{name}"), reason)
            })
        };
        let has_interval = self.health_check_interval.is_some();
        needs("health_check_path", self.health_check_path.is_some(), "health_check_interval", has_interval)?;
        needs(
            "health_check_port",
            self.health_check_port.is_some(),
            "health_check_path",
            self.health_check_path.is_some(),
        )?;
        let is_timeout_set = self.health_check_timeout != LoadBalancerConfig::default().health_check_timeout;
        needs("health_check_timeout", is_timeout_set, "health_check_interval", has_interval)
    }
}
