//! One after the other, the heavier ones more often.

use super::{Balance, Candidate, smooth::Turns};

/// Gives each endpoint turns in proportion to its weight, spread evenly.
#[derive(Debug, Default)]
pub struct Weighted {
    turns: Turns,
}

impl Balance for Weighted {
    fn choose(&self, candidates: &[Candidate<'_>], _key: Option<&[u8]>) -> usize {
        self.turns.next(candidates, |candidate| candidate.endpoint.weight.max(1))
    }
}
