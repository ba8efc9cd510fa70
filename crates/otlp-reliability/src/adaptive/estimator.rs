//! The algorithm in use, which a reload can exchange.

use super::{
    Algorithm, Gradient2, Vegas,
    aimd::AimdLimit,
    estimate::{Bounds, Estimate},
    probing::ProbingLimit,
    sample::Sample,
};

/// The algorithm in use.
#[derive(Debug)]
pub(super) enum Estimator {
    Aimd(AimdLimit),
    Vegas(ProbingLimit<Vegas>),
    Gradient2(ProbingLimit<Gradient2>),
}

impl Estimator {
    pub(super) fn new(algorithm: &Algorithm, limit: u32, random: fastrand::Rng) -> Self {
        let limit = f64::from(limit);
        match algorithm {
            Algorithm::Aimd(settings) => Estimator::Aimd(AimdLimit::new(settings.clone(), limit)),
            Algorithm::Vegas(settings) => Estimator::Vegas(ProbingLimit::new(settings.clone(), limit, random)),
            Algorithm::Gradient2(settings) => Estimator::Gradient2(ProbingLimit::new(settings.clone(), limit, random)),
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
