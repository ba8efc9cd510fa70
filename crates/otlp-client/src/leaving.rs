//! Leaving the registry of services at a shutdown: others should no longer be sent here, but telemetry comes first.

use std::{
    future::Future,
    pin::pin,
    task::{Context, Waker},
    time::Duration,
};

use otlp_discovery::Discovery;
use tokio::{runtime, time::Instant};

/// Takes this service out of the registry, if it is there, and then begins the shutdown, whether or not anybody waits for
/// it. `told` is called then. `false` if there is nothing to leave, and nothing of this happens.
pub(crate) fn leave<F: Future + Send>(
    discovery: &Discovery,
    runtime: &runtime::Handle,
    deadline: Duration,
    shut_down: impl FnOnce(Duration) -> F + Send + 'static,
    told: impl FnOnce() + Send + 'static,
) -> bool {
    if !discovery.is_registered() {
        return false;
    }
    let discovery = discovery.clone();
    runtime.spawn(async move {
        let begun = Instant::now();
        // Where it cannot be told, the registry finds out by itself.
        let _ = discovery.deregister(limit(deadline)).await;
        // A shutdown begins when it is polled first, and goes on without the future.
        let shutdown = pin!(shut_down(deadline.saturating_sub(begun.elapsed())));
        let _ = shutdown.poll(&mut Context::from_waker(Waker::noop()));
        told();
    });
    true
}

/// How much of a shutdown is for the registry: at most a quarter, and two seconds.
pub(crate) fn limit(deadline: Duration) -> Duration {
    (deadline / 4).min(Duration::from_secs(2))
}
