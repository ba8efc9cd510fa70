//! What comes before a shutdown: others should no longer be sent here, and should hear of the alerts that they have not heard
//! of. Telemetry goes on meanwhile, and has most of the time.

use std::{
    future::Future,
    pin::pin,
    task::{Context, Waker},
    time::Duration,
};

use tokio::{
    runtime,
    time::{Instant, timeout},
};

/// Does what comes `before`, as far as there is time for it, and then begins the shutdown, whether or not anybody waits for
/// it. `told` is called then.
pub(crate) fn leave<F: Future + Send>(
    runtime: &runtime::Handle,
    deadline: Duration,
    before: impl Future<Output = ()> + Send + 'static,
    shut_down: impl FnOnce(Duration) -> F + Send + 'static,
    told: impl FnOnce() + Send + 'static,
) {
    runtime.spawn(async move {
        let begun = Instant::now();
        let _ = timeout(limit(deadline), before).await;
        // A shutdown begins when it is polled first, and goes on without the future.
        let shutdown = pin!(shut_down(deadline.saturating_sub(begun.elapsed())));
        let _ = shutdown.poll(&mut Context::from_waker(Waker::noop()));
        told();
    });
}

/// How much of a shutdown is for what comes before it: at most a quarter, and two seconds.
pub(crate) fn limit(deadline: Duration) -> Duration {
    (deadline / 4).min(Duration::from_secs(2))
}
