//! The OTLP exporter over several receivers.

use std::{net::IpAddr, sync::Arc};

use otlp_core::{ErrorKind, ExportError};
use otlp_discovery::{Breaker, Endpoint, ServicePool};
use otlp_exporters::{BalancedExporter, Hurry, OtlpExporter, RetryableKinds};
use otlp_reliability::{CircuitBreakerConfig, Controlled, Retry};
use otlp_transport::EventHook;

use super::{Otlp, Prepared, Template, url};
use crate::{
    BuildError,
    config::TransportProtocol,
    diagnostics::Diagnostics,
    endpoints,
    environment::ExportVariables,
    monitoring::{Component, Observations},
    policies::Policies,
    settings::{self, Export, ExportOptions},
};

/// What the exporter is made of.
pub(crate) struct Parts<'a> {
    pub(crate) export: &'a ExportOptions,
    pub(crate) environment: &'a [ExportVariables; 3],
    pub(crate) events: &'a EventHook,
    pub(crate) retry: Retry,
    pub(crate) retryable: RetryableKinds,
    pub(crate) hurry: Hurry,
    pub(crate) circuit_breaker: Option<CircuitBreakerConfig>,
    pub(crate) diagnostics: &'a Arc<Diagnostics>,
    pub(crate) policies: &'a Policies,
    pub(crate) observations: &'a Observations,
}

/// The exporter, and the pool that it balances over.
pub(crate) struct Balanced {
    pub(crate) exporter: BalancedExporter<OtlpExporter>,
    pub(crate) pool: ServicePool,
}

impl Prepared {
    /// The exporter to the receivers, if they are several or have to be found. What any of them would be refused for is
    /// refused now.
    pub(crate) fn exporter(&self, parts: Parts<'_>) -> Result<Option<Balanced>, BuildError> {
        let Some(Otlp { service, base, template, common_name }) = &self.otlp else { return Ok(None) };
        let mut options = parts.export.clone();
        options.endpoint = Some(base.clone());
        let mut environment = parts.environment.clone();
        // The port of an endpoint that was found says nothing of the protocol.
        let protocol = TransportProtocol::of_endpoint(base).into();
        for signal in &mut environment {
            signal.protocol.get_or_insert(protocol);
        }
        let first = settings::export(&options, &environment, parts.events)?;
        // Each batch has a server of its own.
        let component = Component::otlp(first.protocols, &Default::default());
        let name = first.exporter_name();

        let (diagnostics, shown_by) = (Arc::clone(parts.diagnostics), template.clone());
        let watched = self.balancer.clone().or_circuit_breaker(parts.circuit_breaker).with_observers(move |endpoint| {
            endpoints::watch_one_of_several(shown(&shown_by, endpoint), Arc::clone(&diagnostics))
        });
        let pool = self.discovery.discover_with(service, watched)?;
        let (events, policies, template) = (parts.events.clone(), parts.policies.clone(), template.clone());
        let common_name = common_name.clone();
        // Those of no receiver stay, so that headers of a reload are judged while there is none.
        let judges = first.transports;
        let connect = move |endpoint: &Endpoint, breaker: Option<&Breaker>| {
            let _judges = &judges;
            let mut options = options.clone();
            options.endpoint = Some(template.url(endpoint));
            let is_address = endpoint.host.parse::<IpAddr>().is_ok();
            options.server_name = endpoint.server_name.clone().or_else(|| common_name.clone().filter(|_| is_address));
            let Export { exporter, transports, .. } =
                settings::export(&options, &environment, &events).map_err(|error| unusable(endpoint, &error))?;
            transports.iter().for_each(|transport| transport.start());
            let breaker = breaker.and_then(|breaker| breaker.control());
            policies.list(format!("{}/circuit_breaker", shown(&template, endpoint)), breaker);
            Ok(exporter)
        };
        let exporter = BalancedExporter::new(name, pool.clone(), connect, parts.retry, parts.hurry)
            .with_retryable(parts.retryable)
            .with_observer(Arc::new(parts.observations.next_destination(component, parts.diagnostics)));
        Ok(Some(Balanced { exporter, pool }))
    }
}

fn unusable(endpoint: &Endpoint, error: &BuildError) -> ExportError {
    ExportError::new(ErrorKind::Network, format!("{endpoint} cannot be sent to: {error}"))
}

fn shown(template: &Template, endpoint: &Endpoint) -> String {
    url::shown(&template.url(endpoint))
}
