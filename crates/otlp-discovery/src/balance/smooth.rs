//! Turns by weight, spread as evenly as they can be: of weights 5, 1 and 1 the order is `a a b a c a a` and not
//! `a a a a a b c`.
//!
//! Each choice gives every candidate credit of its weight, and the chosen one pays the sum. An endpoint that was away
//! begins at zero, so that it does not get in one burst what it missed.

use std::collections::HashMap;

use parking_lot::Mutex;

use super::Candidate;

/// The credits, by [`Candidate::id`].
#[derive(Debug, Default)]
pub(super) struct Turns(Mutex<HashMap<u64, i64>>);

impl Turns {
    pub(super) fn next(&self, candidates: &[Candidate<'_>], weight: impl Fn(&Candidate<'_>) -> u32) -> usize {
        let mut credits = self.0.lock();
        if credits.len() > candidates.len() {
            credits.retain(|id, _| candidates.iter().any(|one| one.id == *id));
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
