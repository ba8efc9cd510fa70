//! Gradient2: compare what calls take now with what they take in the long run, and shrink by the ratio.

use super::{
    probing::{self, Law},
    round::Observed,
};
use crate::ConfigError;

/// Lets calls take `rtt_tolerance` times as long as they do in the long run, and keeps trying `queue_size` more.
///
/// It ends up at `rtt_tolerance` times the capacity plus `queue_size`: for a capacity of 50 and the defaults, 79. It
/// suits callees whose calls differ in length, where a count of the queue as in [`Vegas`](crate::Vegas) has nothing to
/// count from.
///
/// The long run is an average over `long_window` calls. It takes only round trips that were not longer for the limit's
/// own queue: those in which the limit was not pressed on, those that were faster than the average, and probes. (An
/// average of all calls learns its own queue under lasting load, and the limit then grows without end.) A probe is a
/// round trip at half of the capacity that follows from the limit, every `probe_multiplier` round trips in which the
/// limit was reached (less a random part of up to half of them), and when the limit has fallen to half; it counts as much
/// as all before it together. A waiting line keeps callers from noticing. A dropped call counts as the worst ratio, one
/// half, once for each round trip.
///
/// | setting | default | accepted |
/// |---|---|---|
/// | `rtt_tolerance` | 1.5 | 1.0 to 1,000 |
/// | `queue_size` | 4 | 1 or more |
/// | `smoothing` | 0.2 | above zero, at most 1.0 |
/// | `long_window` | 600 | 1 or more |
/// | `probe_multiplier` | 30 | 1 or more |
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(default, deny_unknown_fields))]
#[must_use]
pub struct Gradient2 {
    rtt_tolerance: f64,
    queue_size: u32,
    smoothing: f64,
    long_window: u32,
    probe_multiplier: u32,
}

impl Default for Gradient2 {
    fn default() -> Self {
        Gradient2 { rtt_tolerance: 1.5, queue_size: 4, smoothing: 0.2, long_window: 600, probe_multiplier: 30 }
    }
}

impl Gradient2 {
    /// The defaults.
    pub fn new() -> Self {
        Gradient2::default()
    }

    /// By what calls may be slower than in the long run before the limit shrinks.
    pub fn with_rtt_tolerance(mut self, rtt_tolerance: f64) -> Self {
        self.rtt_tolerance = rtt_tolerance;
        self
    }

    /// How many calls more than now the limit tries to allow.
    pub fn with_queue_size(mut self, queue_size: u32) -> Self {
        self.queue_size = queue_size;
        self
    }

    /// How much of each change is made. 1.0: all of it.
    pub fn with_smoothing(mut self, smoothing: f64) -> Self {
        self.smoothing = smoothing;
        self
    }

    /// Over how many calls the long run is averaged.
    pub fn with_long_window(mut self, long_window: u32) -> Self {
        self.long_window = long_window;
        self
    }

    /// After how many round trips at the limit the latency without a queue is measured.
    pub fn with_probe_multiplier(mut self, probe_multiplier: u32) -> Self {
        self.probe_multiplier = probe_multiplier;
        self
    }

    /// By what calls may be slower than in the long run before the limit shrinks.
    pub fn rtt_tolerance(&self) -> f64 {
        self.rtt_tolerance
    }

    /// How many calls more than now the limit tries to allow.
    pub fn queue_size(&self) -> u32 {
        self.queue_size
    }

    /// How much of each change is made.
    pub fn smoothing(&self) -> f64 {
        self.smoothing
    }

    /// Over how many calls the long run is averaged.
    pub fn long_window(&self) -> u32 {
        self.long_window
    }

    /// After how many round trips at the limit the latency without a queue is measured.
    pub fn probe_multiplier(&self) -> u32 {
        self.probe_multiplier
    }

    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        if !(1.0..=1000.0).contains(&self.rtt_tolerance) {
            return Err(ConfigError::new("rtt_tolerance", self.rtt_tolerance, "1.0 to 1000"));
        }
        if self.queue_size == 0 {
            return Err(ConfigError::new("queue_size", self.queue_size, "1 or more"));
        }
        if self.long_window == 0 {
            return Err(ConfigError::new("long_window", self.long_window, "1 or more"));
        }
        probing::validate(self)
    }
}

impl Law for Gradient2 {
    fn smoothing(&self) -> f64 {
        self.smoothing
    }

    fn probe_multiplier(&self) -> u32 {
        self.probe_multiplier
    }

    /// The long run.
    fn learn(&self, long: Option<f64>, observed: Observed, limit: f64) -> Option<f64> {
        match (long, observed.latency) {
            (Some(long), Some(latency)) if latency < long || !observed.presses(limit) => {
                let share = 2.0 / (f64::from(self.long_window) + 1.0);
                let share = 1.0 - (1.0 - share).powf(f64::from(observed.samples));
                Some(long + share * (latency - long))
            }
            (long, latency) => long.or(latency),
        }
    }

    fn learn_from_probe(&self, long: Option<f64>, latency: f64) -> f64 {
        long.map_or(latency, |long| (long + latency) / 2.0)
    }

    fn next(&self, limit: f64, long: Option<f64>, observed: Observed) -> f64 {
        let gradient = match (observed.latency, long) {
            _ if observed.dropped => 0.5,
            (Some(latency), Some(long)) => (self.rtt_tolerance * long / latency).clamp(0.5, 1.0),
            _ => 1.0,
        };
        let shrunk = limit * gradient;
        let grown = shrunk + f64::from(self.queue_size);
        if observed.dropped || !observed.presses(limit) { shrunk } else { grown }
    }

    fn served(&self, limit: f64) -> f64 {
        (limit - f64::from(self.queue_size)) / self.rtt_tolerance
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::adaptive::{
        estimate::{Bounds, Estimate},
        probing::ProbingLimit,
        sample::Sample,
    };

    const BOUNDS: Bounds = Bounds { min: 1.0, max: 200.0 };

    fn start(settings: Gradient2) -> ProbingLimit<Gradient2> {
        ProbingLimit::new(settings, 100.0, fastrand::Rng::with_seed(1))
    }

    fn round(limit: &mut ProbingLimit<Gradient2>, latency: u64, in_flight: u32) -> f64 {
        (0..in_flight.max(10)).fold(0.0, |_, _| limit.update(Sample { latency, in_flight, dropped: false }, BOUNDS))
    }

    #[track_caller]
    fn assert_near(number: f64, expected: f64) {
        assert!((number - expected).abs() < 0.01, "{number} is not {expected}");
    }

    #[test]
    fn the_limit_grows_by_the_queue_as_far_as_smoothing_lets_it() {
        for (settings, grown) in [
            (Gradient2::new(), 100.8),
            (Gradient2::new().with_queue_size(10), 102.0),
            (Gradient2::new().with_smoothing(1.0), 104.0),
        ] {
            assert_near(round(&mut start(settings), 1000, 90), grown);
        }
    }

    #[test]
    fn calls_slower_than_tolerated_shrink_the_limit() {
        for (tolerance, gradient) in [(1.5, 0.75), (2.0, 1.0), (1.0, 0.5)] {
            let mut limit = start(Gradient2::new().with_rtt_tolerance(tolerance).with_smoothing(1.0));
            assert_near(round(&mut limit, 1000, 90), 104.0);
            assert_near(round(&mut limit, 2000, 94), 104.0 * gradient + 4.0);
        }
    }

    #[test]
    fn the_long_run_follows_calls_that_do_not_press_on_the_limit_within_its_window() {
        // The window of one call takes over 1,500, that of 600 calls a thirtieth of the way there.
        for (long_window, long) in [(1, 1500.0), (600, 1016.4)] {
            let mut limit = start(Gradient2::new().with_long_window(long_window).with_smoothing(1.0));
            assert_near(round(&mut limit, 1000, 90), 104.0);
            assert_near(round(&mut limit, 1500, 5), 104.0);
            assert_near(round(&mut limit, 2800, 94), 104.0 * 1.5 * long / 2800.0 + 4.0);
        }
    }
}
