//! What is known of a service and its endpoints, for people.

use std::{sync::atomic::Ordering::Relaxed, time::Duration};

use otlp_reliability::CircuitBreakerSnapshot;

use super::members::Members;
use crate::{Endpoint, ResolveError};

/// A service and its endpoints at one moment.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct PoolSnapshot {
    /// The name of the service.
    pub service: String,
    /// The endpoints, by host and port.
    pub endpoints: Vec<EndpointStatus>,
    /// Why the source could not say more since, if so.
    pub failure: Option<ResolveError>,
}

/// An endpoint at one moment.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct EndpointStatus {
    /// Where it listens.
    pub endpoint: Endpoint,
    /// Requests that have not ended.
    pub in_flight: usize,
    /// Requests that it was given.
    pub picked: u64,
    /// How long it is still left alone, if it is.
    pub rests_for: Option<Duration>,
    /// Whether it gets no requests, while there are others, because of its checks.
    pub is_failing_checks: bool,
    /// Why its last check failed, if it did.
    pub check_failure: Option<String>,
    /// The figures of its circuit breaker, unless there is none.
    pub circuit_breaker: Option<CircuitBreakerSnapshot>,
}

impl PoolSnapshot {
    pub(super) fn of(members: &Members) -> Self {
        let list = members.list();
        let endpoints = list.iter().map(|member| EndpointStatus {
            endpoint: member.endpoint.clone(),
            in_flight: member.state.in_flight.load(Relaxed),
            picked: member.state.picked.load(Relaxed),
            rests_for: member.state.rest(),
            is_failing_checks: member.state.is_failing_checks(),
            check_failure: member.state.check_failure(),
            circuit_breaker: member.state.breaker.as_ref().map(|breaker| breaker.snapshot()),
        });
        PoolSnapshot { service: members.service.clone(), endpoints: endpoints.collect(), failure: members.failure().0 }
    }
}
