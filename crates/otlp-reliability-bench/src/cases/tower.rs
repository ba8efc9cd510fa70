//! tower's own layers: retry, concurrency limit and timeout. It has no circuit breaker.

use std::future::{Ready, ready};

use tower::{ServiceBuilder, retry, service_fn};

use super::{CONCURRENT, LONG};
use crate::{
    call::Behaviour,
    case::{Case, Peer, Promise, Scene, Side},
};

const STACK: Peer = Peer {
    beside: "pipeline of retry, bulkhead, timeout",
    promise: Promise::Same,
    differs: "no breaker; the timeout makes a timer for every call and boxes the error; a clone that is ready holds a permit of \
              the limit",
};

const RETRY: Peer = Peer {
    beside: "retry",
    promise: Promise::Less,
    differs: "what is retried, and when, is the user's own `Policy`; here: up to three attempts, without a wait",
};

const TIMEOUT: Peer =
    Peer { beside: "timeout", promise: Promise::Same, differs: "makes a timer for every call and boxes the error" };

const LIMIT: Peer = Peer {
    beside: "bulkhead",
    promise: Promise::Less,
    differs: "waits without a limit on the line or on the time; a clone that is ready holds a permit",
};

/// Retries at once, up to so many times: tower has the mechanism, the policy is the user's.
#[derive(Debug, Clone, Copy)]
struct Again(u32);

impl<T> retry::Policy<u64, u64, T> for Again {
    type Future = Ready<()>;

    fn retry(&mut self, _: &mut u64, result: &mut Result<u64, T>) -> Option<Ready<()>> {
        let again = result.is_err() && self.0 > 0;
        self.0 = self.0.saturating_sub(1);
        again.then(|| ready(()))
    }

    fn clone_request(&mut self, request: &u64) -> Option<u64> {
        Some(*request)
    }
}

pub(super) fn cases(scene: Scene) -> Vec<Case> {
    // A permit that is out makes tower wait, and nothing else here turns calls away.
    if scene == Scene::Rejected {
        return Vec::new();
    }
    let behaviour = scene.behaviour();
    // The last attempt where calls fail: a second one is not what is measured.
    let again = Again(if behaviour == Behaviour::Succeeds { 2 } else { 0 });
    let operation = service_fn(move |turn| behaviour.call(turn));
    let build = ServiceBuilder::new;
    let stack = build().retry(again).concurrency_limit(CONCURRENT).timeout(LONG).service(operation);
    let mut cases = vec![Case::service(scene, "tower: retry, limit, timeout", Side::Peer(STACK), stack)];
    if scene == Scene::Success {
        cases.extend([
            Case::service(scene, "tower: retry", Side::Peer(RETRY), build().retry(again).service(operation)),
            Case::service(scene, "tower: timeout", Side::Peer(TIMEOUT), build().timeout(LONG).service(operation)),
            Case::service(
                scene,
                "tower: concurrency limit",
                Side::Peer(LIMIT),
                build().concurrency_limit(CONCURRENT).service(operation),
            ),
        ]);
    }
    cases
}
