//! Who is worse than the others, from the counts of one interval. Pure.

use super::{FailurePercentage, SuccessRate};

/// Rates closer than this are the same: no endpoint may be ejected because a mean of equal rates was rounded up.
const ROUNDING: f64 = 1e-9;

/// The calls of one endpoint in one interval.
#[derive(Debug, Clone, Copy)]
pub(super) struct Counts {
    pub(super) successes: u64,
    pub(super) failures: u64,
}

impl Counts {
    fn calls(&self) -> u64 {
        self.successes.saturating_add(self.failures)
    }

    /// Between 0.0 and 1.0. Only for those who had calls.
    fn success_rate(&self) -> f64 {
        self.successes as f64 / self.calls() as f64
    }
}

/// The positions in `counts` of those who are to be ejected for their success rate, the worst first.
pub(super) fn below_the_others(counts: &[Counts], settings: &SuccessRate) -> Vec<usize> {
    let Some(mut rates) = rates(counts, settings.minimum_calls(), settings.minimum_endpoints()) else { return vec![] };
    let threshold = threshold(&rates, settings.stdev_factor());
    rates.retain(|(_, rate)| *rate < threshold - ROUNDING);
    worst_first(rates)
}

/// The positions in `counts` of those who are to be ejected for their share of failures, the worst first.
pub(super) fn failing_too_often(counts: &[Counts], settings: &FailurePercentage) -> Vec<usize> {
    let Some(mut rates) = rates(counts, settings.minimum_calls(), settings.minimum_endpoints()) else { return vec![] };
    // In whole numbers: a share of exactly the threshold must not depend on rounding.
    let too_often = |counts: &Counts| {
        u128::from(counts.failures) * 100 >= u128::from(counts.calls()) * u128::from(settings.threshold())
    };
    rates.retain(|(position, _)| counts.get(*position).is_some_and(too_often));
    worst_first(rates)
}

/// The success rates of those with enough calls, with their positions. `None` if they are too few.
fn rates(counts: &[Counts], minimum_calls: u64, minimum_endpoints: u32) -> Option<Vec<(usize, f64)>> {
    let enough = counts.iter().enumerate().filter(|(_, counts)| counts.calls() >= minimum_calls.max(1));
    let rates: Vec<_> = enough.map(|(position, counts)| (position, counts.success_rate())).collect();
    (rates.len() >= minimum_endpoints as usize).then_some(rates)
}

/// The mean less `factor` standard deviations (of the population, not of a sample).
fn threshold(rates: &[(usize, f64)], factor: f64) -> f64 {
    let count = rates.len() as f64;
    let mean = rates.iter().map(|(_, rate)| rate).sum::<f64>() / count;
    let variance = rates.iter().map(|(_, rate)| (rate - mean).powi(2)).sum::<f64>() / count;
    mean - factor * variance.sqrt()
}

fn worst_first(mut rates: Vec<(usize, f64)>) -> Vec<usize> {
    rates.sort_by(|(_, one), (_, other)| one.total_cmp(other));
    rates.into_iter().map(|(position, _)| position).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(pairs: &[(u64, u64)]) -> Vec<Counts> {
        pairs.iter().map(|&(successes, failures)| Counts { successes, failures }).collect()
    }

    #[test]
    fn a_rate_far_below_the_others_is_found_and_the_worst_comes_first() {
        let settings = SuccessRate::default();
        let one = of(&[(100, 0), (99, 1), (100, 0), (98, 2), (50, 50)]);
        assert_eq!(below_the_others(&one, &settings), [4]);
        let mut two = vec![(1_000, 0); 18];
        two.extend([(300, 700), (100, 900)]);
        assert_eq!(below_the_others(&of(&two), &settings), [19, 18]);
        let close = of(&[(95, 5), (95, 5), (95, 5), (95, 5), (93, 7)]);
        assert_eq!(below_the_others(&close, &settings), [4]);
        assert!(below_the_others(&close, &settings.with_stdev_factor(2.1)).is_empty());
    }

    #[test]
    fn equal_rates_eject_nobody_even_if_all_fail() {
        let settings = SuccessRate::default().with_minimum_calls(1).with_stdev_factor(1e-9);
        for failures in 0..=30 {
            for endpoints in 5..60 {
                let equal = of(&vec![(30 - failures, failures); endpoints]);
                assert!(below_the_others(&equal, &settings).is_empty(), "{endpoints} times {failures} of 30");
            }
        }
    }

    #[test]
    fn too_few_calls_or_endpoints_tell_nothing() {
        let settings = SuccessRate::default();
        let four_and_a_quiet_one = of(&[(100, 0), (100, 0), (100, 0), (0, 100), (99, 0)]);
        assert!(below_the_others(&four_and_a_quiet_one, &settings).is_empty());
        assert!(below_the_others(&[], &settings).is_empty());
        assert!(failing_too_often(&of(&[(0, 49); 9]), &FailurePercentage::default()).is_empty());
        assert!(failing_too_often(&of(&[(0, 50); 4]), &FailurePercentage::default()).is_empty());
    }

    #[test]
    fn a_share_of_exactly_the_threshold_is_enough() {
        let settings = FailurePercentage::default().with_minimum_endpoints(1);
        assert_eq!(failing_too_often(&of(&[(15, 85), (16, 84), (0, 100)]), &settings), [2, 0]);
        assert_eq!(failing_too_often(&of(&[(0, u64::MAX), (u64::MAX, u64::MAX)]), &settings), [0, 1]);
    }
}
