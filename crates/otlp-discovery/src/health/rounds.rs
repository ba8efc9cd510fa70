//! When endpoints are checked, and what comes of it.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    pin::pin,
    sync::Arc,
    task::Poll,
    time::Duration,
};

use tokio::{task::JoinSet, time::timeout};

use super::CheckHealth;
use crate::{
    Endpoint,
    pool::{Member, Members},
};

/// Checks under way at once: a service of thousands of instances is not asked in one burst.
const AT_ONCE: usize = 32;

/// How many checks in a row an endpoint fails before it gets no more requests.
const UNHEALTHY_AFTER: u32 = 2;

/// Checks all members, round after round.
pub(crate) async fn check_forever(members: Arc<Members>, interval: Duration) {
    loop {
        // Clients that start together do not ask together for ever.
        tokio::time::sleep(interval.mul_f64(0.9 + 0.2 * fastrand::f64())).await;
        let mut open = JoinSet::new();
        for member in members.list().iter().cloned() {
            if open.len() >= AT_ONCE {
                open.join_next().await;
            }
            open.spawn(check(Arc::clone(&members), member, interval));
        }
        while open.join_next().await.is_some() {}
    }
}

async fn check(members: Arc<Members>, member: Arc<Member>, interval: Duration) {
    let balancer = members.balancer();
    let limit = balancer.check_timeout.min(interval);
    let failure = match timeout(limit, caught(balancer.check.as_ref(), &member.endpoint)).await {
        Ok(result) => result.err(),
        Err(_) => Some(format!("no answer within {limit:?}")),
    };
    if member.state.checked(failure, UNHEALTHY_AFTER) {
        members.changed();
    }
}

/// What the check says. One that panics has failed: an endpoint that nobody can ask is not known to be well. It is not
/// polled again after that.
async fn caught(check: &dyn CheckHealth, endpoint: &Endpoint) -> Result<(), String> {
    let mut checking = pin!(async { check.check(endpoint).await });
    std::future::poll_fn(|context| {
        let polled = catch_unwind(AssertUnwindSafe(|| checking.as_mut().poll(context)));
        polled.unwrap_or_else(|_| Poll::Ready(Err("the check panicked".to_owned())))
    })
    .await
}
