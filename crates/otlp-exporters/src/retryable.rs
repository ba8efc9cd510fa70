//! Which failures are worth another attempt: what a receiver says can be retried, unless the user said otherwise.

use std::sync::{
    Arc,
    atomic::{AtomicU8, Ordering::Relaxed},
};

use otlp_batch::Exported;
use otlp_core::{ErrorKind, Outcome};
use otlp_reliability::{Classify, Decision};

/// The kinds of failures that are repeated. Clones are the same set: a change concerns the attempts to come.
///
/// A failure that no set names, such as a token that was refused and then renewed, is repeated whenever its
/// [`Outcome`] says that it can be.
#[derive(Debug, Clone)]
pub struct RetryableKinds(Arc<AtomicU8>);

impl RetryableKinds {
    /// All of them: the default.
    pub fn all() -> Self {
        RetryableKinds(Arc::new(AtomicU8::new(u8::MAX)))
    }

    /// These of [`ErrorKind::Network`], [`ErrorKind::Timeout`], [`ErrorKind::Unavailable`], [`ErrorKind::Throttled`]
    /// and [`ErrorKind::Destination`], and all that are not among the five.
    pub fn only(kinds: impl IntoIterator<Item = ErrorKind>) -> Self {
        let bits = kinds.into_iter().fold(0, |bits, kind| bits | bit(kind));
        RetryableKinds(Arc::new(AtomicU8::new(bits)))
    }

    /// Makes this set and its clones name what `other` names.
    pub fn replace(&self, other: &RetryableKinds) {
        self.0.store(other.0.load(Relaxed), Relaxed);
    }

    /// Whether a failure of this kind is repeated.
    pub fn contains(&self, kind: ErrorKind) -> bool {
        let bit = bit(kind);
        bit == 0 || self.0.load(Relaxed) & bit != 0
    }
}

impl Default for RetryableKinds {
    fn default() -> Self {
        RetryableKinds::all()
    }
}

/// Zero for kinds that nobody chooses.
fn bit(kind: ErrorKind) -> u8 {
    match kind {
        ErrorKind::Network => 1,
        ErrorKind::Timeout => 2,
        ErrorKind::Unavailable => 4,
        ErrorKind::Throttled => 8,
        ErrorKind::Destination => 16,
        _ => 0,
    }
}

/// Retries what an [`Outcome`] says can be retried and [`RetryableKinds`] names, no sooner than the receiver asked.
#[derive(Debug, Clone, Default)]
pub struct RetryOutcomes {
    kinds: RetryableKinds,
}

impl RetryOutcomes {
    /// Retries failures of these kinds.
    pub fn of(kinds: RetryableKinds) -> Self {
        RetryOutcomes { kinds }
    }
}

impl Classify<Outcome> for RetryOutcomes {
    fn classify(&self, outcome: &Outcome) -> Decision {
        match outcome {
            Outcome::Retry(failure) if self.kinds.contains(failure.error.kind()) => {
                failure.after.map_or(Decision::Retry, Decision::RetryAfter)
            }
            _ => Decision::Done,
        }
    }
}

impl Classify<Exported> for RetryOutcomes {
    fn classify(&self, exported: &Exported) -> Decision {
        match exported {
            Exported::Settled(outcome) => self.classify(outcome),
            Exported::PutOff { .. } => Decision::Done,
        }
    }
}

#[cfg(test)]
mod tests {
    use otlp_core::ExportError;

    use super::*;

    #[test]
    fn only_the_named_kinds_are_repeated_and_a_change_reaches_every_clone() {
        let kinds = RetryableKinds::only([ErrorKind::Network, ErrorKind::Timeout]);
        let retry = RetryOutcomes::of(kinds.clone());
        let decide = |kind| retry.classify(&Outcome::retry(ExportError::new(kind, "scripted")));
        assert_eq!(decide(ErrorKind::Network), Decision::Retry);
        assert_eq!(decide(ErrorKind::Unavailable), Decision::Done);
        assert_eq!(decide(ErrorKind::Unauthorized), Decision::Retry, "nobody chooses it");
        kinds.replace(&RetryableKinds::only([ErrorKind::Unavailable]));
        assert_eq!(decide(ErrorKind::Network), Decision::Done);
        assert_eq!(decide(ErrorKind::Unavailable), Decision::Retry);
        assert_eq!(RetryOutcomes::default().classify(&Outcome::delivered()), Decision::Done);
    }
}
