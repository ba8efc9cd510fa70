//! One after the other.

use super::{Balance, Candidate, smooth::Turns};

/// Gives each endpoint its turn, whatever it weighs.
#[derive(Debug, Default)]
pub struct RoundRobin {
    turns: Turns,
}

impl Balance for RoundRobin {
    fn choose(&self, candidates: &[Candidate<'_>], _key: Option<&[u8]>) -> usize {
        self.turns.next(candidates, |_| 1)
    }
}
