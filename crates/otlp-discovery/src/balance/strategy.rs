//! The strategies by name.

use std::{fmt, str::FromStr};

use otlp_reliability::ConfigError;

use super::{Balance, LeastLoaded, Random, Rendezvous, RoundRobin, Weighted};

/// How requests are spread over the endpoints of a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum LoadBalancingStrategy {
    /// One after the other, whatever they weigh ([`RoundRobin`]): the default.
    #[default]
    RoundRobin,
    /// By chance, whatever they weigh ([`Random`]).
    Random,
    /// One after the other, by weight ([`Weighted`]).
    Weighted,
    /// Of two random endpoints, the one with less in flight for its weight ([`LeastLoaded`]).
    LeastLoaded,
    /// By key, by weight, so that the same key goes to the same endpoint ([`Rendezvous`]). Of n endpoints, one that leaves
    /// moves its own keys alone, which are one in n.
    Rendezvous,
}

impl LoadBalancingStrategy {
    /// All of them.
    pub const ALL: [LoadBalancingStrategy; 5] = [
        LoadBalancingStrategy::RoundRobin,
        LoadBalancingStrategy::Random,
        LoadBalancingStrategy::Weighted,
        LoadBalancingStrategy::LeastLoaded,
        LoadBalancingStrategy::Rendezvous,
    ];

    /// The name in configuration files.
    pub fn name(self) -> &'static str {
        match self {
            LoadBalancingStrategy::RoundRobin => "round_robin",
            LoadBalancingStrategy::Random => "random",
            LoadBalancingStrategy::Weighted => "weighted",
            LoadBalancingStrategy::LeastLoaded => "least_loaded",
            LoadBalancingStrategy::Rendezvous => "rendezvous",
        }
    }

    pub(crate) fn balance(self) -> Box<dyn Balance> {
        match self {
            LoadBalancingStrategy::RoundRobin => Box::new(RoundRobin::default()),
            LoadBalancingStrategy::Random => Box::new(Random),
            LoadBalancingStrategy::Weighted => Box::new(Weighted::default()),
            LoadBalancingStrategy::LeastLoaded => Box::new(LeastLoaded),
            LoadBalancingStrategy::Rendezvous => Box::new(Rendezvous::default()),
        }
    }
}

impl fmt::Display for LoadBalancingStrategy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for LoadBalancingStrategy {
    type Err = ConfigError;

    fn from_str(text: &str) -> Result<Self, ConfigError> {
        let known = LoadBalancingStrategy::ALL.into_iter().find(|strategy| strategy.name() == text);
        let accepted = "round_robin, random, weighted, least_loaded or rendezvous";
        known.ok_or_else(|| ConfigError::new("strategy", text, accepted))
    }
}
