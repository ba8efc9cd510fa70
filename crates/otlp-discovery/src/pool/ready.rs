//! Waiting for an endpoint that takes requests.

use std::{
    future::{Future, poll_fn},
    pin::{Pin, pin},
    sync::Arc,
    task::Poll,
};

use super::{
    member::{Condition, Member},
    members::Members,
};

/// Completes when an endpoint may take a request.
pub(super) async fn ready(members: &Members) {
    loop {
        // Before the endpoints are looked at: what changes from here on is not missed.
        let mut news = pin!(members.news().notified());
        news.as_mut().enable();
        let list = members.list();
        if list.iter().any(|member| member.state.condition() == Condition::TakesAll) {
            return;
        }
        let mut waits: Vec<Pin<Box<dyn Future<Output = ()> + Send>>> =
            list.iter().map(|member| Box::pin(rested(Arc::clone(member))) as _).collect();
        let is_rested = poll_fn(|context| {
            if waits.iter_mut().any(|wait| wait.as_mut().poll(context).is_ready()) {
                return Poll::Ready(true);
            }
            news.as_mut().poll(context).map(|()| false)
        })
        .await;
        if is_rested {
            return;
        }
    }
}

/// Completes when the endpoint rests no more, and its breaker would let a request through.
async fn rested(member: Arc<Member>) {
    while let Some(rest) = member.state.rest() {
        tokio::time::sleep(rest).await;
    }
    if let Some(breaker) = &member.state.breaker {
        breaker.ready().await;
    }
}
