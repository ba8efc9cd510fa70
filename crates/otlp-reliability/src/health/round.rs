//! One round of one check: tries, each with its time limit, until one does not fail or the last one has.

use std::{
    any::Any,
    future::{Future, poll_fn},
    panic::{AssertUnwindSafe, catch_unwind},
    pin::{Pin, pin},
    task::{Context, Poll},
    time::Duration,
};

use tokio::task::coop::unconstrained;

use super::{CheckConfig, CheckOutcome, check::Look};
use crate::Clock;

/// Runs a round. Returns what the last try found, and how long it took.
pub(super) async fn run<K: Clock>(look: &Look, config: &CheckConfig, clock: &K) -> (CheckOutcome, Duration) {
    let mut retries = config.retry_count();
    loop {
        let started = clock.now();
        let outcome = attempt(look, config.timeout(), clock).await;
        let latency = clock.now().saturating_duration_since(started);
        if retries == 0 || !outcome.is_failure() {
            return (outcome, latency);
        }
        retries -= 1;
    }
}

/// One try, cancelled when its time is up. No `Timeout` policy, which would count and announce each check.
async fn attempt<K: Clock>(look: &Look, timeout: Duration, clock: &K) -> CheckOutcome {
    let mut looking = match catch_unwind(AssertUnwindSafe(|| look())) {
        Ok(looking) => looking,
        Err(panic) => return panicked(&*panic),
    };
    let mut limit = pin!(None);
    poll_fn(|context| {
        if let Poll::Ready(outcome) = poll_caught(looking.as_mut(), context) {
            return Poll::Ready(outcome);
        }
        if limit.is_none() {
            // Unconstrained: a check that uses up tokio's cooperative budget must not keep the timer from being seen.
            limit.set(Some(unconstrained(clock.sleep(timeout))));
        }
        match limit.as_mut().as_pin_mut() {
            Some(limit) => limit.poll(context).map(|()| CheckOutcome::Fail(format!("no result after {timeout:?}"))),
            None => Poll::Pending,
        }
    })
    .await
}

/// Polls, and takes a panic for a failure. After a panic the future is only dropped, so nobody sees what it left.
fn poll_caught<F>(looking: Pin<&mut F>, context: &mut Context<'_>) -> Poll<CheckOutcome>
where
    F: Future<Output = CheckOutcome> + ?Sized,
{
    catch_unwind(AssertUnwindSafe(|| looking.poll(context))).unwrap_or_else(|panic| Poll::Ready(panicked(&*panic)))
}

fn panicked(payload: &(dyn Any + Send)) -> CheckOutcome {
    let message = payload.downcast_ref::<&str>().copied().or(payload.downcast_ref::<String>().map(String::as_str));
    CheckOutcome::Fail(match message {
        Some(message) => format!("the check panicked: {message}"),
        None => "the check panicked".to_string(),
    })
}

/// Waits for all of them, polled together. Dropping it drops those that are not done.
pub(super) async fn all<F: Future<Output = ()>>(futures: impl Iterator<Item = F>) {
    let mut pending: Vec<_> = futures.map(Box::pin).collect();
    poll_fn(|context| {
        pending.retain_mut(|future| future.as_mut().poll(context).is_pending());
        if pending.is_empty() { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}
