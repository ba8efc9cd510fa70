//! Where services are found: settings.

mod error;
mod registration;
mod running;
mod source;

use std::{fmt, sync::Arc};

use tokio::runtime;

pub use self::{error::DiscoveryError, running::Discovery};
use self::{registration::OwnService, source::Source};
#[cfg(feature = "consul")]
use crate::ConsulConfig;
#[cfg(feature = "dns")]
use crate::DnsConfig;
#[cfg(all(doc, feature = "dns"))]
use crate::DnsResolver;
use crate::{Endpoint, LoadBalancer, Resolve};

/// Where the instances of services are found, and whether this service is to be found as well.
///
/// Services that are named here have the source that is given; with Consul, all others are looked for there.
///
/// ```
/// use otlp_discovery::{LoadBalancer, ServiceDiscovery};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), otlp_discovery::DiscoveryError> {
/// let discovery = ServiceDiscovery::new()
///     .with_static_endpoints("payments", ["10.0.0.1:8080", "10.0.0.2:8080"])
///     .start(LoadBalancer::new())?;
/// let payments = discovery.discover("payments")?;
/// assert_eq!(payments.snapshot().endpoints.len(), 2);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Default)]
#[must_use]
pub struct ServiceDiscovery {
    services: Vec<(String, Source)>,
    #[cfg(feature = "consul")]
    consul: Option<ConsulConfig>,
    #[cfg(feature = "dns")]
    dns: DnsConfig,
    own: OwnService,
    receiver_service: Option<String>,
}

impl ServiceDiscovery {
    /// Knows no services.
    pub fn new() -> Self {
        ServiceDiscovery::default()
    }

    /// The instances of `service` are always these, each written as `host:port`.
    pub fn with_static_endpoints<E: Into<String>>(
        self,
        service: impl Into<String>,
        endpoints: impl IntoIterator<Item = E>,
    ) -> Self {
        self.with(service, Source::Texts(endpoints.into_iter().map(Into::into).collect()))
    }

    /// The instances of `service` are always these.
    pub fn with_endpoints(self, service: impl Into<String>, endpoints: impl IntoIterator<Item = Endpoint>) -> Self {
        self.with(service, Source::Fixed(endpoints.into_iter().collect()))
    }

    /// The instances of `service` are the addresses of `name`, with `port` ([`DnsResolver::addresses`]).
    #[cfg(feature = "dns")]
    pub fn with_dns(self, service: impl Into<String>, name: impl Into<String>, port: u16) -> Self {
        self.with(service, Source::Addresses(name.into(), port))
    }

    /// The instances of `service` are what the SRV records of `name` say ([`DnsResolver::srv`]).
    #[cfg(feature = "dns")]
    pub fn with_dns_srv(self, service: impl Into<String>, name: impl Into<String>) -> Self {
        self.with(service, Source::Services(name.into()))
    }

    /// Sets how [`with_dns`](Self::with_dns) and [`with_dns_srv`](Self::with_dns_srv) ask.
    #[cfg(feature = "dns")]
    pub fn with_dns_config(mut self, config: DnsConfig) -> Self {
        self.dns = config;
        self
    }

    /// The instances of `service` are what `resolver` finds.
    pub fn with_resolver(self, service: impl Into<String>, resolver: impl Resolve + 'static) -> Self {
        self.with(service, Source::Watched(Arc::new(resolver)))
    }

    /// Looks in Consul for services that have no other source, through the agent at this URL, for instance
    /// `http://localhost:8500`.
    #[cfg(feature = "consul")]
    pub fn with_consul_endpoint(self, url: impl Into<String>) -> Self {
        self.with_consul(ConsulConfig::new(url))
    }

    /// As [`with_consul_endpoint`](Self::with_consul_endpoint), with all that can be set: token, datacenter, stale reads,
    /// tags, TLS.
    #[cfg(feature = "consul")]
    pub fn with_consul(mut self, config: ConsulConfig) -> Self {
        self.consul = Some(config);
        self
    }

    /// The receivers of the telemetry are the instances of `service`: batches are balanced over them. For a client of
    /// telemetry; on its own it changes nothing. Default: the client's endpoint.
    pub fn with_receiver_service(mut self, service: impl Into<String>) -> Self {
        self.receiver_service = Some(service.into());
        self
    }

    /// The name under which receivers of telemetry are found, if any.
    pub fn receiver_service(&self) -> Option<&str> {
        self.receiver_service.as_deref()
    }

    /// Checks the settings and starts to watch, on the runtime of the caller. Each service that is asked for is balanced
    /// over as `balancer` says.
    ///
    /// # Errors
    ///
    /// A setting cannot work, or there is no tokio runtime.
    pub fn start(self, balancer: LoadBalancer) -> Result<Discovery, DiscoveryError> {
        let runtime = runtime::Handle::try_current().map_err(|_| DiscoveryError::NoRuntime)?;
        let discovery = self.prepare(balancer)?;
        discovery.run_on(&runtime);
        Ok(discovery)
    }

    /// Checks the settings. Services can be asked for, but nothing is watched until [`Discovery::run_on`].
    ///
    /// # Errors
    ///
    /// A setting cannot work.
    pub fn prepare(self, balancer: LoadBalancer) -> Result<Discovery, DiscoveryError> {
        Discovery::new(self, balancer)
    }

    /// The last word on a service counts.
    fn with(mut self, service: impl Into<String>, source: Source) -> Self {
        let service = service.into();
        self.services.retain(|(known, _)| *known != service);
        self.services.push((service, source));
        self
    }
}

impl fmt::Debug for ServiceDiscovery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServiceDiscovery")
            .field("services", &self.services)
            .field("own", &self.own)
            .field("receiver_service", &self.receiver_service)
            .finish_non_exhaustive()
    }
}
