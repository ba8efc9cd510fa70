//! Whether this service is to be found by others: settings, and the registration as it runs.

use std::time::Duration;

use otlp_reliability::ConfigError;

use super::{DiscoveryError, ServiceDiscovery};
#[cfg(feature = "consul")]
use crate::{ConsulRegistration, ServiceInstance};

/// What settings say of our own entry.
#[derive(Debug, Clone, Default)]
pub(super) struct OwnService {
    pub(super) is_wanted: bool,
    pub(super) name: Option<String>,
    pub(super) address: Option<String>,
}

impl ServiceDiscovery {
    /// Whether this service is registered, so that others find it: from [`Discovery::run_on`](crate::Discovery::run_on)
    /// on, with a sign of life every ten seconds, until [`Discovery::deregister`](crate::Discovery::deregister); an
    /// instance that crashes is taken for dead after 30 s. Default: no. It needs Consul, and the name of the service
    /// ([`with_service_name`](Self::with_service_name)), which a client of telemetry knows.
    ///
    /// Without [`with_service_address`](Self::with_service_address) others see that the service runs, and not where.
    pub fn with_service_registry(mut self, is_registered: bool) -> Self {
        self.own.is_wanted = is_registered;
        self
    }

    /// Under which name this service is registered. Default: the `service.name` of the client that discovers.
    pub fn with_service_name(mut self, name: impl Into<String>) -> Self {
        self.own.name = Some(name.into());
        self
    }

    /// Takes `name` if none was given.
    pub fn or_service_name(mut self, name: impl FnOnce() -> Option<String>) -> Self {
        self.own.name = self.own.name.or_else(name);
        self
    }

    /// Where others reach this service, as `host:port`; not the address to listen on.
    pub fn with_service_address(mut self, address: impl Into<String>) -> Self {
        self.own.address = Some(address.into());
        self
    }
}

/// Our own entry, if there is to be one.
#[derive(Debug, Default)]
pub(super) struct Registration {
    #[cfg(feature = "consul")]
    entry: Option<ConsulRegistration>,
}

impl Registration {
    pub(super) fn new(settings: &ServiceDiscovery) -> Result<Self, ConfigError> {
        let OwnService { is_wanted, name, address } = &settings.own;
        if !is_wanted {
            return match address {
                Some(address) => Err(ConfigError::new(
                    "service_address",
                    address,
                    "nothing, unless with_service_registry(true) is set",
                )),
                None => Ok(Registration::default()),
            };
        }
        #[cfg(feature = "consul")]
        if let Some(consul) = &settings.consul {
            let accepted = "the name of this service, given by with_service_name";
            let name = name.as_ref().ok_or_else(|| ConfigError::new("service_name", name, accepted))?;
            let instance = match address {
                Some(address) => ServiceInstance::new(name, address.parse()?),
                None => ServiceInstance::without_address(name),
            };
            return Ok(Registration { entry: Some(ConsulRegistration::new(consul, instance)?) });
        }
        let _ = name;
        Err(ConfigError::new("service_registry", true, "true only with with_consul_endpoint, where it is registered"))
    }

    pub(super) fn is_wanted(&self) -> bool {
        #[cfg(feature = "consul")]
        return self.entry.is_some();
        #[cfg(not(feature = "consul"))]
        false
    }

    /// The registration, if there is one.
    #[cfg(feature = "consul")]
    pub(super) fn entry(&self) -> Option<&ConsulRegistration> {
        self.entry.as_ref()
    }

    /// Keeps the entry, as long as the future is polled.
    pub(super) async fn run(self: std::sync::Arc<Self>) {
        #[cfg(feature = "consul")]
        if let Some(entry) = &self.entry {
            entry.run().await;
        }
    }

    /// Takes the entry out, if there is one.
    pub(super) async fn end(&self, timeout: Duration) -> Result<(), DiscoveryError> {
        #[cfg(feature = "consul")]
        if let Some(entry) = &self.entry {
            return entry.deregister(timeout).await.map_err(|error| DiscoveryError::Deregistration(error.to_string()));
        }
        let _ = timeout;
        Ok(())
    }
}
