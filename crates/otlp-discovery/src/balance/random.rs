//! By chance.

use super::{Balance, Candidate};

/// Gives each endpoint the same chance. Many clients that balance so do not fall into step with each other.
#[derive(Debug, Default)]
pub struct Random;

impl Balance for Random {
    fn choose(&self, candidates: &[Candidate<'_>], _key: Option<&[u8]>) -> usize {
        fastrand::usize(..candidates.len())
    }
}
