//! What is registered: our own instance of a service, as its settings, and as Consul's API wants it.

use std::{collections::BTreeMap, time::Duration};

use otlp_reliability::ConfigError;
use serde::Serialize;

use super::access::{checked_name, checked_range};
use crate::Endpoint;

/// An instance of a service that is to be found by others.
#[derive(Debug, Clone)]
pub struct ServiceInstance {
    service: String,
    endpoint: Option<Endpoint>,
    pub(super) id: String,
    tags: Vec<String>,
    pub(super) ttl: Duration,
    pub(super) deregister_after: Duration,
}

impl ServiceInstance {
    /// An instance of `service` that others reach at `endpoint`, whose weight and metadata are registered with it. For its priority
    /// and its server name, Consul has no place.
    ///
    /// `service` is 1 to 128 letters of ASCII, digits, and after the first also `-`, `_` and `.`; Consul's own DNS serves
    /// letters, digits and `-` alone. Of metadata Consul takes 64 pairs, with keys of up to 128 letters of ASCII, digits,
    /// `-` and `_`, and values of up to 512 bytes. A weight is 1 to 65535.
    pub fn new(service: impl Into<String>, endpoint: Endpoint) -> Self {
        ServiceInstance { endpoint: Some(endpoint), ..ServiceInstance::without_address(service) }
    }

    /// An instance of `service` of which others see that it runs, and not where.
    pub fn without_address(service: impl Into<String>) -> Self {
        let service = service.into();
        ServiceInstance {
            id: format!("{service}-{:016x}", fastrand::u64(..)),
            service,
            endpoint: None,
            tags: Vec::new(),
            ttl: Duration::from_secs(30),
            deregister_after: Duration::from_secs(60),
        }
    }

    /// Under which id the agent knows it, unique there. Default: the name of the service and 64 random bits, so that one
    /// that was restarted is another.
    #[must_use]
    pub fn with_id(mut self, id: impl Into<String>) -> Self {
        self.id = id.into();
        self
    }

    /// One more tag, which those who look for it can ask for.
    #[must_use]
    pub fn with_tag(mut self, tag: impl Into<String>) -> Self {
        self.tags.push(tag.into());
        self
    }

    /// How long after the last sign of life it is taken for dead: 1 second to 10 minutes, default 30 seconds. A sign of life
    /// is given after each third of it.
    #[must_use]
    pub fn with_ttl(mut self, ttl: Duration) -> Self {
        self.ttl = ttl;
        self
    }

    /// How long after it was taken for dead the agent forgets it: a minute, which is Consul's least and the default, up
    /// to a week.
    #[must_use]
    pub fn with_deregister_after(mut self, deregister_after: Duration) -> Self {
        self.deregister_after = deregister_after;
        self
    }

    /// The name of the service.
    pub fn service(&self) -> &str {
        &self.service
    }

    /// Under which id the agent knows it.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Where others reach it, unless they are not to know.
    pub fn address(&self) -> Option<&Endpoint> {
        self.endpoint.as_ref()
    }

    /// Checks everything that an agent would refuse, or accept and change.
    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        checked_name("service", &self.service)?;
        checked_name("service_id", &self.id)?;
        checked_range("service_ttl", self.ttl, 1..=600, "1 second to 10 minutes")?;
        let accepted = "1 minute, the least that Consul takes, to 7 days";
        checked_range("service_deregister_after", self.deregister_after, 60..=604_800, accepted)?;
        if let Some(tag) = self.tags.iter().find(|tag| tag.is_empty() || tag.len() > 255) {
            let shown: String = tag.chars().take(255).collect();
            return Err(ConfigError::new("service_tag", shown, "1 to 255 bytes"));
        }
        self.endpoint.as_ref().map_or(Ok(()), validate_endpoint)
    }

    /// The id of the check that it must confirm.
    pub(super) fn check_id(&self) -> String {
        format!("service:{}", self.id)
    }

    /// The body of `/v1/agent/service/register`.
    pub(super) fn to_json(&self) -> Result<Vec<u8>, serde_json::Error> {
        let endpoint = self.endpoint.as_ref();
        serde_json::to_vec(&Registration {
            id: &self.id,
            name: &self.service,
            address: endpoint.map(|endpoint| endpoint.host.as_str()),
            port: endpoint.map(|endpoint| endpoint.port),
            tags: &self.tags,
            meta: endpoint.map(|endpoint| &endpoint.metadata),
            weights: Weights { passing: endpoint.map_or(1, |endpoint| endpoint.weight), warning: 1 },
            check: Check {
                check_id: self.check_id(),
                name: "alive",
                ttl: format!("{}ms", self.ttl.as_millis()),
                deregister_critical_service_after: format!("{}ms", self.deregister_after.as_millis()),
                // Whoever registers is alive: there is no moment at which it would be found dead.
                status: "passing",
            },
        })
    }
}

/// Checks where it is to be found, and what is registered with it.
fn validate_endpoint(endpoint: &Endpoint) -> Result<(), ConfigError> {
    let Endpoint { host, port, weight, priority, server_name, metadata } = endpoint;
    if !super::health::is_host(host) || *port == 0 {
        let accepted = "the host and port at which others reach this service, as in 10.0.0.7:8080";
        return Err(ConfigError::new("service_address", endpoint.to_string(), accepted));
    }
    if host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_unspecified()) {
        let accepted = "an address that others can connect to, not the one to listen on";
        return Err(ConfigError::new("service_address", endpoint.to_string(), accepted));
    }
    if !(1..=65_535).contains(weight) {
        return Err(ConfigError::new("service_weight", weight, "1 to 65535"));
    }
    if *priority != 0 {
        return Err(ConfigError::new("service_priority", priority, "0, as Consul knows no priorities; use the weight"));
    }
    if let Some(name) = server_name {
        let accepted = "nothing, as Consul has no place for it; use the address or the metadata";
        return Err(ConfigError::new("service_server_name", name, accepted));
    }
    let is_key = |key: &str| {
        (1..=128).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
    };
    let refused = metadata.iter().find(|(key, value)| !is_key(key) || value.len() > 512);
    if refused.is_some() || metadata.len() > 64 {
        let shown =
            refused.map_or_else(|| format!("{} pairs", metadata.len()), |(key, _)| key.chars().take(128).collect());
        let accepted = "up to 64 pairs, with keys of 1 to 128 of A-Z a-z 0-9 - _ and values of up to 512 bytes";
        return Err(ConfigError::new("service_metadata", shown, accepted));
    }
    Ok(())
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Registration<'a> {
    #[serde(rename = "ID")]
    id: &'a str,
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    port: Option<u16>,
    tags: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    meta: Option<&'a BTreeMap<String, String>>,
    weights: Weights,
    check: Check,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Weights {
    passing: u32,
    warning: u32,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Check {
    #[serde(rename = "CheckID")]
    check_id: String,
    name: &'static str,
    #[serde(rename = "TTL")]
    ttl: String,
    deregister_critical_service_after: String,
    status: &'static str,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn instance() -> ServiceInstance {
        ServiceInstance::new("checkout", Endpoint::new("10.0.0.7", 8080))
    }

    #[test]
    fn what_an_agent_would_refuse_or_change_is_refused_by_name() {
        instance().validate().unwrap();
        let at = |host: &str, port| ServiceInstance::new("checkout", Endpoint::new(host, port));
        let mut of_name = Endpoint::new("a", 1);
        of_name.server_name = Some("a.example".to_owned());
        let with_metadata = |key: String, value: String| {
            let mut endpoint = Endpoint::new("a", 1);
            endpoint.metadata.insert(key, value);
            ServiceInstance::new("checkout", endpoint)
        };
        let rows = [
            (ServiceInstance::new("my service", Endpoint::new("a", 1)), "service"),
            (instance().with_id(""), "service_id"),
            (instance().with_ttl(Duration::ZERO), "service_ttl"),
            (instance().with_ttl(Duration::MAX), "service_ttl"),
            (instance().with_deregister_after(Duration::from_secs(59)), "service_deregister_after"),
            (at("", 1), "service_address"),
            (at("a", 0), "service_address"),
            (at("0.0.0.0", 1), "service_address"),
            (at("::", 1), "service_address"),
            (at("http://a", 1), "service_address"),
            (ServiceInstance::new("checkout", Endpoint::new("a", 1).with_weight(0)), "service_weight"),
            (ServiceInstance::new("checkout", Endpoint::new("a", 1).with_weight(65_536)), "service_weight"),
            (ServiceInstance::new("checkout", Endpoint::new("a", 1).with_priority(1)), "service_priority"),
            (ServiceInstance::new("checkout", of_name), "service_server_name"),
            (instance().with_tag(""), "service_tag"),
            (with_metadata("a.b".to_owned(), String::new()), "service_metadata"),
            (with_metadata("a".to_owned(), "x".repeat(513)), "service_metadata"),
        ];
        for (instance, field) in rows {
            assert_eq!(instance.validate().unwrap_err().field(), field);
        }
    }

    #[test]
    fn two_instances_of_a_service_have_two_ids() {
        assert_ne!(instance().id(), instance().id());
        assert!(instance().id().starts_with("checkout-"));
    }

    #[test]
    fn the_registration_is_what_the_api_wants() {
        let mut endpoint = Endpoint::new("10.0.0.7", 8080).with_weight(5);
        endpoint.metadata.insert("version".to_owned(), "3".to_owned());
        let instance = ServiceInstance::new("checkout", endpoint)
            .with_id("c-1")
            .with_tag("v3")
            .with_ttl(Duration::from_millis(1500));
        let expected = serde_json::json!({
            "ID": "c-1", "Name": "checkout", "Address": "10.0.0.7", "Port": 8080, "Tags": ["v3"],
            "Meta": {"version": "3"}, "Weights": {"Passing": 5, "Warning": 1},
            "Check": {"CheckID": "service:c-1", "Name": "alive", "TTL": "1500ms",
                      "DeregisterCriticalServiceAfter": "60000ms", "Status": "passing"},
        });
        assert_eq!(serde_json::from_slice::<serde_json::Value>(&instance.to_json().unwrap()).unwrap(), expected);
    }
}
