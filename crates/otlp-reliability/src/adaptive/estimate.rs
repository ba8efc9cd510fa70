//! How an algorithm is told of calls and answers with a limit: pure, without clock, lock or gate.

use super::sample::Sample;

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
