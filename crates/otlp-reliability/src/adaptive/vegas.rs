//! Vegas: count the queue that the limit causes, and keep it short. The queue shows in how much longer calls take than
//! they would without one.

use super::{
    probing::{self, Law},
    round::Observed,
};
use crate::ConfigError;

/// Keeps a queue of between `alpha` and `beta` times the logarithm (base 10, at least 1) of the limit at the callee:
/// enough that it never idles, and no more.
///
/// It ends up above the capacity by that queue: with the defaults 5 to 10 calls for a capacity of 50. The latency
/// without a queue is the lowest mean of a round trip; it is measured anew by a probe, a round trip at half of the limit
/// less `alpha`'s queue, every `probe_multiplier` round trips in which the limit was reached (less a random part of up to
/// half of them), and when the limit has fallen to half. A waiting line keeps callers from noticing.
///
/// A dropped call takes a tenth from the limit, once for each round trip.
///
/// | setting | default | accepted |
/// |---|---|---|
/// | `alpha` | 3.0 | above zero |
/// | `beta` | 6.0 | above `alpha`, at most 1,000 |
/// | `smoothing` | 1.0 | above zero, at most 1.0 |
/// | `probe_multiplier` | 30 | 1 or more |
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(default, deny_unknown_fields))]
#[must_use]
pub struct Vegas {
    alpha: f64,
    beta: f64,
    smoothing: f64,
    probe_multiplier: u32,
}

impl Default for Vegas {
    fn default() -> Self {
        Vegas { alpha: 3.0, beta: 6.0, smoothing: 1.0, probe_multiplier: 30 }
    }
}

impl Vegas {
    /// The defaults.
    pub fn new() -> Self {
        Vegas::default()
    }

    /// Below what queue the limit grows.
    pub fn with_alpha(mut self, alpha: f64) -> Self {
        self.alpha = alpha;
        self
    }

    /// Above what queue the limit shrinks.
    pub fn with_beta(mut self, beta: f64) -> Self {
        self.beta = beta;
        self
    }

    /// How much of each change is made. 1.0: all of it.
    pub fn with_smoothing(mut self, smoothing: f64) -> Self {
        self.smoothing = smoothing;
        self
    }

    /// After how many round trips at the limit the latency without a queue is measured again.
    pub fn with_probe_multiplier(mut self, probe_multiplier: u32) -> Self {
        self.probe_multiplier = probe_multiplier;
        self
    }

    /// Below what queue the limit grows.
    pub fn alpha(&self) -> f64 {
        self.alpha
    }

    /// Above what queue the limit shrinks.
    pub fn beta(&self) -> f64 {
        self.beta
    }

    /// How much of each change is made.
    pub fn smoothing(&self) -> f64 {
        self.smoothing
    }

    /// After how many round trips at the limit the latency without a queue is measured again.
    pub fn probe_multiplier(&self) -> u32 {
        self.probe_multiplier
    }

    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        if self.alpha.is_nan() || self.alpha <= 0.0 {
            return Err(ConfigError::new("alpha", self.alpha, "above zero"));
        }
        if !(self.beta > self.alpha && self.beta <= 1000.0) {
            return Err(ConfigError::new("beta", self.beta, "above alpha, at most 1000"));
        }
        probing::validate(self)
    }
}

/// The unit of queues and of changes.
fn step(limit: f64) -> f64 {
    limit.log10().max(1.0)
}

impl Law for Vegas {
    fn smoothing(&self) -> f64 {
        self.smoothing
    }

    fn probe_multiplier(&self) -> u32 {
        self.probe_multiplier
    }

    /// The lowest latency.
    fn learn(&self, unloaded: Option<f64>, observed: Observed, _limit: f64) -> Option<f64> {
        match (unloaded, observed.latency) {
            (Some(known), Some(latency)) => Some(known.min(latency)),
            (known, latency) => known.or(latency),
        }
    }

    fn learn_from_probe(&self, _unloaded: Option<f64>, latency: f64) -> f64 {
        latency
    }

    fn next(&self, limit: f64, unloaded: Option<f64>, observed: Observed) -> f64 {
        if observed.dropped {
            return limit * 0.9;
        }
        let (Some(latency), Some(unloaded)) = (observed.latency, unloaded) else { return limit };
        let queue = f64::from(observed.in_flight) * (1.0 - unloaded / latency);
        let step = step(limit);
        let longest = self.beta * step;
        if queue > longest {
            // Half of what is too much; a single slow call can make a round look like any queue, so a tenth at most.
            limit - ((queue - longest) / 2.0).max(step).min(limit / 10.0)
        } else if !observed.presses(limit) {
            limit
        } else if queue <= step {
            limit + longest
        } else if queue < self.alpha * step {
            limit + step
        } else {
            limit
        }
    }

    fn served(&self, limit: f64) -> f64 {
        limit - self.alpha * step(limit)
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

    fn start(settings: Vegas) -> ProbingLimit<Vegas> {
        ProbingLimit::new(settings, 100.0, fastrand::Rng::with_seed(1))
    }

    /// A round that presses on the limit without reaching it, so that no probe comes between.
    fn round(limit: &mut ProbingLimit<Vegas>, latency: u64) -> f64 {
        let in_flight = (0.9 * limit.limit) as u32;
        (0..in_flight).fold(0.0, |_, _| limit.update(Sample { latency, in_flight, dropped: false }, BOUNDS))
    }

    #[test]
    fn without_a_queue_the_limit_grows_by_the_longest_queue_as_far_as_smoothing_lets_it() {
        for (settings, grown) in
            [(Vegas::new(), 112.0), (Vegas::new().with_beta(10.0), 120.0), (Vegas::new().with_smoothing(0.5), 106.0)]
        {
            assert!((round(&mut start(settings), 1000) - grown).abs() < 1e-9);
        }
    }

    #[test]
    fn a_queue_below_alpha_lets_the_limit_grow_and_one_above_beta_makes_it_shrink() {
        // 112 calls are allowed and 100 in flight, so 5 of 100 are queued if calls take a twentieth longer.
        for (settings, latency, direction) in [
            (Vegas::new(), 1053, 1.0),
            (Vegas::new().with_alpha(2.0), 1053, 0.0),
            (Vegas::new(), 1200, -1.0),
            (Vegas::new().with_beta(9.0), 1200, 0.0),
        ] {
            let mut limit = start(settings.clone());
            let before = round(&mut limit, 1000);
            let after = round(&mut limit, latency);
            assert!((after - before) * direction > 0.0 || after == before && direction == 0.0, "{settings:?}: {after}");
        }
    }
}
