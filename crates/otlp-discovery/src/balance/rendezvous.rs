//! By key: rendezvous hashing (Thaler and Ravishankar, "Using Name-Based Mappings to Increase Hit Rates"), weighted.
//!
//! Every process that knows the same endpoints sends a key to the same one, and when an endpoint leaves only its own keys
//! move. That needs a hash which is the same everywhere: it is written here, and must never change.

use super::{Balance, Candidate, Random};

/// Gives each key the endpoint whose hash with it is highest; requests without a key go by chance.
#[derive(Debug, Default)]
pub struct Rendezvous {
    without_key: Random,
}

impl Balance for Rendezvous {
    fn choose(&self, candidates: &[Candidate<'_>], key: Option<&[u8]>) -> usize {
        let Some(key) = key else { return self.without_key.choose(candidates, None) };
        let scores = candidates.iter().map(|candidate| score(candidate, key));
        let best = scores.enumerate().max_by(|(_, a), (_, b)| a.total_cmp(b));
        best.map_or(0, |(index, _)| index)
    }
}

/// The score of an endpoint for a key: of weights in proportion each wins its proportion of all keys.
fn score(candidate: &Candidate<'_>, key: &[u8]) -> f64 {
    let endpoint = candidate.endpoint;
    let hash = Hash::default().with(endpoint.host.as_bytes()).with(&endpoint.port.to_be_bytes()).with(key);
    // 53 bits and a half: a number between 0 and 1, and neither of them.
    let uniform = ((hash.finished() >> 11) as f64 + 0.5) / (1_u64 << 53) as f64;
    -f64::from(endpoint.weight.max(1)) / uniform.ln()
}

/// FNV-1a, and the finaliser of SplitMix64 that spreads what FNV leaves together.
struct Hash(u64);

impl Default for Hash {
    fn default() -> Self {
        Hash(0xcbf2_9ce4_8422_2325)
    }
}

impl Hash {
    fn with(self, bytes: &[u8]) -> Self {
        Hash(bytes.iter().fold(self.0, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)))
    }

    fn finished(self) -> u64 {
        let mut hash = self.0;
        hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        hash ^ (hash >> 31)
    }
}
