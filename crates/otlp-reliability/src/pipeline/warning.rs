//! Orders of policies that compile and run, and rarely mean what they do. Only what holds for every setting of the
//! policies is in here; what depends on a judge or a classifier is not.

use std::fmt;

use super::core::Stage;

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
    /// A rate limiter around a retry: only first attempts are counted, the callee meets all.
    RetriesNotRateLimited,
    /// A fallback inside of a retry or a circuit breaker: they see its answer and never the failure.
    FailureHiddenByFallback,
    /// A retry inside of a retry: the attempts multiply.
    AttemptsMultiply,
}

impl fmt::Display for OrderWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let OrderWarning { outer, inner, misorder } = self;
        match misorder {
            Misorder::PermitHeldDuringWaits => {
                write!(f, "{outer} is outside of {inner}: calls hold their permit while {inner} waits")
            }
            Misorder::RetriesNotRateLimited => {
                write!(f, "{outer} is outside of {inner}: further attempts are not limited")
            }
            Misorder::FailureHiddenByFallback => {
                write!(f, "{inner} is inside of {outer}: {outer} never sees the failures that {inner} answers for")
            }
            Misorder::AttemptsMultiply => {
                write!(f, "{inner} is inside of {outer}: the attempts of both are multiplied")
            }
        }
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
        ("rate_limiter", "retry") => Some(Misorder::RetriesNotRateLimited),
        ("retry" | "circuit_breaker", "fallback") => Some(Misorder::FailureHiddenByFallback),
        ("retry", "retry") => Some(Misorder::AttemptsMultiply),
        _ => None,
    }
}
