//! The endpoints of a pool, as its source says now.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use parking_lot::RwLock;
use tokio::sync::Notify;

use super::member::{Member, State};
use crate::{Balance, Endpoint, LoadBalancer, ResolveError};

/// What the pool and its tasks share.
pub(crate) struct Members {
    pub(super) service: String,
    pub(super) balance: Box<dyn Balance>,
    balancer: LoadBalancer,
    known: RwLock<Known>,
    next_id: AtomicU64,
    news: Notify,
}

#[derive(Debug, Clone)]
struct Known {
    list: Arc<[Arc<Member>]>,
    is_found: bool,
    failure: Option<ResolveError>,
}

impl Members {
    /// Nobody yet. The settings are checked.
    pub(super) fn new(service: String, balancer: LoadBalancer) -> Self {
        Members {
            service,
            balance: balancer.balance(),
            balancer,
            known: RwLock::new(Known { list: Arc::new([]), is_found: false, failure: None }),
            next_id: AtomicU64::new(0),
            news: Notify::new(),
        }
    }

    pub(crate) fn balancer(&self) -> &LoadBalancer {
        &self.balancer
    }

    pub(crate) fn list(&self) -> Arc<[Arc<Member>]> {
        Arc::clone(&self.known.read().list)
    }

    /// Why the source could not say more, if so; and whether it ever could.
    pub(super) fn failure(&self) -> (Option<ResolveError>, bool) {
        let known = self.known.read();
        (known.failure.clone(), known.is_found)
    }

    /// The endpoints are these now. Those that were there stay as they are.
    pub(super) fn found(&self, endpoints: &[Endpoint]) {
        let mut known = self.known.write();
        let member = |endpoint: &Endpoint| {
            let before = known.list.iter().find(|member| member.endpoint.is_same_instance(endpoint));
            match before {
                Some(same) if same.endpoint == *endpoint => Arc::clone(same),
                Some(before) => Arc::new(Member { endpoint: endpoint.clone(), state: Arc::clone(&before.state) }),
                None => Arc::new(Member { endpoint: endpoint.clone(), state: Arc::new(self.state_of(endpoint)) }),
            }
        };
        let list = endpoints.iter().map(member).collect();
        *known = Known { list, is_found: true, failure: None };
        drop(known);
        self.changed();
    }

    pub(super) fn failed(&self, error: ResolveError) {
        self.known.write().failure = Some(error);
        self.changed();
    }

    /// Wakes whoever waits for an endpoint.
    pub(crate) fn changed(&self) {
        self.news.notify_waiters();
    }

    pub(super) fn news(&self) -> &Notify {
        &self.news
    }

    fn state_of(&self, endpoint: &Endpoint) -> State {
        // The settings have been checked, so a breaker that cannot be built is none.
        let breaker = self.balancer.circuit_breaker().and_then(|settings| settings.build().ok());
        let breaker = breaker.map(|breaker| breaker.with_observer(self.balancer.observer(endpoint)));
        State::new(self.next_id.fetch_add(1, Relaxed), breaker)
    }
}

impl fmt::Debug for Members {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Members").field("service", &self.service).field("known", &*self.known.read()).finish()
    }
}
