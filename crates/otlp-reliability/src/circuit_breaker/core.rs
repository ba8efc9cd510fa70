//! What the handles of one breaker share: its decisions, its clock, and those who wait for it.

use std::{sync::Arc, time::Duration};

use tokio::sync::Notify;

use super::{
    CircuitBreakerConfig, CircuitBreakerSnapshot, CircuitState,
    machine::{Machine, Surroundings},
};
use crate::{Clock, ConfigError, Control, Event, Observer, PolicyConfig, Snapshot, registry, timeline::Timeline};

pub(super) struct Core<K> {
    pub(super) machine: Machine,
    pub(super) clock: K,
    timeline: Timeline,
    /// Told whenever a call may have a chance that it had not before.
    pub(super) news: Notify,
}

impl<K: Clock + 'static> Core<K> {
    /// A closed breaker; the settings have been checked.
    pub(super) fn announced(config: CircuitBreakerConfig, clock: K) -> Arc<Self> {
        let timeline = Timeline::starting_at(clock.now());
        registry::announced(Core { machine: Machine::new(config), clock, timeline, news: Notify::new() })
    }
}

impl<K: Clock> Core<K> {
    #[inline]
    fn now(&self) -> u64 {
        self.timeline.nanos_at(self.clock.now())
    }

    pub(super) fn figures(&self) -> CircuitBreakerSnapshot {
        let (word, now) = (self.machine.word(), self.now());
        let totals = self.machine.totals(now);
        let tally = self.machine.tally();
        let open_for = (word.state() == CircuitState::Open)
            .then(|| Duration::from_nanos(self.machine.break_ends().saturating_sub(now)));
        CircuitBreakerSnapshot {
            state: word.state(),
            open_for,
            calls_in_window: totals.calls,
            failures_in_window: totals.failed,
            slow_calls_in_window: totals.slow,
            failures_in_a_row: self.machine.failures_in_a_row(),
            probes: word.admitted(),
            probes_succeeded: word.succeeded(),
            probes_failed: word.failed(),
            openings: tally.openings.total(),
            rejected: tally.rejected.total(),
            failures: tally.failures.total(),
            slow_calls: tally.slow_calls.total(),
            cancelled: tally.cancelled.total(),
            outdated: tally.outdated.total(),
        }
    }
}

impl<K: Clock> Control for Core<K> {
    fn snapshot(&self) -> Snapshot {
        Snapshot::CircuitBreaker(self.figures())
    }

    fn reload(&self, settings: &PolicyConfig) -> Result<(), ConfigError> {
        let PolicyConfig::CircuitBreaker(config) = settings else {
            return Err(settings.not_for("circuit_breaker"));
        };
        config.validate()?;
        self.machine.reload(config, self.now());
        self.news.notify_waiters();
        Ok(())
    }
}

/// A breaker's core with the observer of the handle at hand: what the machine sees of the world.
pub(super) struct Host<'a, K, O> {
    pub(super) core: &'a Core<K>,
    pub(super) observer: &'a O,
}

impl<K: Clock, O: Observer> Surroundings for Host<'_, K, O> {
    #[inline]
    fn now(&self) -> u64 {
        self.core.now()
    }

    fn changed(&self, from: CircuitState, to: CircuitState) {
        if from != to {
            self.observer.on_event(Event::StateChanged { from, to });
        }
        self.core.news.notify_waiters();
    }

    fn probe_returned(&self) {
        self.core.news.notify_waiters();
    }
}
