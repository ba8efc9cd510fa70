//! What goes on beside the requests: watching the source, checking the endpoints. It ends with the pool.

use std::{
    future::{Future, poll_fn},
    panic::{AssertUnwindSafe, catch_unwind},
    pin::pin,
    sync::Arc,
    task::{Context, Poll},
};

use parking_lot::Mutex;
use tokio::{runtime, task::AbortHandle};

use super::members::Members;
use crate::{Endpoint, Found, Publisher, Resolve, ResolveError, health::check_forever};

/// How many endpoints a pool takes from its source: each costs memory, and a look at each pick.
const MOST_ENDPOINTS: usize = 10_000;

/// The tasks of a pool; dropping it ends them.
#[derive(Debug, Default)]
pub(super) struct Tasks(Mutex<Vec<AbortHandle>>);

impl Tasks {
    pub(super) fn start(&self, runtime: &runtime::Handle, members: &Arc<Members>, resolver: Option<Arc<dyn Resolve>>) {
        let mut tasks = self.0.lock();
        if let Some(resolver) = resolver {
            tasks.push(runtime.spawn(follow(Arc::clone(members), resolver)).abort_handle());
        }
        if let Some(interval) = members.balancer().check_interval {
            tasks.push(runtime.spawn(check_forever(Arc::clone(members), interval)).abort_handle());
        }
    }
}

impl Drop for Tasks {
    fn drop(&mut self) {
        self.0.get_mut().iter().for_each(AbortHandle::abort);
    }
}

/// Lets the members be what the source says.
async fn follow(members: Arc<Members>, resolver: Arc<dyn Resolve>) {
    let (publisher, mut found) = Publisher::new();
    let service = members.service.clone();
    let mut watching = pin!(caught(async { resolver.watch(&service, &publisher).await }));
    let mut told = Told { members: &members, resolver: &*resolver, last: None };
    let mut is_over = false;
    loop {
        tokio::select! {
            biased;
            _ = found.changed() => told.tell(found.borrow_and_update().clone()),
            has_panicked = &mut watching, if !is_over => {
                is_over = true;
                if has_panicked {
                    let message = "it panicked, and is not asked any more".to_owned();
                    publisher.failed(ResolveError { source_name: resolver.name(), message });
                }
            }
            else => return,
        }
        if is_over && !found.has_changed().unwrap_or(false) {
            return;
        }
    }
}

/// Completes as `watching`, or when that panics; whether it did.
async fn caught(watching: impl Future<Output = ()>) -> bool {
    let mut watching = pin!(watching);
    let poll = |context: &mut Context<'_>| {
        let polled = catch_unwind(AssertUnwindSafe(|| watching.as_mut().poll(context)));
        polled.map_or(Poll::Ready(true), |polled| polled.map(|()| false))
    };
    poll_fn(poll).await
}

/// What the members were told.
struct Told<'a> {
    members: &'a Members,
    resolver: &'a dyn Resolve,
    /// The last answer.
    last: Option<Arc<[Endpoint]>>,
}

impl Told<'_> {
    /// An answer and a failure may have come before anybody looked: the answer counts all the same.
    fn tell(&mut self, found: Found) {
        let answer = found.endpoints.filter(|new| self.last.as_ref().is_none_or(|last| !Arc::ptr_eq(last, new)));
        if let Some(answer) = answer {
            match answer.len() {
                0..=MOST_ENDPOINTS => self.members.found(&answer),
                count => self.found_too_many(&answer, count),
            }
            self.last = Some(answer);
        }
        if let Some(failure) = found.failure {
            self.members.failed(failure);
        }
    }

    fn found_too_many(&self, answer: &[Endpoint], count: usize) {
        let mut kept: Vec<Endpoint> = answer.to_vec();
        // Of one priority the order of the answer stays, which is by host and port and the same for all clients.
        kept.sort_by_key(|endpoint| endpoint.priority);
        kept.truncate(MOST_ENDPOINTS);
        self.members.found(&kept);
        let message =
            format!("it names {count} instances, of which {MOST_ENDPOINTS} are used: the first by host and port");
        self.members.failed(ResolveError { source_name: self.resolver.name(), message });
    }
}
