//! What all handles and tasks of a checker share: the checks, what is known of them, and who hears of changes.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::{sync::MutexGuard, task::AbortHandle};

use super::{
    CheckConfig, CheckOutcome, Health, HealthError, HealthObserver, HealthStatus, check::Look, record::Record, round,
    status::aggregate,
};
use crate::{
    Clock, Event,
    outbox::Outbox,
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
        lock,
    },
};

/// A check as it runs.
pub(super) struct Watched {
    pub(super) name: Arc<str>,
    pub(super) config: CheckConfig,
    look: Look,
    /// Held during a round.
    turn: tokio::sync::Mutex<()>,
    /// How many rounds have started.
    started: AtomicU64,
    /// Which of them was the last to end.
    ended: AtomicU64,
}

impl Watched {
    pub(super) fn new(name: Arc<str>, look: Look, config: CheckConfig) -> Self {
        let turn = tokio::sync::Mutex::new(());
        Watched { name, config, look, turn, started: AtomicU64::new(0), ended: AtomicU64::new(0) }
    }
}

pub(super) struct Entry {
    pub(super) check: Arc<Watched>,
    pub(super) task: Option<AbortHandle>,
    record: Record,
}

pub(super) struct State {
    pub(super) entries: Vec<Entry>,
    /// Where the checks run, once they have been started.
    pub(super) runtime: Option<tokio::runtime::Handle>,
    overall: Health,
    overall_since: Instant,
    /// What observers were last told of all together.
    told: Health,
}

pub(super) struct Core<K> {
    pub(super) clock: K,
    pub(super) state: Mutex<State>,
    observer: Mutex<Option<Arc<dyn HealthObserver>>>,
    outbox: Outbox<(Option<Arc<str>>, Event)>,
}

impl<K> Core<K> {
    pub(super) fn observe(&self, observer: Option<Arc<dyn HealthObserver>>) {
        *lock(&self.observer) = observer;
    }

    pub(super) fn observer(&self) -> Option<Arc<dyn HealthObserver>> {
        lock(&self.observer).clone()
    }

    pub(super) fn checks(&self) -> Vec<Arc<Watched>> {
        lock(&self.state).entries.iter().map(|entry| Arc::clone(&entry.check)).collect()
    }

    fn deliver(&self) {
        let observer = self.observer();
        self.outbox.deliver(|(check, event)| {
            if let Some(observer) = &observer {
                observer.on_event(check.as_deref(), event);
            }
        });
    }
}

impl<K: Clock> Core<K> {
    pub(super) fn new(clock: K) -> Self {
        let state = State {
            entries: Vec::new(),
            runtime: None,
            overall: Health::Healthy,
            overall_since: clock.now(),
            told: Health::Unknown,
        };
        Core { clock, state: Mutex::new(state), observer: Mutex::new(None), outbox: Outbox::new() }
    }

    /// Adds a check that nobody has looked at.
    pub(super) fn add(&self, check: Watched) -> Result<(), HealthError> {
        let now = self.clock.now();
        let mut state = lock(&self.state);
        if state.entries.iter().any(|entry| entry.check.name == check.name) {
            return Err(HealthError::DuplicateCheck(check.name));
        }
        state.entries.push(Entry { check: Arc::new(check), task: None, record: Record::new(now) });
        state.sum_up(now);
        Ok(())
    }

    pub(super) fn remove(&self, name: &str) -> bool {
        let now = self.clock.now();
        let mut state = lock(&self.state);
        let Some(position) = state.entries.iter().position(|entry| &*entry.check.name == name) else { return false };
        // Dropped after the lock is released: what the check holds may be a handle of the checker.
        let removed = state.entries.remove(position);
        state.sum_up(now);
        self.tell_overall(&mut state);
        drop(state);
        if let Some(task) = &removed.task {
            task.abort();
        }
        self.deliver();
        true
    }

    /// One round now, after the one under way if there is one.
    pub(super) async fn round(&self, check: &Watched) {
        let turn = check.turn.lock().await;
        self.run(check, turn).await;
    }

    /// The result of a round that starts after this call. Callers who ask at once share one.
    pub(super) async fn fresh_round(&self, check: &Watched) {
        let before = check.started.load(Ordering::Relaxed);
        let turn = check.turn.lock().await;
        if check.ended.load(Ordering::Relaxed) <= before {
            self.run(check, turn).await;
        }
    }

    async fn run(&self, check: &Watched, _turn: MutexGuard<'_, ()>) {
        let number = check.started.fetch_add(1, Ordering::Relaxed) + 1;
        let (outcome, latency) = round::run(&check.look, &check.config, &self.clock).await;
        self.apply(check, outcome, latency);
        check.ended.store(number, Ordering::Relaxed);
    }

    pub(super) fn status(&self) -> HealthStatus {
        let now = self.clock.now();
        let state = lock(&self.state);
        HealthStatus {
            overall: state.overall,
            unchanged_for: now.saturating_duration_since(state.overall_since),
            checks: state
                .entries
                .iter()
                .map(|entry| entry.record.status(&entry.check.name, &entry.check.config, now))
                .collect(),
        }
    }

    fn apply(&self, check: &Watched, outcome: CheckOutcome, latency: Duration) {
        let now = self.clock.now();
        let mut state = lock(&self.state);
        let Some(entry) = state.entries.iter_mut().find(|entry| std::ptr::eq(&*entry.check, check)) else { return };
        if let Some(from) = entry.record.apply(&check.config, outcome, latency, now) {
            let event = Event::HealthChanged { from, to: entry.record.health() };
            self.outbox.put((Some(Arc::clone(&check.name)), event));
        }
        state.sum_up(now);
        self.tell_overall(&mut state);
        drop(state);
        self.deliver();
    }

    /// Told of results and removals only, so that adding checks at the start makes no noise.
    fn tell_overall(&self, state: &mut State) {
        let from = std::mem::replace(&mut state.told, state.overall);
        if from != state.overall {
            self.outbox.put((None, Event::HealthChanged { from, to: state.overall }));
        }
    }
}

impl State {
    fn sum_up(&mut self, now: Instant) {
        let checks = self.entries.iter().map(|entry| (entry.record.health(), entry.check.config.importance()));
        let overall = aggregate(checks);
        if overall != self.overall {
            self.overall = overall;
            self.overall_since = now;
        }
    }
}
