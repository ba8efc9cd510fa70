//! tower-resilience: its circuit breaker, and its stack of the four layers that the pipeline has.

use std::time::Duration;

use tower::{Layer, ServiceBuilder, service_fn};
use tower_resilience_bulkhead::{BulkheadLayer, BulkheadServiceError};
use tower_resilience_circuitbreaker::{
    CircuitBreakerConfigBuilder, CircuitBreakerError, CircuitBreakerLayer, DefaultClassifier, SlidingWindowType,
};
use tower_resilience_retry::RetryLayer;
use tower_resilience_timelimiter::{TimeLimiterError, TimeLimiterLayer};

use super::{CONCURRENT, CONSECUTIVE, FAILURE_RATE, LONG, WINDOW};
use crate::{
    Failure,
    call::{Behaviour, CallError, IsRejection},
    case::{Case, Peer, Promise, Scene, Side},
};

/// The length of its time window. It keeps every call of the window and looks at all of them at every call, so with a
/// window of ten seconds the figure would be that of the window and not that of the breaker.
const TIME_WINDOW: Duration = Duration::from_millis(1);

const COUNT: Peer = Peer {
    beside: "breaker, slow calls timed",
    promise: Promise::Same,
    differs: "the count window does not slide: it counts from the last transition on, so a long good past hides failures; an \
              asynchronous mutex taken twice and a boxed future for each call; four clock reads and two copies of its name \
              for slow calls and events, wanted or not; a result from before a transition decides as one from after it; a \
              call that is dropped or panics is not seen. With two threads, each of one task here, a task that waits for \
              the mutex puts its thread to sleep",
};

const TIME: Peer = Peer {
    beside: "breaker, time window",
    promise: Promise::Same,
    differs: "keeps every call of the window and reads all of them at every call: here a window of 1 ms, beside one of 10 s of \
              ours; otherwise as its count window",
};

const OPEN: Peer = Peer {
    beside: "breaker, consecutive failures",
    promise: Promise::Same,
    differs: "answers through a boxed future, under the mutex",
};

const STACK: Peer = Peer {
    beside: "pipeline of retry, breaker, bulkhead, timeout",
    promise: Promise::Same,
    differs: "a boxed future, a clone of the services below and several clock reads for each of the four layers; each layer \
              wraps the error once more",
};

impl<E: IsRejection> IsRejection for CircuitBreakerError<E> {
    fn is_rejection(&self) -> bool {
        match self {
            CircuitBreakerError::OpenCircuit => true,
            CircuitBreakerError::Inner(error) => error.is_rejection(),
        }
    }
}

impl<E: IsRejection> IsRejection for BulkheadServiceError<E> {
    fn is_rejection(&self) -> bool {
        match self {
            BulkheadServiceError::Bulkhead(_) => true,
            BulkheadServiceError::Inner(error) => error.is_rejection(),
        }
    }
}

impl<E: IsRejection> IsRejection for TimeLimiterError<E> {
    fn is_rejection(&self) -> bool {
        match self {
            TimeLimiterError::Timeout => true,
            TimeLimiterError::Inner(error) => error.is_rejection(),
        }
    }
}

pub(super) fn cases(scene: Scene) -> Result<Vec<Case>, Failure> {
    let behaviour = scene.behaviour();
    let operation = service_fn(move |turn| behaviour.call(turn));
    let breaker = |name, peer, settings: CircuitBreakerConfigBuilder<DefaultClassifier>| -> Result<Case, Failure> {
        let layer = settings.wait_duration_in_open(LONG).build()?;
        Ok(Case::service(scene, name, Side::Peer(peer), layer.layer(operation)))
    };
    let settings = CircuitBreakerLayer::builder;
    if scene == Scene::Rejected {
        let consecutive = settings().consecutive_failures(CONSECUTIVE as usize);
        return Ok(vec![breaker("tower-resilience, consecutive failures", OPEN, consecutive)?]);
    }
    let count = || settings().sliding_window_size(WINDOW).failure_rate_threshold(FAILURE_RATE);
    let time = settings()
        .sliding_window_type(SlidingWindowType::TimeBased)
        .sliding_window_duration(TIME_WINDOW)
        .failure_rate_threshold(FAILURE_RATE);
    // The last attempt where calls fail: a wait is not what is measured.
    let attempts = if behaviour == Behaviour::Succeeds { 3 } else { 1 };
    type Inner = CircuitBreakerError<BulkheadServiceError<TimeLimiterError<CallError>>>;
    let stack = ServiceBuilder::new()
        .layer(RetryLayer::<u64, u64, Inner>::builder().max_attempts(attempts).build())
        .layer(count().wait_duration_in_open(LONG).build()?)
        .layer(BulkheadLayer::builder().max_concurrent_calls(CONCURRENT).build()?)
        .layer(TimeLimiterLayer::builder().timeout_duration(LONG).build())
        .service(operation);
    Ok(vec![
        breaker("tower-resilience, count window", COUNT, count())?,
        breaker("tower-resilience, time window", TIME, time)?,
        Case::service(scene, "tower-resilience: retry, breaker, bulkhead, timeout", Side::Peer(STACK), stack),
    ])
}
