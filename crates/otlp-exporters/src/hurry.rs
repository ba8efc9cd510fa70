//! A clock whose sleeps end early when the client flushes or shuts down, so that a retry that waits is tried now.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use otlp_reliability::{Clock, TokioClock};
use tokio::sync::Notify;

/// Tells all exporters that were made with it to stop waiting. Clones are the same signal.
#[derive(Debug, Clone, Default)]
pub struct Hurry(Arc<Notify>);

impl Hurry {
    /// A signal that nobody has given yet.
    pub fn new() -> Self {
        Hurry::default()
    }

    /// Ends the waits between attempts that are under way; later waits take their full time.
    pub fn now(&self) {
        self.0.notify_waiters();
    }
}

impl Clock for Hurry {
    fn now(&self) -> Instant {
        TokioClock.now()
    }

    async fn sleep(&self, duration: Duration) {
        tokio::select! {
            () = TokioClock.sleep(duration) => {}
            () = self.0.notified() => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_hurry_ends_the_sleeps_under_way_and_not_the_next_one() {
        let hurry = Hurry::new();
        let started = tokio::time::Instant::now();
        let sleeping = hurry.sleep(Duration::from_secs(3600));
        let hurrying = async {
            tokio::task::yield_now().await;
            hurry.0.notify_waiters();
        };
        tokio::join!(sleeping, hurrying);
        assert_eq!(started.elapsed(), Duration::ZERO);
        hurry.sleep(Duration::from_secs(5)).await;
        assert_eq!(started.elapsed(), Duration::from_secs(5));
    }
}
