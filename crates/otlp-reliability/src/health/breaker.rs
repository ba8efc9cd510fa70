//! A circuit breaker as a health source: what its state says of the dependency behind it.

use std::time::Duration;

use super::CheckOutcome;
use crate::{CircuitState, Snapshot};

/// How often a breaker is read.
pub(super) const INTERVAL: Duration = Duration::from_secs(1);

/// An open breaker whose break is over is no failure: it waits for a call to try, and a service that calls itself
/// unready because of it would never get that call.
pub(super) fn outcome(snapshot: &Snapshot) -> CheckOutcome {
    let Snapshot::CircuitBreaker(breaker) = snapshot else { return CheckOutcome::Pass };
    match (breaker.state, breaker.open_for) {
        (CircuitState::Closed | CircuitState::ForcedClosed, _) => CheckOutcome::Pass,
        (CircuitState::HalfOpen, _) => CheckOutcome::Warn("the circuit breaker is half-open".to_string()),
        (CircuitState::Open, Some(Duration::ZERO)) => {
            CheckOutcome::Warn("the circuit breaker waits for a call to try".to_string())
        }
        (CircuitState::Open, _) => CheckOutcome::Fail("the circuit breaker is open".to_string()),
        (CircuitState::Isolated, _) => CheckOutcome::Fail("the circuit breaker is isolated".to_string()),
    }
}
