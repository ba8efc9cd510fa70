//! Time at the call site: one monotonic reading per record, placed on the wall clock by an anchor.
//!
//! A span's end is its start plus monotonic time, so a wall clock that jumps never makes a span negative or a year
//! long. The anchor follows the wall clock whenever [`Clock::resync`] is called, which the client's background thread
//! does about once a second.

use std::{
    fmt,
    sync::atomic::{AtomicU64, Ordering},
    time::{Instant, SystemTime, UNIX_EPOCH},
};

/// Where the SDK takes its time from.
pub struct Clock {
    base: Instant,
    /// The wall time at `base`, in nanoseconds since the Unix epoch.
    anchor: AtomicU64,
    wall: Box<dyn Fn() -> SystemTime + Send + Sync>,
}

/// A moment, on both clocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Moment {
    /// Nanoseconds since the Unix epoch.
    pub unix_nanos: u64,
    /// Nanoseconds of monotonic time since the clock was made.
    pub monotonic: u64,
}

impl Moment {
    /// The wall time of a `later` moment, as this moment's wall time plus the monotonic time between the two.
    #[inline]
    pub fn unix_nanos_at(self, later: Moment) -> u64 {
        self.unix_nanos.saturating_add(later.monotonic.saturating_sub(self.monotonic))
    }
}

impl Clock {
    /// The system's clocks.
    pub fn system() -> Self {
        Clock::with_wall(SystemTime::now)
    }

    /// The system's monotonic clock, with `wall` for the wall clock: for tests of a clock that jumps.
    pub fn with_wall(wall: impl Fn() -> SystemTime + Send + Sync + 'static) -> Self {
        let clock = Clock { base: Instant::now(), anchor: AtomicU64::new(0), wall: Box::new(wall) };
        clock.resync();
        clock
    }

    /// Now.
    #[inline]
    pub fn now(&self) -> Moment {
        let monotonic = self.monotonic();
        Moment { unix_nanos: self.anchor.load(Ordering::Relaxed).wrapping_add(monotonic), monotonic }
    }

    /// Reads the wall clock anew.
    pub fn resync(&self) {
        self.anchor.store(unix_nanos((self.wall)()).wrapping_sub(self.monotonic()), Ordering::Relaxed);
    }

    #[inline]
    fn monotonic(&self) -> u64 {
        // In 64 bits, which are enough for 584 years: `as_nanos` would multiply in 128.
        let elapsed = self.base.elapsed();
        elapsed.as_secs().wrapping_mul(1_000_000_000).wrapping_add(u64::from(elapsed.subsec_nanos()))
    }
}

/// A wall time in nanoseconds since the Unix epoch: zero before it, the largest number beyond the year 2554.
#[inline]
pub fn unix_nanos(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).map_or(0, |since| u64::try_from(since.as_nanos()).unwrap_or(u64::MAX))
}

impl Default for Clock {
    fn default() -> Self {
        Clock::system()
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Clock").field("now", &self.now()).finish_non_exhaustive()
    }
}
