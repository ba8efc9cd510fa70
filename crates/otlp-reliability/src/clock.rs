//! Time as policies see it. No policy reads a clock or sleeps but through a [`Clock`], so a test, or a service that is
//! draining, decides how time passes.

use std::{
    future::Future,
    sync::Arc,
    time::{Duration, Instant},
};

/// Where a policy takes its time from.
///
/// An implementor guarantees that `now` and `sleep` speak of the same time. Policies tolerate a `now` that goes back
/// (they take it as no time having passed) and a `sleep` that ends early (the next attempt starts early) or late.
///
/// Ending sleeps early is how a service drains: its clock wakes every sleeping retry, and the retry goes on at once. A
/// clock that ends all further sleeps early as well goes with a limit on the attempts, or a
/// [`Classify`](crate::Classify) that then says [`Decision::Done`](crate::Decision::Done), so that nothing is tried
/// again and again without a wait.
///
/// ```
/// use std::{future::Future, time::{Duration, Instant}};
/// use otlp_reliability::{Clock, TokioClock};
///
/// /// Tokio's time, but no wait is longer than `longest`.
/// struct Hurried {
///     longest: Duration,
/// }
///
/// impl Clock for Hurried {
///     fn now(&self) -> Instant {
///         TokioClock.now()
///     }
///
///     fn sleep(&self, duration: Duration) -> impl Future<Output = ()> + Send {
///         TokioClock.sleep(duration.min(self.longest))
///     }
/// }
/// ```
pub trait Clock: Send + Sync {
    /// The time now.
    fn now(&self) -> Instant;

    /// Completes once `duration` has passed. It starts counting when called or when first polled; policies do both at
    /// once. Dropping the future ends the sleep.
    fn sleep(&self, duration: Duration) -> impl Future<Output = ()> + Send;

    /// Blocks the thread until `duration` has passed: the sleep of calls without futures
    /// ([`BlockingPolicy`](crate::BlockingPolicy)).
    ///
    /// The default is the system's sleep. A clock of its own time overrides it.
    fn block(&self, duration: Duration) {
        std::thread::sleep(duration);
    }
}

/// Tokio's time: the default. It stands still and moves as `tokio::time::pause` and `advance` say.
///
/// Sleeping needs a tokio runtime with its time driver enabled; without one tokio panics at the first sleep. A policy
/// that never has to wait needs no runtime.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TokioClock;

impl Clock for TokioClock {
    fn now(&self) -> Instant {
        tokio::time::Instant::now().into_std()
    }

    fn sleep(&self, duration: Duration) -> impl Future<Output = ()> + Send {
        tokio::time::sleep(duration)
    }
}

impl<K: Clock + ?Sized> Clock for &K {
    fn now(&self) -> Instant {
        (**self).now()
    }

    fn sleep(&self, duration: Duration) -> impl Future<Output = ()> + Send {
        (**self).sleep(duration)
    }

    fn block(&self, duration: Duration) {
        (**self).block(duration);
    }
}

impl<K: Clock + ?Sized> Clock for Arc<K> {
    fn now(&self) -> Instant {
        (**self).now()
    }

    fn sleep(&self, duration: Duration) -> impl Future<Output = ()> + Send {
        (**self).sleep(duration)
    }

    fn block(&self, duration: Duration) {
        (**self).block(duration);
    }
}

/// The time since `started`; zero if nobody noted it, or if the clock went back.
pub(crate) fn elapsed(clock: &impl Clock, started: Option<Instant>) -> Duration {
    started.map_or(Duration::ZERO, |started| clock.now().saturating_duration_since(started))
}
