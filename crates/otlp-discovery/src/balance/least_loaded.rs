//! Where the least is in flight, of two that chance picks.
//!
//! Two and not all: when many clients look for the least loaded of all, they find the same one. With two choices the
//! most loaded endpoint stays within log log n of the mean (Mitzenmacher, "The Power of Two Choices in Randomized Load
//! Balancing").

use super::{Balance, Candidate};

/// Takes of two random endpoints the one with fewer requests in flight for its weight.
#[derive(Debug, Default)]
pub struct LeastLoaded;

impl Balance for LeastLoaded {
    fn choose(&self, candidates: &[Candidate<'_>], _key: Option<&[u8]>) -> usize {
        let first = fastrand::usize(..candidates.len());
        if candidates.len() == 1 {
            return first;
        }
        let second = (first + fastrand::usize(1..candidates.len())) % candidates.len();
        // In flight with this request, over the weight; both sides multiplied by both weights.
        let load = |one: usize, other: usize| {
            (candidates[one].in_flight as u128 + 1) * u128::from(candidates[other].endpoint.weight.max(1))
        };
        if load(second, first) < load(first, second) { second } else { first }
    }
}
