//! The destinations of a client, each with its policies around it.

use std::{sync::Arc, time::Duration};

use otlp_batch::BatchExporter;
use otlp_discovery::ServicePool;
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
    monitoring::{Component, Observations},
    policies::Policies,
    receivers::{Balanced, Parts, Prepared},
    reload::CircuitBreakers,
    settings::{self, Export, ExportOptions},
    transport_events,
};

/// What all destinations have in common.
pub(super) struct Destinations<'a> {
    pub(super) export: &'a ExportOptions,
    pub(super) prepared: Option<&'a Prepared>,
    pub(super) retry: RetryPolicy,
    pub(super) retryable: RetryableKinds,
    pub(super) diagnostics: &'a Arc<Diagnostics>,
    pub(super) policies: &'a mut Policies,
    #[cfg(feature = "kafka")]
    pub(super) kafka: Option<KafkaConfig>,
    pub(super) observations: &'a Observations,
}

/// The destinations, and what a flush tells them by.
pub(super) struct Assembled {
    pub(super) otlp: Arc<dyn BatchExporter>,
    /// What it sends each signal by, if it sends to one endpoint.
    pub(super) transports: Vec<Arc<AnyTransport>>,
    /// What it balances over, if it sends to several.
    pub(super) receivers: Option<ServicePool>,
    pub(super) customs: Vec<Arc<dyn BatchExporter>>,
    #[cfg(feature = "kafka")]
    pub(super) kafka: Option<Arc<dyn BatchExporter>>,
    pub(super) breakers: Vec<(String, EndpointBreaker)>,
    /// What a reload of the circuit breakers reaches, if there are any.
    pub(super) circuit_breakers: Option<CircuitBreakers>,
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
        let Destinations { export, prepared, retry, retryable, diagnostics, policies, observations, .. } = self;
        let (hurry, has_breakers) = (Hurry::new(), circuit_breaker.is_some());
        let retry = retry.build().map_err(BuildError::Retry)?;
        let mut endpoints = Endpoints::new(circuit_breaker.clone(), Arc::clone(diagnostics));
        let events = transport_events::hook(Arc::clone(diagnostics));
        let parts = Parts {
            export,
            environment,
            events: &events,
            retry: retry.clone(),
            retryable: retryable.clone(),
            hurry: hurry.clone(),
            circuit_breaker,
            diagnostics,
            policies,
            observations,
        };
        let balanced = prepared.map_or(Ok(None), |prepared| prepared.exporter(parts))?;
        let (otlp, transports, receivers): (Arc<dyn BatchExporter>, _, _) = match balanced {
            Some(Balanced { exporter, pool }) => {
                policies.add_exporter(&exporter);
                (Arc::new(exporter), Vec::new(), Some(pool))
            }
            None => {
                let Export { exporter, endpoints: urls, protocols, transports } =
                    settings::export(export, environment, &events)?;
                let component = Component::otlp(protocols, &urls);
                let [traces, metrics, logs] =
                    urls.map(|url| endpoints.breaker(&url).map_err(BuildError::CircuitBreaker));
                let otlp = Retrying::new(exporter, retry.clone(), hurry.clone())
                    .with_retryable(retryable.clone())
                    .with_circuit_breakers([traces?, metrics?, logs?])
                    .with_observer(Arc::new(observations.next_destination(component, diagnostics)));
                policies.add_exporter(&otlp);
                (Arc::new(otlp), transports.into(), None)
            }
        };
        let mut customs: Vec<Arc<dyn BatchExporter>> = Vec::new();
        for custom in custom_exporters {
            let custom = Retrying::new(OwnedDataExporter::new(custom), retry.clone(), hurry.clone())
                .with_retryable(retryable.clone());
            let breaker = endpoints.breaker_of_its_own(&custom.name()).map_err(BuildError::CircuitBreaker)?;
            let mut custom = custom.with_circuit_breakers([breaker.clone(), breaker.clone(), breaker]);
            if let Some(limit) = attempt_timeout(export.timeout) {
                custom = custom.with_timeout(limit);
            }
            let component = Component::custom(&custom.name());
            let custom = custom.with_observer(Arc::new(observations.next_destination(component, diagnostics)));
            policies.add_exporter(&custom);
            customs.push(Arc::new(custom));
        }
        #[cfg(feature = "kafka")]
        let kafka = {
            let (hurry, endpoints) = (hurry.clone(), &mut endpoints);
            let shared = kafka::Shared { retry, retryable, hurry, endpoints, diagnostics, policies, observations };
            kafka.map(|config| kafka::destination(config, shared)).transpose()?
        };
        let streak = endpoints.streak();
        let breakers = endpoints.into_breakers();
        for (endpoint, breaker) in &breakers {
            policies.add_circuit_breaker(endpoint, breaker.control());
        }
        let controls = breakers.iter().filter_map(|(_, breaker)| breaker.control()).collect();
        let circuit_breakers = has_breakers.then(|| CircuitBreakers { controls, receivers: receivers.clone(), streak });
        Ok(Assembled {
            otlp,
            transports,
            receivers,
            customs,
            #[cfg(feature = "kafka")]
            kafka,
            breakers,
            circuit_breakers,
            hurry,
        })
    }
}

/// The limit of one attempt of a custom exporter: that of an attempt to the OTLP endpoint.
fn attempt_timeout(limit: Option<Duration>) -> Option<Timeout> {
    let limit = limit.unwrap_or(Duration::from_secs(10));
    (!limit.is_zero()).then(|| Timeout::new(limit))
}
