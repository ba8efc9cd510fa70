//! Discovery as it runs: a pool for each service that somebody asked for.

use std::{collections::BTreeMap, fmt, sync::Arc};

use parking_lot::Mutex;
use tokio::runtime;

use super::{DiscoveryError, ServiceDiscovery, source::Ready};
use crate::{LoadBalancer, ServicePool};

/// Finds services, and keeps what it found up to date. Clones are the same.
#[derive(Clone)]
pub struct Discovery {
    inner: Arc<Inner>,
}

struct Inner {
    sources: BTreeMap<String, Ready>,
    balancer: LoadBalancer,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    runtime: Option<runtime::Handle>,
    pools: BTreeMap<String, ServicePool>,
    /// What is watched as soon as there is a runtime.
    waiting: Vec<(ServicePool, Ready)>,
}

impl Discovery {
    pub(super) fn new(settings: ServiceDiscovery, balancer: LoadBalancer) -> Result<Self, DiscoveryError> {
        balancer.validate()?;
        let mut sources = BTreeMap::new();
        for (service, source) in &settings.services {
            sources.insert(service.clone(), source.ready()?);
        }
        if let Some(service) = settings.receiver_service.as_ref().filter(|service| !sources.contains_key(*service)) {
            return Err(unknown(service, &sources));
        }
        Ok(Discovery { inner: Arc::new(Inner { sources, balancer, state: Mutex::default() }) })
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
        let mut state = self.inner.state.lock();
        if let Some(pool) = state.pools.get(service) {
            return Ok(pool.clone());
        }
        let sources = &self.inner.sources;
        let source = sources.get(service).ok_or_else(|| unknown(service, sources))?;
        let pool = ServicePool::new(service.to_owned(), balancer)?;
        if let Ready::Fixed(endpoints) = source {
            pool.found(endpoints);
        }
        match &state.runtime {
            Some(runtime) => watch(runtime, &pool, source),
            None => state.waiting.push((pool.clone(), source.clone())),
        }
        state.pools.insert(service.to_owned(), pool.clone());
        Ok(pool)
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

fn unknown(service: &str, sources: &BTreeMap<String, Ready>) -> DiscoveryError {
    DiscoveryError::UnknownService { service: service.to_owned(), known: sources.keys().cloned().collect() }
}

impl fmt::Debug for Discovery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Discovery")
            .field("services", &self.inner.sources.keys().collect::<Vec<_>>())
            .field("balancer", &self.inner.balancer)
            .finish_non_exhaustive()
    }
}
