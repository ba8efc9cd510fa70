//! What the algorithms that go by latency have in common: they learn from whole rounds, make a share of each change, and
//! probe for the latency without a queue. How a limit follows from latencies is the law of each.

use fastrand::Rng;

use super::{
    estimate::{Bounds, Estimate},
    probe::Probe,
    round::{Observed, Round},
    sample::Sample,
};
use crate::ConfigError;

/// How a limit follows from latencies. The settings of an algorithm are its law.
///
/// An implementor guarantees that [`next`](Law::next) grows only while calls press on the limit, and that one round does
/// not move it far.
pub(super) trait Law {
    /// How much of each change is made.
    fn smoothing(&self) -> f64;

    /// After how many rounds at the limit the latency without a queue is measured.
    fn probe_multiplier(&self) -> u32;

    /// The latency without a queue after a round under `limit` that was no probe, as far as it is known.
    fn learn(&self, unloaded: Option<f64>, observed: Observed, limit: f64) -> Option<f64>;

    /// The latency without a queue after a probe in which calls took `latency`.
    fn learn_from_probe(&self, unloaded: Option<f64>, latency: f64) -> f64;

    /// The limit after a round under `limit`, before smoothing.
    fn next(&self, limit: f64, unloaded: Option<f64>, observed: Observed) -> f64;

    /// How many calls seem to be served at once under `limit`; the others queue.
    fn served(&self, limit: f64) -> f64;
}

/// The settings that all of these algorithms have.
pub(super) fn validate(law: &impl Law) -> Result<(), ConfigError> {
    let smoothing = law.smoothing();
    if !(smoothing > 0.0 && smoothing <= 1.0) {
        return Err(ConfigError::new("smoothing", smoothing, "above zero, at most 1.0"));
    }
    if law.probe_multiplier() == 0 {
        return Err(ConfigError::new("probe_multiplier", law.probe_multiplier(), "1 or more"));
    }
    Ok(())
}

/// The running estimate.
#[derive(Debug)]
pub(super) struct ProbingLimit<L> {
    pub(super) settings: L,
    pub(super) limit: f64,
    round: Round,
    probe: Probe,
    /// The latency without a queue in nanoseconds, as far as it is known.
    unloaded: Option<f64>,
}

impl<L: Law> ProbingLimit<L> {
    pub(super) fn new(settings: L, limit: f64, random: Rng) -> Self {
        ProbingLimit { settings, limit, round: Round::default(), probe: Probe::new(random), unloaded: None }
    }

    fn after_probe(&mut self, observed: Observed) {
        if let Some(latency) = observed.latency {
            if self.unloaded.is_some_and(|known| latency < 0.9 * known) {
                self.probe.again_soon();
            }
            self.unloaded = Some(self.settings.learn_from_probe(self.unloaded, latency));
        }
        self.round.restart_after(observed.in_flight);
    }

    fn after_round(&mut self, observed: Observed, bounds: Bounds) {
        self.unloaded = self.settings.learn(self.unloaded, observed, self.limit);
        let reached = observed.reaches(self.limit);
        let smoothing = self.settings.smoothing();
        let next = self.settings.next(self.limit, self.unloaded, observed);
        self.limit = bounds.clamp((1.0 - smoothing) * self.limit + smoothing * next);
        if reached && self.probe.begins(self.limit, self.settings.probe_multiplier()) {
            self.round.restart_after(observed.in_flight);
        }
    }
}

impl<L: Law> Estimate for ProbingLimit<L> {
    fn update(&mut self, sample: Sample, bounds: Bounds) -> f64 {
        if let Some(observed) = self.round.take(sample) {
            if self.probe.ends() {
                self.after_probe(observed);
            } else {
                self.after_round(observed, bounds);
            }
        }
        bounds.clamp(self.probe.apply(self.limit, || self.settings.served(self.limit)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Gradient2, Vegas};

    const BOUNDS: Bounds = Bounds { min: 1.0, max: 200.0 };

    /// How many probes there are in 100,000 calls that always reach the limit.
    fn probes(law: impl Law) -> u32 {
        let mut limit = ProbingLimit::new(law, 100.0, Rng::with_seed(1));
        let (mut allowed, mut probes) = (100.0, 0);
        for _ in 0..100_000 {
            let in_flight = allowed as u32;
            let next = limit.update(Sample { latency: 1000, in_flight, dropped: false }, BOUNDS);
            probes += u32::from(next < 0.6 * allowed);
            allowed = next;
        }
        probes
    }

    #[test]
    fn the_latency_without_a_queue_is_measured_more_often_the_smaller_the_multiplier() {
        let vegas = |multiplier| probes(Vegas::new().with_probe_multiplier(multiplier));
        let gradient2 = |multiplier| probes(Gradient2::new().with_probe_multiplier(multiplier));
        for (often, seldom) in [(vegas(3), vegas(60)), (gradient2(3), gradient2(60))] {
            assert!(seldom > 5 && often > 5 * seldom, "{often} and {seldom}");
        }
    }
}
