//! How an algorithm is told of calls and answers with a limit: pure, without clock, lock or gate.

use super::{Algorithm, aimd::AimdLimit, gradient2::Gradient2Limit, vegas::VegasLimit};

/// What one call told when it ended.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Sample {
    /// How long it took, in nanoseconds.
    pub(super) latency: u64,
    /// How many calls were running, this one included.
    pub(super) in_flight: u32,
    /// Whether it was turned away for overload, or took so long that it might as well have been. Its latency then says
    /// nothing.
    pub(super) dropped: bool,
}

/// Between what a limit moves.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Bounds {
    pub(super) min: f64,
    pub(super) max: f64,
}

impl Bounds {
    pub(super) fn new(min: u32, max: u32) -> Self {
        Bounds { min: f64::from(min), max: f64::from(max) }
    }

    pub(super) fn clamp(self, limit: f64) -> f64 {
        limit.clamp(self.min, self.max)
    }
}

/// Estimates how many calls at once the callee serves best.
///
/// An implementor guarantees that the limit stays within the bounds whatever the samples are, that it grows only while
/// calls press on it ([`Observed::presses`](super::round::Observed::presses)), and that one slow call does not move it
/// far.
pub(super) trait Estimate {
    /// Takes a sample, and says how many calls may run at once from now on.
    fn update(&mut self, sample: Sample, bounds: Bounds) -> f64;
}

/// The algorithm in use.
#[derive(Debug)]
pub(super) enum Estimator {
    Aimd(AimdLimit),
    Vegas(VegasLimit),
    Gradient2(Gradient2Limit),
}

impl Estimator {
    pub(super) fn new(algorithm: &Algorithm, limit: u32, random: fastrand::Rng) -> Self {
        let limit = f64::from(limit);
        match algorithm {
            Algorithm::Aimd(settings) => Estimator::Aimd(AimdLimit::new(settings.clone(), limit)),
            Algorithm::Vegas(settings) => Estimator::Vegas(VegasLimit::new(settings.clone(), limit, random)),
            Algorithm::Gradient2(settings) => {
                Estimator::Gradient2(Gradient2Limit::new(settings.clone(), limit, random))
            }
        }
    }

    /// Goes on with other settings: with all that it has learnt if the algorithm is the same, else from `limit`.
    pub(super) fn reload(&mut self, algorithm: &Algorithm, limit: u32) {
        match (&mut *self, algorithm) {
            (Estimator::Aimd(running), Algorithm::Aimd(settings)) => running.settings = settings.clone(),
            (Estimator::Vegas(running), Algorithm::Vegas(settings)) => running.settings = settings.clone(),
            (Estimator::Gradient2(running), Algorithm::Gradient2(settings)) => running.settings = settings.clone(),
            (other, algorithm) => *other = Estimator::new(algorithm, limit, fastrand::Rng::new()),
        }
    }
}

impl Estimate for Estimator {
    fn update(&mut self, sample: Sample, bounds: Bounds) -> f64 {
        match self {
            Estimator::Aimd(limit) => limit.update(sample, bounds),
            Estimator::Vegas(limit) => limit.update(sample, bounds),
            Estimator::Gradient2(limit) => limit.update(sample, bounds),
        }
    }
}
