//! Which algorithm finds the limit, with its settings.

use super::{Aimd, Gradient2, Vegas};
use crate::ConfigError;

/// How an [`AdaptiveLimit`](crate::AdaptiveLimit) finds its limit. In a configuration file `kind` names it, and its settings stand beside.
///
/// | if the callee … | take |
/// |---|---|
/// | rejects what it cannot serve | [`Aimd`] |
/// | queues, and its calls are alike | [`Vegas`]: the shortest queue |
/// | queues, and its calls differ in length | [`Gradient2`] |
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(tag = "kind", rename_all = "snake_case")
)]
#[non_exhaustive]
pub enum Algorithm {
    /// Additive increase, multiplicative decrease, by dropped calls.
    Aimd(Aimd),
    /// By the queue that shows in the latency.
    Vegas(Vegas),
    /// By the ratio of the latency in the long run to that of now.
    Gradient2(Gradient2),
}

impl Default for Algorithm {
    fn default() -> Self {
        Algorithm::Gradient2(Gradient2::default())
    }
}

impl Algorithm {
    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        match self {
            Algorithm::Aimd(settings) => settings.validate(),
            Algorithm::Vegas(settings) => settings.validate(),
            Algorithm::Gradient2(settings) => settings.validate(),
        }
    }
}

impl From<Aimd> for Algorithm {
    fn from(settings: Aimd) -> Self {
        Algorithm::Aimd(settings)
    }
}

impl From<Vegas> for Algorithm {
    fn from(settings: Vegas) -> Self {
        Algorithm::Vegas(settings)
    }
}

impl From<Gradient2> for Algorithm {
    fn from(settings: Gradient2) -> Self {
        Algorithm::Gradient2(settings)
    }
}
