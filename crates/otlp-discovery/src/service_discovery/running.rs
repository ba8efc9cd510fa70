//! Discovery as it runs: a pool for each service that somebody asked for.

use std::{collections::BTreeMap, fmt, sync::Arc, time::Duration};

use parking_lot::Mutex;
use tokio::{runtime, task::AbortHandle};

use super::{
    DiscoveryError, ServiceDiscovery,
    registration::Registration,
    source::{Ready, distinct},
};
#[cfg(feature = "consul")]
use crate::{ConsulRegistration, ConsulResolver};
use crate::{Endpoint, LoadBalancer, ServicePool};

/// Finds services, and keeps what it found up to date. Clones are the same.
#[derive(Clone)]
pub struct Discovery {
    inner: Arc<Inner>,
}

struct Inner {
    sources: BTreeMap<String, Ready>,
    /// Where all other services are looked for.
    elsewhere: Option<Ready>,
    registration: Arc<Registration>,
    balancer: LoadBalancer,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    runtime: Option<runtime::Handle>,
    pools: BTreeMap<String, ServicePool>,
    /// Lists that took the place of those of the settings.
    lists: BTreeMap<String, Arc<[Endpoint]>>,
    /// What is watched as soon as there is a runtime.
    waiting: Vec<(ServicePool, Ready)>,
    registering: Option<AbortHandle>,
}

impl Discovery {
    pub(super) fn new(settings: ServiceDiscovery, balancer: LoadBalancer) -> Result<Self, DiscoveryError> {
        balancer.validate()?;
        #[cfg(feature = "dns")]
        settings.dns.validate()?;
        let mut sources = BTreeMap::new();
        for (service, source) in &settings.services {
            sources.insert(service.clone(), source.ready(&settings)?);
        }
        #[cfg(feature = "consul")]
        let elsewhere = match &settings.consul {
            Some(config) => Some(Ready::Watched(Arc::new(ConsulResolver::new(config)?))),
            None => None,
        };
        #[cfg(not(feature = "consul"))]
        let elsewhere = None;
        let registration = Arc::new(Registration::new(&settings)?);
        let inner = Inner { sources, elsewhere, registration, balancer, state: Mutex::default() };
        if let Some(service) = &settings.receiver_service {
            inner.source(service)?;
        }
        Ok(Discovery { inner: Arc::new(inner) })
    }

    /// Begins to watch on `runtime` what was asked for and what will be. Of several calls the first counts.
    pub fn run_on(&self, runtime: &runtime::Handle) {
        let mut state = self.inner.state.lock();
        if state.runtime.is_some() {
            return;
        }
        state.runtime = Some(runtime.clone());
        for (pool, source) in std::mem::take(&mut state.waiting) {
            watch(runtime, &pool, &source);
        }
        state.registering = Some(runtime.spawn(Arc::clone(&self.inner.registration).run()).abort_handle());
    }

    /// The endpoints of `service`, the same pool at each call. What has to be asked for is not there at once: see
    /// [`ServicePool::ready`].
    ///
    /// # Errors
    ///
    /// There is no source for a service of that name.
    pub fn discover(&self, service: &str) -> Result<ServicePool, DiscoveryError> {
        self.discover_with(service, self.inner.balancer.clone())
    }

    /// As [`Discovery::discover`], balanced over as `balancer` says if nobody asked for the service before.
    ///
    /// # Errors
    ///
    /// There is no source for a service of that name, or a setting cannot work.
    pub fn discover_with(&self, service: &str, balancer: LoadBalancer) -> Result<ServicePool, DiscoveryError> {
        let listed = {
            let state = self.inner.state.lock();
            if let Some(pool) = state.pools.get(service) {
                return Ok(pool.clone());
            }
            state.lists.get(service).cloned()
        };
        let source = self.inner.source(service)?;
        let pool = ServicePool::new(service.to_owned(), balancer)?;
        // Without the lock: those who observe endpoints that come are code of the program.
        if let Ready::Fixed(endpoints) = source {
            pool.found(listed.as_ref().unwrap_or(endpoints));
        }
        let mut state = self.inner.state.lock();
        if let Some(earlier) = state.pools.get(service) {
            return Ok(earlier.clone());
        }
        match &state.runtime {
            Some(runtime) => watch(runtime, &pool, source),
            None => state.waiting.push((pool.clone(), source.clone())),
        }
        state.pools.insert(service.to_owned(), pool.clone());
        let replaced = state.lists.get(service).filter(|now| Some(*now) != listed.as_ref()).cloned();
        drop(state);
        if let Some(endpoints) = replaced {
            pool.found(&endpoints);
        }
        Ok(pool)
    }

    /// Whether the endpoints of `service` are listed, and can be replaced by others.
    pub fn is_listed(&self, service: &str) -> bool {
        matches!(self.inner.sources.get(service), Some(Ready::Fixed(_)))
    }

    /// Makes these the endpoints of a service whose endpoints are listed
    /// ([`with_endpoints`](ServiceDiscovery::with_endpoints)). Those that stay keep what is known of them.
    ///
    /// # Errors
    ///
    /// There is no list for a service of that name: it has another source, or none.
    pub fn replace_endpoints(
        &self,
        service: &str,
        endpoints: impl IntoIterator<Item = Endpoint>,
    ) -> Result<(), DiscoveryError> {
        if !self.is_listed(service) {
            return Err(DiscoveryError::NotListed { service: service.to_owned() });
        }
        let endpoints: Arc<[Endpoint]> = distinct(endpoints.into_iter().collect()).into();
        let pool = {
            let mut state = self.inner.state.lock();
            state.lists.insert(service.to_owned(), Arc::clone(&endpoints));
            state.pools.get(service).cloned()
        };
        // Without the lock: those who observe endpoints that come are code of the program.
        if let Some(pool) = pool {
            pool.found(&endpoints);
        }
        Ok(())
    }

    /// Takes this service out of the registry, if it is there; waits for at most `timeout`. The watching goes on.
    ///
    /// # Errors
    ///
    /// The registry could not be told. It finds out when the signs of life are missing.
    pub async fn deregister(&self, timeout: Duration) -> Result<(), DiscoveryError> {
        self.inner.registration.end(timeout).await
    }

    /// Whether this service is to be found in a registry.
    pub fn is_registered(&self) -> bool {
        self.inner.registration.is_wanted()
    }

    /// Our own entry in the registry, if there is to be one.
    #[cfg(feature = "consul")]
    pub fn registration(&self) -> Option<&ConsulRegistration> {
        self.inner.registration.entry()
    }

    /// The services that somebody asked for.
    pub fn pools(&self) -> Vec<ServicePool> {
        self.inner.state.lock().pools.values().cloned().collect()
    }
}

fn watch(runtime: &runtime::Handle, pool: &ServicePool, source: &Ready) {
    let resolver = match source {
        Ready::Fixed(_) => None,
        Ready::Watched(resolver) => Some(Arc::clone(resolver)),
    };
    pool.watch_on(runtime, resolver);
}

impl Inner {
    fn source(&self, service: &str) -> Result<&Ready, DiscoveryError> {
        self.sources.get(service).or(self.elsewhere.as_ref()).ok_or_else(|| DiscoveryError::UnknownService {
            service: service.to_owned(),
            known: self.sources.keys().cloned().collect(),
        })
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        if let Some(registering) = &self.state.get_mut().registering {
            registering.abort();
        }
    }
}

impl fmt::Debug for Discovery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Discovery")
            .field("services", &self.inner.sources.keys().collect::<Vec<_>>())
            .field("balancer", &self.inner.balancer)
            .finish_non_exhaustive()
    }
}
