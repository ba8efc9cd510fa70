//! The receivers of the telemetry, where they are several or have to be found.

mod balanced;
mod url;
mod watch;

use std::sync::Arc;

use otlp_discovery::{Discovery, DiscoveryError, Endpoint, LoadBalancer, ServiceDiscovery, ServicePool};
use otlp_reliability::ConfigError;
use tokio::runtime;

pub(crate) use self::balanced::{Balanced, Parts};
use self::url::Template;
use crate::{
    BuildError,
    diagnostics::{DiagnosticSeverity, Diagnostics},
    environment::ExportVariables,
    settings::{self, ExportOptions},
};

/// Under which name receivers are known that were named one by one.
pub(crate) const NAMED: &str = "otlp receivers";

/// What was said of the receivers.
#[derive(Default)]
pub(crate) struct Receivers {
    pub(crate) discovery: Option<ServiceDiscovery>,
    pub(crate) balancer: Option<LoadBalancer>,
    pub(crate) endpoints: Option<Vec<String>>,
}

/// Services as they will be found, and how the receivers are spoken to if they are among them.
pub(crate) struct Prepared {
    pub(crate) discovery: Discovery,
    pub(crate) balancer: LoadBalancer,
    pub(crate) otlp: Option<Otlp>,
}

/// The receivers among the services.
pub(crate) struct Otlp {
    /// The name of the service that they are.
    service: String,
    /// A URL that says how each of them is spoken to.
    base: String,
    /// What of it each of them has.
    template: Template,
    /// What the certificate of one must carry of which only an address is known.
    common_name: Option<String>,
}

impl Receivers {
    /// Checks the settings as a whole. Nothing is looked for yet; `None` if there is nothing to look for.
    pub(crate) fn prepare(
        self,
        export: &ExportOptions,
        environment: &[ExportVariables; 3],
        service_name: Option<&str>,
    ) -> Result<Option<Prepared>, BuildError> {
        let mut named_by = None;
        let discovery = match (self.discovery, self.endpoints) {
            (None, None) => return self.balancer.map_or(Ok(None), |_| Err(nothing_to_balance())),
            (Some(discovery), None) => discovery,
            (discovery, Some(urls)) => {
                let discovery = discovery.unwrap_or_default();
                if export.endpoint.is_some() {
                    return Err(contradiction("with_endpoint and with_endpoints", "give all receivers to one of them"));
                }
                if discovery.receiver_service().is_some() {
                    let remedy = "either the receivers are found, or they are named";
                    return Err(contradiction("with_receiver_service and with_endpoints", remedy));
                }
                let (_, endpoints) = named(&urls).map_err(DiscoveryError::from)?;
                named_by = urls.into_iter().next();
                discovery.with_endpoints(NAMED, endpoints).with_receiver_service(NAMED)
            }
        };
        let service = discovery.receiver_service().map(str::to_owned);
        if service.is_some() && export.signal_endpoints.iter().any(Option::is_some) {
            let remedy =
                "an endpoint of one signal is not balanced over: leave it out, or make a client of its own for it";
            return Err(contradiction("with_signal_endpoint and several receivers", remedy));
        }
        let balancer = self.balancer.unwrap_or_default();
        let discovery = discovery.or_service_name(|| service_name.map(str::to_owned)).prepare(balancer.clone())?;
        let otlp = service.map(|service| {
            let is_found = named_by.is_none();
            let base = named_by.unwrap_or_else(|| settings::general_endpoint(export, environment));
            let common_name = is_found.then(|| url::host(&base)).flatten();
            Otlp { service, template: Template::of(&base), common_name, base }
        });
        Ok(Some(Prepared { discovery, balancer, otlp }))
    }
}

impl Prepared {
    /// Begins to watch.
    pub(crate) fn run(
        self,
        runtime: &runtime::Handle,
        receivers: Option<ServicePool>,
        diagnostics: &Arc<Diagnostics>,
    ) -> Discovery {
        self.discovery.run_on(runtime);
        if let Some(registration) = self.discovery.registration() {
            if registration.instance().address().is_none() {
                // No address is guessed: which of its ports others mean, only the program knows.
                let what = "this service is registered without an address: others learn that it runs and on which node, and \
                            no port to reach it at. Give host:port by with_service_address, or as \
                            service_discovery.registration.address of a file";
                diagnostics.say(DiagnosticSeverity::Warning, what);
            }
            runtime.spawn(watch::report_registration(registration.status(), Arc::clone(diagnostics)));
        }
        if let Some(pool) = receivers {
            runtime.spawn(watch::report(pool, Arc::clone(diagnostics)));
        }
        self.discovery
    }
}

/// Where named receivers are, and what they have in common.
///
/// # Errors
///
/// A URL that cannot be one of several.
pub(crate) fn named(urls: &[String]) -> Result<(Template, Vec<Endpoint>), ConfigError> {
    let refused = |url: &str, accepted| ConfigError::new("endpoints", url::shown(url), accepted);
    let Some(first) = urls.first() else {
        return Err(refused("", "one URL or more"));
    };
    let template = Template::of(first);
    let mut endpoints = Vec::new();
    for url in urls {
        if Template::of(url) != template {
            return Err(refused(url, "URLs that differ in host and port only"));
        }
        let endpoint = template.endpoint_of(url);
        endpoints.push(endpoint.ok_or_else(|| refused(url, "URLs with host and port, like http://10.0.0.7:4317"))?);
    }
    Ok((template, endpoints))
}

fn nothing_to_balance() -> BuildError {
    contradiction(
        "with_load_balancer and a single endpoint",
        "name the receivers by with_endpoints, or where services are found by with_service_discovery",
    )
}

fn contradiction(settings: &'static str, remedy: &'static str) -> BuildError {
    BuildError::Contradiction { settings, remedy }
}
