//! What all handles of a limiter share: the line, the settings in force, and the figures.

use std::{sync::Arc, time::Duration};

use super::{
    RateLimiterConfig, RateLimiterSnapshot,
    gcra::{Gcra, Place, TICKS},
};
use crate::{
    Clock, ConfigError, Control, PolicyConfig, Rejection, Snapshot, registry,
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering::Relaxed},
        lock,
    },
    timeline::{Timeline, nanos},
};

#[derive(Debug)]
pub(super) struct Core<K> {
    gcra: Gcra,
    settings: Mutex<RateLimiterConfig>,
    /// In ticks; zero to reject at once.
    longest_wait: AtomicU64,
    waiting: AtomicU64,
    waited: AtomicU64,
    rejected: AtomicU64,
    pub(super) clock: K,
    timeline: Timeline,
}

/// A caller in line. Dropped before its turn, it gives its place back.
pub(super) struct Turn<'a, K: Clock> {
    core: &'a Core<K>,
    place: Option<Place>,
    pub(super) wait: Duration,
}

impl<K: Clock> Core<K> {
    pub(super) fn announced(settings: RateLimiterConfig, clock: K) -> Arc<Self>
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

    pub(super) fn settings(&self) -> RateLimiterConfig {
        lock(&self.settings).clone()
    }

    /// Whether so many calls can ever go at once.
    pub(super) fn fits(&self, calls: u32) -> bool {
        self.gcra.fits(calls)
    }

    /// Lets so many calls go now; if not, in so many ticks.
    #[inline]
    pub(super) fn try_take(&self, calls: u32) -> Result<(), u64> {
        self.gcra.try_take(self.now(), calls)
    }

    /// A place in line; `None`: the call may go now. If the line is too long, in so many ticks.
    #[inline]
    pub(super) fn enter(&self) -> Result<Option<Turn<'_, K>>, u64> {
        let now = self.now();
        let place = self.gcra.reserve(now, self.longest_wait.load(Relaxed))?;
        Ok(place.map(|place| Turn::begin(self, place, now)))
    }

    /// Counts a call that is turned away, and says for how many ticks.
    pub(super) fn reject(&self, ticks: u64) -> Rejection {
        self.rejected.fetch_add(1, Relaxed);
        Rejection::RateLimited { retry_after: duration(ticks) }
    }

    #[inline]
    fn now(&self) -> u64 {
        self.timeline.nanos_at(self.clock.now()).saturating_mul(TICKS)
    }

    pub(super) fn figures(&self) -> RateLimiterSnapshot {
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

    /// The turn has come.
    pub(super) fn take(mut self) {
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
