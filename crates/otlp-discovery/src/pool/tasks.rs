//! What goes on beside the requests: watching the source, checking the endpoints. It ends with the pool.

use std::sync::Arc;

use parking_lot::Mutex;
use tokio::{runtime, task::AbortHandle};

use super::members::Members;
use crate::{Found, Publisher, Resolve, health::check_forever};

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
    let mut watching = resolver.watch(&service, &publisher);
    let mut is_over = false;
    loop {
        tokio::select! {
            biased;
            _ = found.changed() => tell(&members, &found.borrow_and_update()),
            () = &mut watching, if !is_over => is_over = true,
            else => return,
        }
        if is_over && !found.has_changed().unwrap_or(false) {
            return;
        }
    }
}

fn tell(members: &Members, found: &Found) {
    match found {
        Found { failure: Some(error), .. } => members.failed(error.clone()),
        Found { endpoints: Some(endpoints), .. } => members.found(endpoints),
        Found { endpoints: None, failure: None } => {}
    }
}
