//! When endpoints are checked, and what comes of it.

use std::{sync::Arc, time::Duration};

use tokio::{task::JoinSet, time::timeout};

use crate::pool::{Member, Members};

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
    let failure = match timeout(limit, balancer.check.check(&member.endpoint)).await {
        Ok(result) => result.err(),
        Err(_) => Some(format!("no answer within {limit:?}")),
    };
    if member.state.checked(failure, UNHEALTHY_AFTER) {
        members.changed();
    }
}
