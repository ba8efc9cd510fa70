//! Orders of policies that compile and run, and rarely mean what they do. Only what holds for every setting of the
//! policies is in here; what depends on a judge or a classifier is not.

use std::fmt;

use super::stage::Stage;

/// Two stages of a pipeline in an order that is worth a second look.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct OrderWarning {
    /// The name of the outer stage.
    pub outer: String,
    /// The name of the inner stage.
    pub inner: String,
    /// What comes of the order.
    pub misorder: Misorder,
}

/// What comes of two policies in the wrong order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Misorder {
    /// A bulkhead or an adaptive limit around a retry: a call holds its permit while the retry only waits.
    PermitHeldDuringWaits,
    /// A bulkhead or an adaptive limit around a hedge: attempts beside one another run on one permit.
    PermitSharedByAttempts,
    /// A rate limiter around a retry or a hedge: only first attempts are counted, the callee meets all.
    AttemptsNotRateLimited,
    /// A fallback inside of a retry, a hedge, a circuit breaker or an adaptive limit: they see its answer and never the
    /// failure.
    FailureHiddenByFallback,
    /// A retry inside of a retry: the attempts multiply.
    AttemptsMultiply,
}

impl fmt::Display for OrderWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let OrderWarning { outer, inner, misorder } = self;
        let consequence = match misorder {
            Misorder::PermitHeldDuringWaits => "a call holds its permit while it only waits for its next attempt",
            Misorder::PermitSharedByAttempts => "attempts beside one another run on one permit",
            Misorder::AttemptsNotRateLimited => "only first attempts are counted",
            Misorder::FailureHiddenByFallback => "failures that are answered for are never seen",
            Misorder::AttemptsMultiply => "the attempts of both multiply",
        };
        write!(f, "{outer} is outside of {inner}: {consequence}")
    }
}

/// The warnings about each pair of stages, in the order of the stages.
pub(super) fn warnings(stages: &[Stage]) -> Vec<OrderWarning> {
    let mut warnings = Vec::new();
    for (index, outer) in stages.iter().enumerate() {
        for inner in &stages[index + 1..] {
            if let Some(misorder) = misorder(outer.kind(), inner.kind()) {
                warnings.push(OrderWarning { outer: outer.name.clone(), inner: inner.name.clone(), misorder });
            }
        }
    }
    warnings
}

fn misorder(outer: Option<&str>, inner: Option<&str>) -> Option<Misorder> {
    match (outer?, inner?) {
        ("bulkhead" | "adaptive_limit", "retry") => Some(Misorder::PermitHeldDuringWaits),
        ("bulkhead" | "adaptive_limit", "hedge") => Some(Misorder::PermitSharedByAttempts),
        ("rate_limiter", "retry" | "hedge") => Some(Misorder::AttemptsNotRateLimited),
        ("retry" | "hedge" | "circuit_breaker" | "adaptive_limit", "fallback") => {
            Some(Misorder::FailureHiddenByFallback)
        }
        ("retry", "retry") => Some(Misorder::AttemptsMultiply),
        _ => None,
    }
}
