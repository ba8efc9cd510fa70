//! A call that runs under an adaptive limit, borrowed or as a value: both tell the limit how it went.

use std::{sync::Arc, thread, time::Instant};

use super::core::Core;
use crate::{Clock, Observer, TokioClock, Verdict};

/// A call under way. Dropped without a verdict, it was cancelled, or it panicked, which is a failure.
pub(super) struct Call<'a, K: Clock, O: Observer> {
    pub(super) core: &'a Core,
    pub(super) clock: &'a K,
    pub(super) observer: &'a O,
    pub(super) started: Instant,
    pub(super) verdict: Option<Verdict>,
}

impl<K: Clock, O: Observer> Drop for Call<'_, K, O> {
    fn drop(&mut self) {
        end(self.core, self.clock, self.observer, self.started, self.verdict);
    }
}

/// A place under an [`AdaptiveLimit`](crate::AdaptiveLimit), for calls that are no closures.
///
/// It owns its share of the limit, so it can move into a spawned task or be kept in a struct. Dropped without a verdict
/// it counts as a call that was cancelled.
#[must_use = "the place is given back when the permit is dropped"]
pub struct AdaptivePermit<K: Clock = TokioClock, O: Observer = ()> {
    core: Arc<Core>,
    clock: K,
    observer: O,
    started: Instant,
    verdict: Option<Verdict>,
}

impl<K: Clock, O: Observer> AdaptivePermit<K, O> {
    /// Takes over a place: whoever calls it keeps one.
    pub(super) fn taking_over(core: Arc<Core>, clock: K, observer: O) -> Self {
        let started = clock.now();
        AdaptivePermit { core, clock, observer, started, verdict: None }
    }

    /// Ends the call and tells the limit how it went. [`Verdict::Ignore`]: it is not learnt from.
    pub fn complete(mut self, verdict: Verdict) {
        self.verdict = Some(verdict);
    }
}

impl<K: Clock, O: Observer> Drop for AdaptivePermit<K, O> {
    fn drop(&mut self) {
        end(&self.core, &self.clock, &self.observer, self.started, self.verdict);
    }
}

impl<K: Clock, O: Observer> std::fmt::Debug for AdaptivePermit<K, O> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AdaptivePermit").field("started", &self.started).finish_non_exhaustive()
    }
}

fn end<K: Clock, O: Observer>(core: &Core, clock: &K, observer: &O, started: Instant, verdict: Option<Verdict>) {
    let verdict = verdict.or_else(|| thread::panicking().then_some(Verdict::Failure));
    let moved = verdict != Some(Verdict::Ignore) && core.learn(clock.now().saturating_duration_since(started), verdict);
    core.gate.leave();
    if moved {
        core.outbox.deliver(|event| observer.on_event(event));
    }
}
