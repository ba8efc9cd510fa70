//! What a registry shows.

use crate::{NamedSnapshot, Snapshot};

/// The figures of all policies in a registry, at about the same time: each policy is read at once, one after the other.
#[derive(Debug, Clone, PartialEq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Metrics {
    /// The policies, in the order in which they were made or registered.
    pub policies: Vec<NamedSnapshot>,
}

impl Metrics {
    /// The figures of the policy called `name`.
    pub fn policy(&self, name: &str) -> Option<&Snapshot> {
        self.policies.iter().find(|policy| policy.name == name).map(|policy| &policy.snapshot)
    }
}
