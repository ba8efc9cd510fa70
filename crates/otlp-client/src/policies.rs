//! The policies of a client under names, for whoever looks at them.

use std::sync::Arc;

use otlp_exporters::Governed;
use otlp_reliability::{Control, Controlled, NamedSnapshot, Registry};

/// Lists policies. They live as long as the destinations that use them. Clones list in the same place.
#[derive(Clone)]
pub(crate) struct Policies {
    registry: Registry,
    /// The retries of the destinations, in their order; those that print have none.
    retries: Vec<Arc<dyn Control>>,
    /// The circuit breakers that were there from the start, by what they are of.
    circuit_breakers: Vec<(String, Arc<dyn Control>)>,
    /// Whether they are to be listed in the registry of the process as well.
    is_wanted_by_process: bool,
    /// Whether there is such a registry.
    is_without_registry: bool,
}

impl Policies {
    pub(crate) fn new(is_wanted_by_process: bool) -> Self {
        Policies {
            registry: Registry::new(),
            retries: Vec::new(),
            circuit_breakers: Vec::new(),
            is_wanted_by_process,
            is_without_registry: false,
        }
    }

    /// Lists the policies around the attempts of an exporter.
    pub(crate) fn add_exporter(&mut self, exporter: &impl Governed) {
        for (kind, control) in exporter.policies() {
            if kind == "retry" {
                self.retries.push(Arc::clone(&control));
            }
            self.add(format!("{}/{kind}", exporter.name()), Some(control));
        }
    }

    /// The retries of the destinations, in their order; those that print have none.
    pub(crate) fn retries(&self) -> Vec<Arc<dyn Control>> {
        self.retries.clone()
    }

    /// Lists the circuit breaker of an endpoint, or of an exporter that has one of its own.
    pub(crate) fn add_circuit_breaker(&mut self, endpoint: &str, control: Option<Arc<dyn Control>>) {
        self.circuit_breakers.extend(control.clone().map(|control| (endpoint.to_owned(), control)));
        self.add(format!("{endpoint}/circuit_breaker"), control);
    }

    /// The circuit breakers that were there from the start, by what they are of. Those of endpoints that are found while
    /// the client runs are among the figures.
    pub(crate) fn circuit_breakers(&self) -> &[(String, Arc<dyn Control>)] {
        &self.circuit_breakers
    }

    /// Lists a policy.
    pub(crate) fn add(&mut self, name: String, control: Option<Arc<dyn Control>>) {
        self.is_without_registry |= !self.list(name, control);
    }

    /// Lists a policy that comes while the client runs; whether it is wherever it was wanted.
    pub(crate) fn list(&self, name: String, control: Option<Arc<dyn Control>>) -> bool {
        let policy = Policy(control);
        let is_registered = !self.is_wanted_by_process || otlp_reliability::register(name.as_str(), &policy).is_ok();
        self.registry.register(name, &policy);
        is_registered
    }

    /// Whether the registry of the process was wanted and there is none.
    pub(crate) fn is_without_registry(&self) -> bool {
        self.is_without_registry
    }

    /// The figures of all.
    pub(crate) fn figures(&self) -> Vec<NamedSnapshot> {
        self.registry.metrics().policies
    }
}

/// A policy of which only the controls are known here.
struct Policy(Option<Arc<dyn Control>>);

impl Controlled for Policy {
    fn control(&self) -> Option<Arc<dyn Control>> {
        self.0.clone()
    }
}
