//! Turns by weight, spread as evenly as they can be: of weights 5, 1 and 1 the order is `a a b a c a a` and not
//! `a a a a a b c`.
//!
//! Each choice gives every candidate credit of its weight, and the chosen one pays the sum. An endpoint that was away
//! begins at zero, so that it does not get in one burst what it missed.

use std::collections::{HashMap, HashSet};

use parking_lot::Mutex;

use super::Candidate;

/// The credits, by [`Candidate::id`].
#[derive(Debug, Default)]
pub(super) struct Turns(Mutex<HashMap<u64, i64>>);

impl Turns {
    pub(super) fn next(&self, candidates: &[Candidate<'_>], weight: impl Fn(&Candidate<'_>) -> u32) -> usize {
        let mut credits = self.0.lock();
        if credits.len() > candidates.len() {
            let there: HashSet<u64> = candidates.iter().map(|one| one.id).collect();
            credits.retain(|id, _| there.contains(id));
        }
        let mut sum = 0;
        let mut best = (0, i64::MIN);
        for (index, candidate) in candidates.iter().enumerate() {
            let weight = i64::from(weight(candidate));
            sum += weight;
            let credit = credits.entry(candidate.id).or_default();
            *credit += weight;
            if *credit > best.1 {
                best = (index, *credit);
            }
        }
        if let Some(credit) = candidates.get(best.0).and_then(|chosen| credits.get_mut(&chosen.id)) {
            *credit -= sum;
        }
        best.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Endpoint;

    #[test]
    fn endpoints_that_come_and_go_leave_nothing_behind() {
        let (turns, endpoint) = (Turns::default(), Endpoint::new("a", 1));
        let candidate = |id| Candidate { id, endpoint: &endpoint, in_flight: 0 };
        for first in 0..10_000 {
            turns.next(&[candidate(first), candidate(first + 1), candidate(first + 2)], |_| 1);
            let known = turns.0.lock().len();
            assert!(known <= 6, "{known} credits for three endpoints");
        }
    }

    #[test]
    fn the_largest_weights_are_weighed() {
        let (turns, endpoint) = (Turns::default(), Endpoint::new("a", 1));
        let all: Vec<_> = (0..500).map(|id| Candidate { id, endpoint: &endpoint, in_flight: 0 }).collect();
        let mut taken = vec![0; all.len()];
        for _ in 0..1_000 {
            taken[turns.next(&all, |_| u32::MAX)] += 1;
        }
        assert!(taken.iter().all(|count| *count == 2), "{taken:?}");
        let shares: Vec<usize> =
            (0..100).map(|_| turns.next(&all[..2], |one| if one.id == 0 { u32::MAX } else { 1 })).collect();
        assert!(shares.iter().filter(|index| **index == 1).count() <= 1, "{shares:?}");
    }
}
