//! The endpoints of a pool, as its source says now.

use std::{
    collections::HashMap,
    fmt,
    sync::{
        Arc,
        atomic::{
            AtomicU64,
            Ordering::{Acquire, Relaxed, Release},
        },
    },
};

use otlp_reliability::{CircuitBreakerConfig, Controlled};
use parking_lot::{Mutex, RwLock};
use tokio::sync::Notify;

use super::member::{Member, State};
use crate::{Balance, ConfigError, Endpoint, LoadBalancer, ResolveError};

/// What the pool and its tasks share.
pub(crate) struct Members {
    pub(super) service: String,
    pub(super) balance: Box<dyn Balance>,
    balancer: LoadBalancer,
    /// The settings of the circuit breakers; `None` is none.
    breaker: RwLock<Option<CircuitBreakerConfig>>,
    known: RwLock<Known>,
    /// Held while the list that comes next is made, which takes a while for a long one and calls the program's own code:
    /// whoever picks goes on with the list before.
    updating: Mutex<()>,
    next_id: AtomicU64,
    news: Notify,
    /// How much news there was.
    changes: AtomicU64,
}

#[derive(Debug, Clone)]
struct Known {
    list: Arc<[Arc<Member>]>,
    /// How often the source has answered.
    generation: u64,
    failure: Option<ResolveError>,
}

impl Members {
    /// Nobody yet. The settings are checked.
    pub(super) fn new(service: String, balancer: LoadBalancer) -> Self {
        Members {
            service,
            balance: balancer.balance(),
            breaker: RwLock::new(balancer.circuit_breaker()),
            balancer,
            known: RwLock::new(Known { list: Arc::new([]), generation: 0, failure: None }),
            updating: Mutex::new(()),
            next_id: AtomicU64::new(0),
            news: Notify::new(),
            changes: AtomicU64::new(0),
        }
    }

    pub(crate) fn balancer(&self) -> &LoadBalancer {
        &self.balancer
    }

    pub(crate) fn list(&self) -> Arc<[Arc<Member>]> {
        Arc::clone(&self.known.read().list)
    }

    pub(super) fn generation(&self) -> u64 {
        self.known.read().generation
    }

    /// Why the source could not say more, if so; and whether it ever could.
    pub(super) fn failure(&self) -> (Option<ResolveError>, bool) {
        let known = self.known.read();
        (known.failure.clone(), known.generation > 0)
    }

    /// The endpoints are these now. Those that were there stay as they are.
    pub(super) fn found(&self, endpoints: &[Endpoint]) {
        let updating = self.updating.lock();
        let list = self.list();
        let before: HashMap<_, _> = list.iter().map(|member| (place(&member.endpoint), member)).collect();
        let member = |endpoint: &Endpoint| match before.get(&place(endpoint)) {
            Some(same) if same.endpoint == *endpoint => Arc::clone(same),
            Some(before) => Arc::new(Member { endpoint: endpoint.clone(), state: Arc::clone(&before.state) }),
            None => Arc::new(Member { endpoint: endpoint.clone(), state: Arc::new(self.state_of(endpoint)) }),
        };
        let list = endpoints.iter().map(member).collect();
        let mut known = self.known.write();
        *known = Known { list, generation: known.generation + 1, failure: None };
        drop(known);
        drop(updating);
        self.changed();
    }

    /// Gives circuit breakers that are as the client says other settings; others stay as they are.
    pub(super) fn reload_circuit_breakers(&self, settings: &CircuitBreakerConfig) -> Result<(), ConfigError> {
        settings.validate()?;
        if !self.balancer.has_circuit_breakers_of_client() {
            return Ok(());
        }
        // So that who comes meanwhile has the new settings as well.
        let _updating = self.updating.lock();
        *self.breaker.write() = Some(settings.clone());
        let settings = settings.clone().into();
        for control in self.list().iter().filter_map(|member| member.state.breaker.as_ref()?.control()) {
            control.reload(&settings)?;
        }
        Ok(())
    }

    pub(super) fn failed(&self, error: ResolveError) {
        self.known.write().failure = Some(error);
        self.changed();
    }

    /// Wakes whoever waits for an endpoint.
    pub(crate) fn changed(&self) {
        self.changes.fetch_add(1, Release);
        self.news.notify_waiters();
    }

    pub(super) fn news(&self) -> &Notify {
        &self.news
    }

    pub(super) fn changes(&self) -> u64 {
        self.changes.load(Acquire)
    }

    fn state_of(&self, endpoint: &Endpoint) -> State {
        // The settings have been checked, so a breaker that cannot be built is none.
        let breaker = self.breaker.read().clone().and_then(|settings| settings.build().ok());
        let breaker = breaker.map(|breaker| breaker.with_observer(self.balancer.observer(endpoint)));
        State::new(self.next_id.fetch_add(1, Relaxed), breaker)
    }
}

/// What an endpoint is known by, whatever else changes.
fn place(endpoint: &Endpoint) -> (&str, u16) {
    (&endpoint.host, endpoint.port)
}

impl fmt::Debug for Members {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Members").field("service", &self.service).field("known", &*self.known.read()).finish()
    }
}
