//! failsafe: its breaker of futures with the default policy, and with consecutive failures alone.

use std::time::Duration;

use failsafe::{
    Config, Error, FailurePolicy, StateMachine, backoff,
    failure_policy::{consecutive_failures, success_rate_over_time_window},
    futures::CircuitBreaker,
};

use super::{CONSECUTIVE, FAILURE_RATE, LONG};
use crate::{
    call::{CallError, IsRejection},
    case::{Case, Peer, Promise, Scene, Side},
};

const ALONE: Peer = Peer {
    beside: "breaker, consecutive failures",
    promise: Promise::Less,
    differs: "a mutex, taken twice for each call; half-open admits every call, and the first success closes; a result from \
              before a transition decides as one from after it; a call that is dropped or panics is not seen; what is no \
              failure is a success; no snapshot, no forced states",
};

const DEFAULT: Peer = Peer {
    beside: "breaker, time window",
    promise: Promise::Less,
    differs: "its default: a time-weighted moving average of successes, or consecutive failures; there is no window that \
              forgets, and in the first 30 s after it was made or closed only consecutive failures open; otherwise as with \
              consecutive failures alone",
};

impl IsRejection for Error<CallError> {
    fn is_rejection(&self) -> bool {
        matches!(self, Error::Rejected)
    }
}

pub(super) fn cases(scene: Scene) -> [Case; 2] {
    let consecutive = || consecutive_failures(CONSECUTIVE, backoff::constant(LONG));
    let rate = success_rate_over_time_window(1.0 - FAILURE_RATE, 5, Duration::from_secs(30), backoff::constant(LONG));
    [
        case(scene, "failsafe, consecutive failures", ALONE, consecutive()),
        case(scene, "failsafe, default policy", DEFAULT, rate.or_else(consecutive())),
    ]
}

fn case<P: FailurePolicy + Send + Sync + 'static>(scene: Scene, name: &'static str, peer: Peer, policy: P) -> Case {
    let (breaker, behaviour) = (Config::new().failure_policy(policy).build(), scene.behaviour());
    Case::new(scene, name, Side::Peer(peer), breaker, async move |breaker: &mut StateMachine<P, ()>, turn| {
        breaker.call(behaviour.call(turn)).await
    })
}
