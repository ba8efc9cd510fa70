//! A case: one policy in one scene, and how it stands to the others.

use std::{fmt, future::poll_fn};

use clap::ValueEnum;
use serde::Serialize;
use tower::Service;

use crate::{
    Failure,
    call::{Behaviour, IsRejection, Tally},
    worker::{AsyncWorker, Worker},
};

/// What happens to the calls of a case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Scene {
    /// They succeed, on one thread.
    Success,
    /// Every second one fails, on one thread, and the policy lets that pass.
    HalfFails,
    /// The policy turns them all away, on one thread.
    Rejected,
    /// They succeed, on two threads that share the policy.
    TwoThreads,
}

impl Scene {
    /// All, in the order of the report.
    pub(crate) const ALL: [Scene; 4] = [Scene::Success, Scene::HalfFails, Scene::Rejected, Scene::TwoThreads];

    /// How the operation behaves in it. A breaker that is to be open is opened by failures, as it would be in a service.
    pub(crate) fn behaviour(self) -> Behaviour {
        match self {
            Scene::Success | Scene::TwoThreads => Behaviour::Succeeds,
            Scene::HalfFails => Behaviour::HalfFails,
            Scene::Rejected => Behaviour::Fails,
        }
    }

    /// Whether calls went as the scene says.
    pub(crate) fn is_played(self, tally: Tally) -> bool {
        match (self, tally) {
            (Scene::Success | Scene::TwoThreads, Tally { succeeded: _, failed: 0, rejected: 0 })
            | (Scene::Rejected, Tally { succeeded: 0, failed: 0, rejected: _ }) => true,
            (Scene::HalfFails, Tally { succeeded, failed, rejected: 0 }) => succeeded == failed,
            _ => false,
        }
    }
}

impl fmt::Display for Scene {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(match self {
            Scene::Success => "one thread, calls succeed",
            Scene::HalfFails => "one thread, every second call fails",
            Scene::Rejected => "one thread, calls are rejected",
            Scene::TwoThreads => "two threads on one policy, calls succeed",
        })
    }
}

/// Whose case it is.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Side {
    /// Nobody's: the operation without any policy.
    Bare,
    /// `otlp-reliability`'s.
    Ours,
    /// Another crate's.
    Peer(Peer),
}

/// How a peer's case stands to ours.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Peer {
    /// The case of ours that comes closest.
    pub(crate) beside: &'static str,
    /// What the peer promises, beside ours.
    pub(crate) promise: Promise,
    /// In what it differs, for the legend.
    pub(crate) differs: &'static str,
}

/// What a peer promises beside ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Promise {
    /// As much, for whoever chooses between them: ours must not be slower.
    Same,
    /// Less: its figure is shown and decides nothing.
    Less,
}

/// One policy in one scene.
pub(crate) struct Case {
    pub(crate) scene: Scene,
    pub(crate) name: &'static str,
    pub(crate) side: Side,
    make: Box<dyn Fn() -> Result<Box<dyn Worker>, Failure> + Send + Sync>,
}

impl Case {
    /// A case whose workers each start with a clone of `policy` and make one call after the other with `call`, which is
    /// told the number of the call.
    pub(crate) fn new<P, F, E>(scene: Scene, name: &'static str, side: Side, policy: P, call: F) -> Self
    where
        P: Clone + Send + Sync + 'static,
        F: AsyncFn(&mut P, u64) -> Result<u64, E> + Clone + Send + Sync + 'static,
        E: IsRejection + 'static,
    {
        let make = move || Ok(Box::new(AsyncWorker::new(policy.clone(), call.clone())?) as Box<dyn Worker>);
        Case { scene, name, side, make: Box::new(make) }
    }

    /// A case whose workers each start with a clone of a tower service, make it ready and call it with the number of the
    /// call.
    pub(crate) fn service<S>(scene: Scene, name: &'static str, side: Side, service: S) -> Self
    where
        S: Service<u64, Response = u64> + Clone + Send + Sync + 'static,
        S::Error: IsRejection + 'static,
    {
        let call = async |service: &mut S, turn| {
            poll_fn(|context| service.poll_ready(context)).await?;
            service.call(turn).await
        };
        Case::new(scene, name, side, service, call)
    }

    /// Somebody who makes the calls; those of one case share the policy. It stays on the thread that made it.
    pub(crate) fn worker(&self) -> Result<Box<dyn Worker>, Failure> {
        (self.make)()
    }
}
