//! What all clones of an adaptive limit share: the gate, and the estimate that moves it.
//!
//! The estimate has a lock, taken once when a call ends. The gate's and the outbox's own locks may be taken under it,
//! never the other way round; waiters are woken, and observers told, under none of them.

use std::time::Duration;

use super::{
    AdaptiveLimitConfig, AdaptiveLimitSnapshot,
    estimate::{Bounds, Estimate},
    estimator::Estimator,
    sample::Sample,
};
use crate::{
    ConfigError, Control, Event, PolicyConfig, Snapshot, Verdict,
    bulkhead::Gate,
    outbox::Outbox,
    sync::{Mutex, lock},
    timeline::nanos,
};

#[derive(Debug)]
pub(super) struct Core {
    pub(super) gate: Gate,
    estimate: Mutex<Running>,
    /// How the limit moved, in that order: an observer that shows the last event shows the limit.
    pub(super) outbox: Outbox<Event>,
}

#[derive(Debug)]
struct Running {
    settings: AdaptiveLimitConfig,
    estimator: Estimator,
    /// The limit that the gate has.
    limit: u32,
    samples: u64,
    dropped: u64,
}

impl Core {
    pub(super) fn new(settings: AdaptiveLimitConfig) -> Self {
        let limit = settings.initial_limit();
        Core {
            gate: Gate::new(limit, settings.max_waiting(), settings.max_wait()),
            estimate: Mutex::new(Running {
                estimator: Estimator::new(settings.algorithm(), limit, fastrand::Rng::new()),
                settings,
                limit,
                samples: 0,
                dropped: 0,
            }),
            outbox: Outbox::new(),
        }
    }

    /// One with the same settings and nothing learnt yet.
    pub(super) fn afresh(&self) -> Self {
        Core::new(lock(&self.estimate).settings.clone())
    }

    /// Learns from a call that ends and is still inside. `None`: it was cancelled. Returns whether the limit moved; the
    /// outbox then has the event.
    pub(super) fn learn(&self, latency: Duration, verdict: Option<Verdict>) -> bool {
        let in_flight = self.gate.in_flight();
        let mut running = lock(&self.estimate);
        let is_late = latency >= running.settings.timeout();
        if verdict.is_none() && !is_late {
            return false;
        }
        let dropped = is_late || verdict == Some(Verdict::Failure);
        running.samples += 1;
        running.dropped += u64::from(dropped);
        let bounds = Bounds::new(running.settings.min_limit(), running.settings.max_limit());
        let to = running.estimator.update(Sample { latency: nanos(latency), in_flight, dropped }, bounds) as u32;
        let from = std::mem::replace(&mut running.limit, to);
        if from == to {
            return false;
        }
        self.gate.set_limit(to);
        self.outbox.put(Event::LimitChanged { from, to });
        drop(running);
        self.gate.hand_out();
        true
    }

    pub(super) fn figures(&self) -> AdaptiveLimitSnapshot {
        let standing = self.gate.standing();
        let running = lock(&self.estimate);
        AdaptiveLimitSnapshot {
            limit: standing.limit,
            in_flight: standing.in_flight,
            waiting: standing.waiting,
            waited: standing.waited,
            rejected: standing.rejected,
            timed_out: standing.timed_out,
            samples: running.samples,
            dropped: running.dropped,
        }
    }
}

impl Control for Core {
    fn snapshot(&self) -> Snapshot {
        Snapshot::AdaptiveLimit(self.figures())
    }

    fn reload(&self, settings: &PolicyConfig) -> Result<(), ConfigError> {
        let PolicyConfig::AdaptiveLimit(settings) = settings else {
            return Err(settings.not_for("adaptive_limit"));
        };
        settings.validate()?;
        let mut running = lock(&self.estimate);
        let limit = running.limit.clamp(settings.min_limit(), settings.max_limit());
        running.limit = limit;
        running.estimator.reload(settings.algorithm(), limit);
        running.settings = settings.clone();
        self.gate.set(limit, settings.max_waiting(), settings.max_wait());
        drop(running);
        self.gate.hand_out();
        Ok(())
    }
}
