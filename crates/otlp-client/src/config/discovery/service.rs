//! Where the instances of one service are found.

use std::fmt;

use otlp_discovery::{Endpoint, ServiceDiscovery};
use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{Error, MapAccess, Visitor, value::MapAccessDeserializer},
};

use super::{check_address, not_an_address};
use crate::config::{Check, FieldError, check, in_range, reference::Follow};

/// Where the instances of one service are found: exactly one of the three.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ServiceSource {
    /// They are always these.
    pub endpoints: Option<Vec<StaticEndpoint>>,
    /// The addresses of a DNS name (A and AAAA records), written with the port that all of them have:
    /// `collector.example.com:4317`.
    pub dns: Option<String>,
    /// What the SRV records of a DNS name say: `_otlp._tcp.example.com`.
    pub dns_srv: Option<String>,
}

/// An instance that is always there. A file may write one of weight 1 and priority 0 as its address alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StaticEndpoint {
    /// `host:port`.
    pub address: String,
    /// How much of the traffic it takes beside the others, under `weighted`. 0 to 65,535; default 1; 0 takes none as long
    /// as another is there.
    pub weight: u32,
    /// Instances of a higher number take traffic only while none of a lower number can. 0 to 65,535; default 0.
    pub priority: u16,
}

impl From<&str> for StaticEndpoint {
    fn from(address: &str) -> Self {
        StaticEndpoint { address: address.to_owned(), weight: 1, priority: 0 }
    }
}

impl ServiceSource {
    pub(super) fn follow(&mut self, path: &str, follow: &mut Follow<'_>) -> Result<(), FieldError> {
        for (index, one) in self.endpoints.iter_mut().flatten().enumerate() {
            follow(&format!("{path}.endpoints[{index}]"), &mut one.address)?;
        }
        for (name, text) in [("dns", &mut self.dns), ("dns_srv", &mut self.dns_srv)] {
            if let Some(text) = text {
                follow(&format!("{path}.{name}"), text)?;
            }
        }
        Ok(())
    }

    /// Lets `discovery` find the service here.
    pub(super) fn apply(
        &self,
        path: &str,
        service: &str,
        discovery: ServiceDiscovery,
    ) -> Result<ServiceDiscovery, FieldError> {
        if let Some(name) = &self.dns {
            let Endpoint { host, port, .. } = address(format!("{path}.dns"), name)?;
            return Ok(discovery.with_dns(service, host, port));
        }
        if let Some(name) = &self.dns_srv {
            return Ok(discovery.with_dns_srv(service, name));
        }
        Ok(discovery.with_endpoints(service, self.listed(path)?))
    }

    /// The endpoints that are listed.
    pub(crate) fn listed(&self, path: &str) -> Result<Vec<Endpoint>, FieldError> {
        let read = |(index, one): (usize, &StaticEndpoint)| {
            let endpoint = address(format!("{path}.endpoints[{index}]"), &one.address)?;
            Ok(endpoint.with_weight(one.weight).with_priority(one.priority))
        };
        self.endpoints.iter().flatten().enumerate().map(read).collect()
    }
}

fn address(field: String, text: &str) -> Result<Endpoint, FieldError> {
    text.parse().map_err(|_| not_an_address(field, text))
}

impl Check for ServiceSource {
    fn check(&self, path: &str) -> Result<(), FieldError> {
        let sources = [self.endpoints.is_some(), self.dns.is_some(), self.dns_srv.is_some()];
        check(sources.into_iter().filter(|is_set| *is_set).count() == 1, || {
            FieldError::contradiction(path, "a service has exactly one source: set endpoints, dns or dns_srv")
        })?;
        for (index, one) in self.endpoints.iter().flatten().enumerate() {
            let path = format!("{path}.endpoints[{index}]");
            check_address(|| path.clone(), &one.address)?;
            in_range(&path, "weight", one.weight, 0..=65_535, "0 to 65535")?;
        }
        self.dns.as_ref().map_or(Ok(()), |name| check_address(|| format!("{path}.dns"), name))
    }
}

/// An endpoint with all of its fields.
#[derive(Serialize, Deserialize)]
#[serde(remote = "StaticEndpoint", deny_unknown_fields)]
struct InFull {
    address: String,
    #[serde(default = "weight")]
    weight: u32,
    #[serde(default)]
    priority: u16,
}

fn weight() -> u32 {
    1
}

impl Serialize for StaticEndpoint {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match (self.weight, self.priority) {
            (1, 0) => serializer.serialize_str(&self.address),
            _ => InFull::serialize(self, serializer),
        }
    }
}

impl<'de> Deserialize<'de> for StaticEndpoint {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(EndpointVisitor)
    }
}

struct EndpointVisitor;

impl<'de> Visitor<'de> for EndpointVisitor {
    type Value = StaticEndpoint;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("host:port, or a part with fields: address, weight, priority")
    }

    fn visit_str<E: Error>(self, address: &str) -> Result<StaticEndpoint, E> {
        Ok(address.into())
    }

    fn visit_map<A: MapAccess<'de>>(self, fields: A) -> Result<StaticEndpoint, A::Error> {
        InFull::deserialize(MapAccessDeserializer::new(fields))
    }
}
