//! The settings of which receivers there are, and how batches are spread over them.

use otlp_discovery::{LoadBalancer, ServiceDiscovery};

use crate::ClientBuilder;

impl ClientBuilder {
    /// Finds services: for the program, which asks [`EnhancedOtlpClient::service_discovery`], and if
    /// [`with_receiver_service`](ServiceDiscovery::with_receiver_service) says so, the receivers of the telemetry.
    /// Scheme, protocol and path of the receivers are those of [`ClientBuilder::with_endpoint`], host and port what is
    /// found. The watching is done by the background thread.
    ///
    /// With [`with_service_registry`](ServiceDiscovery::with_service_registry) this service is registered under its
    /// `service.name`, and taken out at the shutdown.
    ///
    /// ```no_run
    /// use otlp_client::{EnhancedOtlpClient, discovery::{LoadBalancer, ServiceDiscovery}};
    ///
    /// let discovery = ServiceDiscovery::new()
    ///     .with_consul_endpoint("http://localhost:8500")
    ///     .with_receiver_service("otel-collector")
    ///     .with_service_registry(true)
    ///     .with_service_address("10.0.0.7:8080");
    /// let client = EnhancedOtlpClient::builder()
    ///     .with_endpoint("http://localhost:4317")
    ///     .with_service_name("shop")
    ///     .with_service_discovery(discovery)
    ///     .with_load_balancer(LoadBalancer::new())
    ///     .build_blocking()?;
    /// # Ok::<(), otlp_client::BuildError>(())
    /// ```
    ///
    /// [`EnhancedOtlpClient::service_discovery`]: crate::EnhancedOtlpClient::service_discovery
    pub fn with_service_discovery(mut self, discovery: ServiceDiscovery) -> Self {
        self.receivers.discovery = Some(discovery);
        self
    }

    /// Sets how to balance over the endpoints of a service, receivers and others. Default: one after the other. It needs
    /// several endpoints, or a service discovery.
    ///
    /// Unless it has a circuit breaker of its own, [`ClientBuilder::with_circuit_breaker`] says when a receiver is left.
    ///
    /// Under [`Rendezvous`](crate::discovery::LoadBalancingStrategy::Rendezvous) a batch goes by the first trace in it, and
    /// is not taken apart: batches that begin with the same trace go to the same receiver, but not all spans of a trace do.
    /// Where one receiver must see a whole trace, as for tail sampling, that takes a tier of Collectors with the
    /// `loadbalancing` exporter.
    pub fn with_load_balancer(mut self, balancer: LoadBalancer) -> Self {
        self.receivers.balancer = Some(balancer);
        self
    }

    /// Spreads batches over these endpoints, in place of a single one. They differ in host and port only.
    ///
    /// An attempt that fails is repeated at another one; only when all of them are down do batches wait in the queue.
    pub fn with_endpoints<U: Into<String>>(mut self, urls: impl IntoIterator<Item = U>) -> Self {
        self.receivers.endpoints = Some(urls.into_iter().map(Into::into).collect());
        self
    }
}
