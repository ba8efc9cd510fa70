//! Where services are found, and whether this one is to be found: what
//! [`ServiceDiscovery`](otlp_discovery::ServiceDiscovery) says in code.

mod consul;
mod dns;
mod service;

use std::collections::BTreeMap;

use otlp_discovery::{DiscoveryError, Endpoint, LoadBalancer, ServiceDiscovery};
use serde::{Deserialize, Serialize};

pub use self::{
    consul::ConsulAgent,
    dns::DnsLookups,
    service::{ServiceSource, StaticEndpoint},
};
use super::{
    Check, FieldError, check,
    reference::{Follow, has_reference},
};

/// Where services are found: the receivers of the telemetry, and those that the program asks for.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DiscoveryConfig {
    /// The service whose instances are the receivers of the telemetry. Scheme, protocol and path are those of `endpoint`,
    /// host and port what is found. Default: none, and the receivers are those that are named.
    pub receiver_service: Option<String>,
    /// Where the instances of single services are found. With Consul, all others are looked for there.
    pub services: BTreeMap<String, ServiceSource>,
    /// How DNS is asked.
    pub dns: DnsLookups,
    /// The agent of Consul that is asked. Default: none.
    pub consul: Option<ConsulAgent>,
    /// Under which name and address this service is registered, so that others find it. It needs `consul`. Default: it is
    /// not.
    pub registration: Option<Registration>,
}

/// This service, as others are to find it: from the build of the client until its shutdown.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Registration {
    /// Its name there. Default: `service_name`.
    pub service_name: Option<String>,
    /// Where others reach it, as `host:port`. Default: others see that it runs, and not where.
    pub address: Option<String>,
}

impl DiscoveryConfig {
    /// Follows the references.
    pub(super) fn follow(&mut self, path: &str, follow: &mut Follow<'_>) -> Result<(), FieldError> {
        if let Some(service) = &mut self.receiver_service {
            follow(&format!("{path}.receiver_service"), service)?;
        }
        for (name, source) in &mut self.services {
            source.follow(&format!("{path}.services.{name}"), follow)?;
        }
        self.dns.follow(&format!("{path}.dns"), follow)?;
        if let Some(consul) = &mut self.consul {
            consul.follow(&format!("{path}.consul"), follow)?;
        }
        if let Some(Registration { service_name, address }) = &mut self.registration {
            for (name, text) in [("service_name", service_name), ("address", address)] {
                if let Some(text) = text {
                    follow(&format!("{path}.registration.{name}"), text)?;
                }
            }
        }
        Ok(())
    }

    /// The same, in code; the references in it have been followed. `own_name` is the name of this service.
    pub(crate) fn discovery(&self, path: &str, own_name: &str) -> Result<ServiceDiscovery, FieldError> {
        let mut discovery = ServiceDiscovery::new().with_dns_config(self.dns.config(&format!("{path}.dns"))?);
        for (name, source) in &self.services {
            discovery = source.apply(&format!("{path}.services.{name}"), name, discovery)?;
        }
        if let Some(service) = &self.receiver_service {
            discovery = discovery.with_receiver_service(service);
        }
        if let Some(consul) = &self.consul {
            discovery = discovery.with_consul(consul.config());
        }
        if let Some(Registration { service_name, address }) = &self.registration {
            discovery =
                discovery.with_service_registry(true).with_service_name(service_name.as_deref().unwrap_or(own_name));
            if let Some(address) = address {
                discovery = discovery.with_service_address(address);
            }
        }
        // Names, URLs and files are judged by discovery itself: here for the place, and once more when it is used.
        match discovery.clone().prepare(LoadBalancer::new()) {
            Ok(_) => Ok(discovery),
            Err(error) => Err(located(path, error)),
        }
    }
}

/// The refusal of a setting of discovery, under the name that it has in the configuration.
fn located(path: &str, error: DiscoveryError) -> FieldError {
    let DiscoveryError::Config(error) = error else {
        return FieldError::contradiction(format!("{path}.receiver_service"), error.to_string());
    };
    let field = match error.field() {
        "dns_name" | "dns_port" | "endpoint" => "services".to_owned(),
        "consul_client_certificate" => "consul.cert_file".to_owned(),
        "service" | "service_name" => "registration.service_name".to_owned(),
        "service_address" => "registration.address".to_owned(),
        other => match other.split_once('_') {
            Some(("consul", setting)) => format!("consul.{setting}"),
            Some(("dns", setting)) => format!("dns.{setting}"),
            _ => other.to_owned(),
        },
    };
    FieldError::value(format!("{path}.{field}"), error.value(), error.accepted())
}

/// Whether a text is `host:port`, or nobody knows before a reference in it is followed.
fn check_address(field: impl FnOnce() -> String, text: &str) -> Result<(), FieldError> {
    check(has_reference(text) || text.parse::<Endpoint>().is_ok(), || not_an_address(field(), text))
}

fn not_an_address(field: String, text: &str) -> FieldError {
    FieldError::value(field, format_args!("{text:?}"), "host:port, for instance 10.0.0.7:4317 or [::1]:4317")
}

impl Check for DiscoveryConfig {
    fn check(&self, path: &str) -> Result<(), FieldError> {
        for (name, source) in &self.services {
            source.check(&format!("{path}.services.{name}"))?;
        }
        self.dns.check(&format!("{path}.dns"))?;
        if let Some(consul) = &self.consul {
            consul.check(&format!("{path}.consul"))?;
        }
        if let Some(service) = self.receiver_service.as_ref().filter(|name| !has_reference(name)) {
            check(self.consul.is_some() || self.services.contains_key(service), || {
                let known: Vec<&str> = self.services.keys().map(String::as_str).collect();
                let accepted = format!("a name among services, or any with consul; services: {}", known.join(", "));
                FieldError::value(format!("{path}.receiver_service"), format_args!("{service:?}"), accepted)
            })?;
        }
        let Some(Registration { address, .. }) = &self.registration else { return Ok(()) };
        check(self.consul.is_some(), || {
            let reason =
                "it is registered at an agent of Consul, and there is none: set consul as well, or leave it out";
            FieldError::contradiction(format!("{path}.registration"), reason)
        })?;
        address.as_ref().map_or(Ok(()), |address| check_address(|| format!("{path}.registration.address"), address))
    }
}
