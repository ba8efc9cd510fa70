//! AIMD: grow step by step, shrink by a share at the first sign of overload. It looks at drops only, and needs a callee
//! that says no, or a timeout that says it for it.

use super::{
    estimate::{Bounds, Estimate},
    round::Round,
    sample::Sample,
};
use crate::ConfigError;

/// Additive increase, multiplicative decrease: one more call at once after each round trip without a dropped call, a
/// share less at a dropped one. Until the first drop it doubles instead.
///
/// It works with any callee that rejects what it cannot serve, and with one that queues if the limit's `timeout` is
/// close above the latency that is wanted. It ends up between `backoff_ratio` times the capacity and the capacity.
///
/// | setting | default | accepted |
/// |---|---|---|
/// | `backoff_ratio` | 0.9 | 0.5 or more, below 1.0 |
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(default, deny_unknown_fields))]
#[must_use]
pub struct Aimd {
    backoff_ratio: f64,
}

impl Default for Aimd {
    fn default() -> Self {
        Aimd { backoff_ratio: 0.9 }
    }
}

impl Aimd {
    /// The defaults.
    pub fn new() -> Self {
        Aimd::default()
    }

    /// What is left of the limit after a dropped call.
    pub fn with_backoff_ratio(mut self, backoff_ratio: f64) -> Self {
        self.backoff_ratio = backoff_ratio;
        self
    }

    /// What is left of the limit after a dropped call.
    pub fn backoff_ratio(&self) -> f64 {
        self.backoff_ratio
    }

    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        if !(0.5..1.0).contains(&self.backoff_ratio) {
            return Err(ConfigError::new("backoff_ratio", self.backoff_ratio, "0.5 or more, below 1.0"));
        }
        Ok(())
    }
}

/// The running estimate.
#[derive(Debug)]
pub(super) struct AimdLimit {
    pub(super) settings: Aimd,
    limit: f64,
    round: Round,
    /// No call was dropped yet, so nobody knows how far it is.
    searching: bool,
}

impl AimdLimit {
    pub(super) fn new(settings: Aimd, limit: f64) -> Self {
        AimdLimit { settings, limit, round: Round::default(), searching: true }
    }
}

impl Estimate for AimdLimit {
    fn update(&mut self, sample: Sample, bounds: Bounds) -> f64 {
        // At once and not at the end of the round; but once for all calls that were in flight, which met the same
        // overload.
        if sample.dropped && !self.round.is_stale() {
            self.searching = false;
            self.limit *= self.settings.backoff_ratio;
            self.round.restart_after(sample.in_flight);
        } else if let Some(observed) = self.round.take(sample)
            && observed.presses(self.limit)
        {
            self.limit += if self.searching { self.limit } else { 1.0 };
        }
        self.limit = bounds.clamp(self.limit);
        self.limit
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUNDS: Bounds = Bounds { min: 1.0, max: 1000.0 };

    fn feed(limit: &mut AimdLimit, calls: u32, dropped: bool) -> f64 {
        (0..calls).fold(0.0, |_, _| limit.update(Sample { latency: 1, in_flight: 20, dropped }, BOUNDS))
    }

    #[test]
    fn a_drop_takes_its_share_once_for_all_calls_that_were_in_flight() {
        for (backoff_ratio, left) in [(0.9, 18.0), (0.5, 10.0)] {
            let mut limit = AimdLimit::new(Aimd::new().with_backoff_ratio(backoff_ratio), 20.0);
            assert_eq!(feed(&mut limit, 1, true), left);
            assert_eq!(feed(&mut limit, 20, true), left, "the same overload");
            assert_eq!(feed(&mut limit, 1, true), left * backoff_ratio, "another");
        }
    }

    #[test]
    fn the_limit_doubles_until_the_first_drop_and_then_goes_step_by_step() {
        let mut limit = AimdLimit::new(Aimd::new(), 20.0);
        assert_eq!(feed(&mut limit, 20, false), 40.0);
        assert_eq!(feed(&mut limit, 20, false), 40.0, "twenty do not press on forty");
        let mut limit = AimdLimit::new(Aimd::new(), 20.0);
        feed(&mut limit, 1, true);
        assert_eq!(feed(&mut limit, 20, false), 18.0, "calls from before the drop");
        assert_eq!(feed(&mut limit, 20, false), 19.0);
        assert_eq!(feed(&mut limit, 20, false), 20.0);
    }
}
