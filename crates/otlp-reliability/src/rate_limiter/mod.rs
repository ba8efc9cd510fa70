//! Rate limiter: so many calls per time, by turning away the others or by having them wait for their turn.
//!
//! What must hold: no stretch of time sees more calls than the burst and the rate allow; a caller that waits is never
//! overtaken to its disadvantage; and a caller that stops waiting gives its turn to others.

mod config;
mod core;
mod gcra;

use std::{future::Future, sync::Arc};

pub use self::config::{RateLimiterConfig, RateLimiterSnapshot};
use self::core::{Core, Turn};
use crate::{BlockingPolicy, Clock, Control, Controlled, Event, Observer, Policy, Rejection, TokioClock};

/// Lets so many calls through per time (the generic cell rate algorithm). Clones are the same limiter.
///
/// Who comes too early is turned away with the exact time after which there is room, or, where
/// [`RateLimiterConfig::with_max_wait`] is set, waits for it. Places are given in the order of arrival, and nobody's
/// wait becomes longer by who comes later. Who stops waiting gives the place back: to the next who comes, or, from the
/// end of the line, to nobody, as if it had never been taken.
///
/// ```
/// use std::time::Duration;
/// use otlp_reliability::{RateLimiterConfig, Rejection};
///
/// let limiter = RateLimiterConfig::new(2, Duration::from_secs(1)).build()?;
/// assert_eq!(limiter.try_acquire(), Ok(()));
/// assert_eq!(limiter.try_acquire(), Ok(()));
/// let Err(Rejection::RateLimited { retry_after }) = limiter.try_acquire() else { panic!("two per second") };
/// assert!(retry_after <= Duration::from_millis(500));
/// # Ok::<(), otlp_reliability::ConfigError>(())
/// ```
#[derive(Debug)]
pub struct RateLimiter<K = TokioClock, O = ()> {
    core: Arc<Core<K>>,
    observer: O,
}

impl RateLimiter {
    fn from_checked(settings: RateLimiterConfig) -> Self {
        RateLimiter { core: Core::announced(settings, TokioClock), observer: () }
    }
}

impl<K: Clock, O> RateLimiter<K, O> {
    /// A fresh limiter with the same settings on another clock.
    pub fn with_clock<L: Clock + 'static>(self, clock: L) -> RateLimiter<L, O> {
        RateLimiter { core: Core::announced(self.settings(), clock), observer: self.observer }
    }

    /// The same limiter, reporting to `observer`.
    pub fn with_observer<P: Observer>(self, observer: P) -> RateLimiter<K, P> {
        RateLimiter { core: self.core, observer }
    }

    /// The settings in force.
    pub fn settings(&self) -> RateLimiterConfig {
        self.core.settings()
    }

    /// The figures so far.
    pub fn snapshot(&self) -> RateLimiterSnapshot {
        self.core.figures()
    }
}

impl<K: Clock, O: Observer> RateLimiter<K, O> {
    /// Lets one call through now, or not.
    ///
    /// # Errors
    ///
    /// [`Rejection::RateLimited`] with the time after which there is room, unless others come before.
    #[inline]
    pub fn try_acquire(&self) -> Result<(), Rejection> {
        self.core.try_take(1).map_err(|early| self.reject(early))
    }

    /// Lets `calls` through now, all of them or none.
    ///
    /// # Errors
    ///
    /// [`Rejection::RateLimited`] with the time after which there is room for all of them, unless others come before;
    /// [`Rejection::Misconfigured`] if there never is, because the burst is smaller, or if `calls` is zero.
    pub fn try_acquire_n(&self, calls: u32) -> Result<(), Rejection> {
        if calls == 0 || !self.core.fits(calls) {
            return Err(Rejection::Misconfigured { field: "calls", accepted: "1 to burst" });
        }
        self.core.try_take(calls).map_err(|early| self.reject(early))
    }

    /// Completes when one call may go, after no longer than the settings say.
    ///
    /// Dropping the future gives the place in line back.
    ///
    /// # Errors
    ///
    /// [`Rejection::RateLimited`], at once, if the wait would be too long; it tells how long it would be.
    pub async fn acquire(&self) -> Result<(), Rejection> {
        if let Some(turn) = self.enter()? {
            self.core.clock.sleep(turn.wait).await;
            turn.take();
        }
        Ok(())
    }

    /// The same, blocking the thread.
    ///
    /// # Errors
    ///
    /// As [`acquire`](RateLimiter::acquire).
    pub fn acquire_blocking(&self) -> Result<(), Rejection> {
        if let Some(turn) = self.enter()? {
            self.core.clock.block(turn.wait);
            turn.take();
        }
        Ok(())
    }

    /// Lets one call through now; if not, nobody was turned away yet.
    #[cfg(feature = "tower")]
    pub(crate) fn acquire_at_once(&self) -> bool {
        self.core.try_take(1).is_ok()
    }

    /// Runs `operation` when it may go.
    ///
    /// # Errors
    ///
    /// The operation's own error, or [`Rejection::RateLimited`] converted into it.
    pub async fn execute<T, E, F, Fut>(&self, operation: F) -> Result<T, E>
    where
        F: FnOnce() -> Fut,
        Fut: Future<Output = Result<T, E>>,
        E: From<Rejection>,
    {
        self.acquire().await?;
        operation().await
    }

    /// `None`: the call may go now.
    fn enter(&self) -> Result<Option<Turn<'_, K>>, Rejection> {
        self.core.enter().map_err(|wait| self.reject(wait))
    }

    #[cold]
    fn reject(&self, ticks: u64) -> Rejection {
        let rejection = self.core.reject(ticks);
        self.observer.on_event(Event::Rejected(rejection));
        rejection
    }
}

impl<T, E, K, O> Policy<T, E> for RateLimiter<K, O>
where
    T: Send,
    E: From<Rejection> + Send,
    K: Clock,
    O: Observer,
{
    fn run<F, Fut>(&self, operation: F) -> impl Future<Output = Result<T, E>> + Send
    where
        F: Fn() -> Fut + Send + Sync,
        Fut: Future<Output = Result<T, E>> + Send,
    {
        self.execute(operation)
    }
}

/// Waits by [`Clock::block`].
impl<T, E, K, O> BlockingPolicy<T, E> for RateLimiter<K, O>
where
    E: From<Rejection>,
    K: Clock,
    O: Observer,
{
    fn call<F: Fn() -> Result<T, E>>(&self, operation: F) -> Result<T, E> {
        self.acquire_blocking()?;
        operation()
    }
}

impl<K, O: Clone> Clone for RateLimiter<K, O> {
    fn clone(&self) -> Self {
        RateLimiter { core: Arc::clone(&self.core), observer: self.observer.clone() }
    }
}

impl<K: Clock + 'static, O> Controlled for RateLimiter<K, O> {
    fn control(&self) -> Option<Arc<dyn Control>> {
        Some(Arc::clone(&self.core) as Arc<dyn Control>)
    }
}
