//! The endpoints of one service, and the choice among them.
//!
//! What must hold:
//!
//! - An endpoint that is there before and after an update stays the same: its load, its breaker, its connections.
//! - No request goes to an endpoint that is not well while one is there that is.
//! - What a request holds (its place in the load, its place as a probe) is given back when it is dropped.

mod choose;
#[cfg(test)]
mod churn_tests;
mod error;
mod member;
mod members;
mod picked;
mod ready;
#[cfg(test)]
mod reload_tests;
mod snapshot;
mod tasks;
#[cfg(test)]
mod tests;

use std::{fmt, pin::pin, sync::Arc};

use otlp_reliability::CircuitBreakerConfig;
use tokio::runtime;

pub use self::{
    choose::PickRequest,
    error::NoEndpoint,
    member::Breaker,
    picked::Picked,
    snapshot::{EndpointStatus, PoolSnapshot},
};
pub(crate) use self::{member::Member, members::Members};
use crate::{ConfigError, Endpoint, LoadBalancer, Resolve};

/// The endpoints of a service, kept up to date, and balanced over. Clones are the same pool; the last one that is dropped
/// ends the watching.
///
/// Of what a source finds it has at most 10,000: those of the lowest priorities, and of these the first by host and port. More
/// are left out, and [`PoolSnapshot::failure`] says so.
///
/// ```
/// use otlp_discovery::{LoadBalancer, ServiceDiscovery, Verdict};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let discovery = ServiceDiscovery::new()
///     .with_static_endpoints("payments", ["10.0.0.1:8080", "10.0.0.2:8080"])
///     .start(LoadBalancer::new())?;
/// let payments = discovery.discover("payments")?;
///
/// let picked = payments.pick()?;
/// let url = format!("http://{}/pay", picked.endpoint());
/// // … the request, with whatever client; then what it says of the endpoint:
/// picked.report(Verdict::Success);
/// # assert!(url == "http://10.0.0.1:8080/pay" || url == "http://10.0.0.2:8080/pay");
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct ServicePool {
    handle: Arc<Handle>,
}

struct Handle {
    members: Arc<Members>,
    tasks: tasks::Tasks,
}

impl ServicePool {
    /// A pool without endpoints.
    pub(crate) fn new(service: String, balancer: LoadBalancer) -> Result<Self, ConfigError> {
        balancer.validate()?;
        let members = Arc::new(Members::new(service, balancer));
        Ok(ServicePool { handle: Arc::new(Handle { members, tasks: tasks::Tasks::default() }) })
    }

    /// The endpoints are these.
    pub(crate) fn found(&self, endpoints: &[Endpoint]) {
        self.members().found(endpoints);
    }

    /// Starts to ask `resolver` for endpoints and the endpoints how they are.
    pub(crate) fn watch_on(&self, runtime: &runtime::Handle, resolver: Option<Arc<dyn Resolve>>) {
        self.handle.tasks.start(runtime, &self.handle.members, resolver);
    }

    fn members(&self) -> &Arc<Members> {
        &self.handle.members
    }

    /// The name of the service.
    pub fn service(&self) -> &str {
        &self.members().service
    }

    /// An endpoint for a request. Where none is well, one that is not.
    ///
    /// # Errors
    ///
    /// No endpoint is known.
    pub fn pick(&self) -> Result<Picked, NoEndpoint> {
        self.pick_by(&PickRequest::new())
    }

    /// As [`ServicePool::pick`], the same endpoint for the same key
    /// ([`Rendezvous`](crate::LoadBalancingStrategy::Rendezvous)).
    ///
    /// # Errors
    ///
    /// No endpoint is known.
    pub fn pick_for(&self, key: impl AsRef<[u8]>) -> Result<Picked, NoEndpoint> {
        self.pick_by(&PickRequest::new().with_key(key.as_ref()))
    }

    /// As [`ServicePool::pick`], as `request` asks.
    ///
    /// # Errors
    ///
    /// No endpoint is known.
    pub fn pick_by(&self, request: &PickRequest<'_>) -> Result<Picked, NoEndpoint> {
        self.pick_well(request).or_else(|none| choose::anyone(self.members(), request).ok_or(none))
    }

    /// As [`ServicePool::pick_by`], but none that is left alone: for those who can wait until one is
    /// [`ready`](ServicePool::ready).
    ///
    /// # Errors
    ///
    /// No endpoint is known, or none takes requests now.
    pub fn pick_well(&self, request: &PickRequest<'_>) -> Result<Picked, NoEndpoint> {
        choose::well(self.members(), request).ok_or_else(|| NoEndpoint::of(self.members()))
    }

    /// Whether there is an endpoint that takes any number of requests.
    pub fn takes_all(&self) -> bool {
        self.members().list().iter().any(|member| member.state.condition() == member::Condition::TakesAll)
    }

    /// Completes when there is an endpoint for [`ServicePool::pick_well`], be it for a single request; for another may be
    /// faster. Dropping the future leaves nothing behind.
    pub async fn ready(&self) {
        ready::ready(self.members()).await;
    }

    /// Lets each endpoint that is left alone be tried at once.
    pub fn probe(&self) {
        self.members().list().iter().for_each(|member| member.state.probe());
        self.members().changed();
    }

    /// Gives the circuit breakers other settings, of endpoints that are there and that come, if the client that balances
    /// said what they are ([`LoadBalancer::or_circuit_breaker`]). What they know of their endpoints stays.
    ///
    /// # Errors
    ///
    /// Settings that cannot work, of which nothing is taken.
    pub fn reload_circuit_breakers(&self, settings: &CircuitBreakerConfig) -> Result<(), ConfigError> {
        self.members().reload_circuit_breakers(settings)
    }

    /// How often what is known has changed: endpoints that come, go, fail, or are well again, and sources that fail.
    pub fn changes(&self) -> u64 {
        self.members().changes()
    }

    /// Completes when what is known has changed more often than `seen`, a number that [`ServicePool::changes`] gave.
    pub async fn changed_since(&self, seen: u64) {
        loop {
            let mut news = pin!(self.members().news().notified());
            news.as_mut().enable();
            if self.changes() != seen {
                return;
            }
            news.await;
        }
    }

    /// A number that grows with each answer of the source.
    pub fn generation(&self) -> u64 {
        self.members().generation()
    }

    /// The endpoints that there are now, as in [`Picked::id`].
    pub fn ids(&self) -> Vec<u64> {
        self.members().list().iter().map(|member| member.state.id).collect()
    }

    /// What is known now, for people.
    pub fn snapshot(&self) -> PoolSnapshot {
        PoolSnapshot::of(self.members())
    }
}

impl fmt::Debug for ServicePool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServicePool").field("members", self.members()).finish_non_exhaustive()
    }
}
