//! Which of the endpoints that can take a request takes it. One strategy per file; none of them knows of health, which
//! decides before them who is a candidate.

mod least_loaded;
mod random;
mod rendezvous;
mod round_robin;
mod smooth;
mod strategy;
#[cfg(test)]
mod tests;
mod weighted;

use crate::Endpoint;

pub use self::{
    least_loaded::LeastLoaded, random::Random, rendezvous::Rendezvous, round_robin::RoundRobin,
    strategy::LoadBalancingStrategy, weighted::Weighted,
};

/// An endpoint that can take the request.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Candidate<'a> {
    /// Which one it is: the same number for as long as the endpoint is there, and never again for another.
    pub id: u64,
    /// Where it listens.
    pub endpoint: &'a Endpoint,
    /// How many requests it was given that have not ended.
    pub in_flight: usize,
}

/// Chooses among endpoints.
///
/// An implementor answers quickly, keeps no more state than one entry per endpoint, and forgets those that are no longer
/// among the candidates. It is asked from many threads at once.
pub trait Balance: Send + Sync {
    /// The place in `candidates`, of which there is at least one, of the endpoint that takes the request. `key` is what
    /// the caller wants to see at the same endpoint again, if anything.
    fn choose(&self, candidates: &[Candidate<'_>], key: Option<&[u8]>) -> usize;
}
