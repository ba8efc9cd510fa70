//! Rate limiter: so many calls per time, by turning away the others or by having them wait for their turn.
//!
//! What must hold: no stretch of time sees more calls than the burst and the rate allow; a caller that waits is never
//! overtaken to its disadvantage; and a caller that stops waiting gives its turn to others.

mod config;
mod gcra;

use std::{future::Future, sync::Arc, time::Duration};

pub use self::config::{RateLimiterConfig, RateLimiterSnapshot};
use self::gcra::{Gcra, Place, TICKS};
use crate::{
    BlockingPolicy, Clock, ConfigError, Control, Controlled, Event, Observer, Policy, PolicyConfig, Rejection,
    Snapshot, TokioClock, registry,
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering::Relaxed},
        lock,
    },
    timeline::{Timeline, nanos},
};

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

#[derive(Debug)]
struct Core<K> {
    gcra: Gcra,
    settings: Mutex<RateLimiterConfig>,
    /// In ticks; zero to reject at once.
    longest_wait: AtomicU64,
    waiting: AtomicU64,
    waited: AtomicU64,
    rejected: AtomicU64,
    clock: K,
    timeline: Timeline,
}

/// A caller in line. Dropped before its turn, it gives its place back.
struct Turn<'a, K: Clock> {
    core: &'a Core<K>,
    place: Option<Place>,
    wait: Duration,
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
        lock(&self.core.settings).clone()
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
        let core = &*self.core;
        core.gcra.try_take(core.now(), 1).map_err(|early| self.reject(early))
    }

    /// Lets `calls` through now, all of them or none.
    ///
    /// # Errors
    ///
    /// [`Rejection::RateLimited`] with the time after which there is room for all of them, unless others come before;
    /// [`Rejection::Misconfigured`] if there never is, because the burst is smaller, or if `calls` is zero.
    pub fn try_acquire_n(&self, calls: u32) -> Result<(), Rejection> {
        let core = &*self.core;
        if calls == 0 || !core.gcra.fits(calls) {
            return Err(Rejection::Misconfigured { field: "calls", accepted: "1 to burst" });
        }
        core.gcra.try_take(core.now(), calls).map_err(|early| self.reject(early))
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
        let core = &*self.core;
        core.gcra.try_take(core.now(), 1).is_ok()
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
        let core = &*self.core;
        let now = core.now();
        let place = core.gcra.reserve(now, core.longest_wait.load(Relaxed)).map_err(|wait| self.reject(wait))?;
        Ok(place.map(|place| Turn::begin(core, place, now)))
    }

    #[cold]
    fn reject(&self, ticks: u64) -> Rejection {
        let rejection = Rejection::RateLimited { retry_after: duration(ticks) };
        self.core.rejected.fetch_add(1, Relaxed);
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

impl<K: Clock> Core<K> {
    fn announced(settings: RateLimiterConfig, clock: K) -> Arc<Self>
    where
        K: 'static,
    {
        registry::announced(Core {
            gcra: Gcra::new(settings.terms()),
            longest_wait: AtomicU64::new(ticks(settings.max_wait())),
            settings: Mutex::new(settings),
            waiting: AtomicU64::new(0),
            waited: AtomicU64::new(0),
            rejected: AtomicU64::new(0),
            timeline: Timeline::starting_at(clock.now()),
            clock,
        })
    }

    fn now(&self) -> u64 {
        self.timeline.nanos_at(self.clock.now()).saturating_mul(TICKS)
    }

    fn figures(&self) -> RateLimiterSnapshot {
        RateLimiterSnapshot {
            available: self.gcra.available(self.now()),
            waiting: self.waiting.load(Relaxed),
            waited: self.waited.load(Relaxed),
            rejected: self.rejected.load(Relaxed),
        }
    }
}

impl<K: Clock> Control for Core<K> {
    fn snapshot(&self) -> Snapshot {
        Snapshot::RateLimiter(self.figures())
    }

    fn reload(&self, settings: &PolicyConfig) -> Result<(), ConfigError> {
        let PolicyConfig::RateLimiter(settings) = settings else {
            return Err(settings.not_for("rate_limiter"));
        };
        settings.validate()?;
        let mut current = lock(&self.settings);
        self.gcra.set_terms(settings.terms(), self.now());
        self.longest_wait.store(ticks(settings.max_wait()), Relaxed);
        *current = settings.clone();
        Ok(())
    }
}

impl<'a, K: Clock> Turn<'a, K> {
    fn begin(core: &'a Core<K>, place: Place, now: u64) -> Self {
        core.waited.fetch_add(1, Relaxed);
        core.waiting.fetch_add(1, Relaxed);
        Turn { core, place: Some(place), wait: duration(place.at.saturating_sub(now)) }
    }

    fn take(mut self) {
        self.place = None;
    }
}

impl<K: Clock> Drop for Turn<'_, K> {
    fn drop(&mut self) {
        self.core.waiting.fetch_sub(1, Relaxed);
        if let Some(place) = self.place {
            self.core.gcra.leave(place, self.core.now());
        }
    }
}

/// Rounded up, so that who waits that long is not early.
fn duration(ticks: u64) -> Duration {
    Duration::from_nanos(ticks.div_ceil(TICKS))
}

fn ticks(longest: Option<Duration>) -> u64 {
    longest.map_or(0, |longest| nanos(longest).saturating_mul(TICKS))
}
