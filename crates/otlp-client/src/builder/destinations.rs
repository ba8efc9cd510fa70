//! The destinations of a client, each with its policies around it.

use std::{sync::Arc, time::Duration};

use otlp_batch::BatchExporter;
use otlp_exporters::{EndpointBreaker, Exporter, Hurry, OwnedDataExporter, RetryableKinds, Retrying};
use otlp_reliability::{CircuitBreakerConfig, Controlled, RetryPolicy, Timeout};
use otlp_transport::AnyTransport;

#[cfg(feature = "kafka")]
use {super::kafka, otlp_exporters::kafka::KafkaConfig};

use crate::{
    BuildError,
    diagnostics::Diagnostics,
    endpoints::Endpoints,
    environment::ExportVariables,
    policies::Policies,
    settings::{self, Export, ExportOptions},
    transport_events,
};

/// What all destinations have in common.
pub(super) struct Destinations<'a> {
    pub(super) export: &'a ExportOptions,
    pub(super) retry: RetryPolicy,
    pub(super) retryable: RetryableKinds,
    pub(super) diagnostics: &'a Arc<Diagnostics>,
    pub(super) policies: &'a mut Policies,
    #[cfg(feature = "kafka")]
    pub(super) kafka: Option<KafkaConfig>,
}

/// The destinations, and what a flush tells them by.
pub(super) struct Assembled {
    pub(super) otlp: Arc<dyn BatchExporter>,
    /// What it sends each signal by.
    pub(super) transports: [Arc<AnyTransport>; 3],
    pub(super) customs: Vec<Arc<dyn BatchExporter>>,
    #[cfg(feature = "kafka")]
    pub(super) kafka: Option<Arc<dyn BatchExporter>>,
    pub(super) breakers: Vec<(String, EndpointBreaker)>,
    pub(super) hurry: Hurry,
}

impl Destinations<'_> {
    pub(super) fn assemble(
        self,
        circuit_breaker: Option<CircuitBreakerConfig>,
        custom_exporters: Vec<Box<dyn Exporter>>,
        environment: &[ExportVariables; 3],
    ) -> Result<Assembled, BuildError> {
        #[cfg(feature = "kafka")]
        let kafka = self.kafka;
        let Destinations { export, retry, retryable, diagnostics, policies, .. } = self;
        let hurry = Hurry::new();
        let retry = retry.build().map_err(BuildError::Retry)?;
        let mut endpoints = Endpoints::new(circuit_breaker, Arc::clone(diagnostics));
        let events = transport_events::hook(Arc::clone(diagnostics));
        let Export { exporter: otlp, endpoints: urls, transports } = settings::export(export, environment, &events)?;
        let [traces, metrics, logs] = urls.map(|url| endpoints.breaker(&url).map_err(BuildError::CircuitBreaker));
        let otlp = Retrying::new(otlp, retry.clone(), hurry.clone())
            .with_retryable(retryable.clone())
            .with_circuit_breakers([traces?, metrics?, logs?])
            .with_observer(diagnostics.clone());
        policies.add_exporter(&otlp);
        let otlp: Arc<dyn BatchExporter> = Arc::new(otlp);
        let mut customs: Vec<Arc<dyn BatchExporter>> = Vec::new();
        for custom in custom_exporters {
            let custom = Retrying::new(OwnedDataExporter::new(custom), retry.clone(), hurry.clone())
                .with_retryable(retryable.clone());
            let breaker = endpoints.breaker_of_its_own(&custom.name()).map_err(BuildError::CircuitBreaker)?;
            let mut custom = custom.with_circuit_breakers([breaker.clone(), breaker.clone(), breaker]);
            if let Some(limit) = attempt_timeout(export.timeout) {
                custom = custom.with_timeout(limit);
            }
            let custom = custom.with_observer(diagnostics.clone());
            policies.add_exporter(&custom);
            customs.push(Arc::new(custom));
        }
        #[cfg(feature = "kafka")]
        let kafka = {
            let (hurry, endpoints) = (hurry.clone(), &mut endpoints);
            let shared = kafka::Shared { retry, retryable, hurry, endpoints, diagnostics, policies };
            kafka.map(|config| kafka::destination(config, shared)).transpose()?
        };
        let breakers = endpoints.into_breakers();
        for (endpoint, breaker) in &breakers {
            policies.add(format!("{endpoint}/circuit_breaker"), breaker.control());
        }
        Ok(Assembled {
            otlp,
            transports,
            customs,
            #[cfg(feature = "kafka")]
            kafka,
            breakers,
            hurry,
        })
    }
}

/// The limit of one attempt of a custom exporter: that of an attempt to the OTLP endpoint.
fn attempt_timeout(limit: Option<Duration>) -> Option<Timeout> {
    let limit = limit.unwrap_or(Duration::from_secs(10));
    (!limit.is_zero()).then(|| Timeout::new(limit))
}
