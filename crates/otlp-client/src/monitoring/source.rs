//! [`Source`]: reads the figures of a client. It keeps no client alive, and can be read after the client has ended.

use std::{sync::Arc, time::Duration};

use otlp_batch::{Ledger, PipelineFigures};
use otlp_core::Signal;
use otlp_reliability::{Control, NamedSnapshot, Snapshot};
use parking_lot::Mutex;
use tokio::time::Instant;

use super::{
    CircuitBreakerPerformance, DestinationPerformance, DiskQueueState, MemoryPerformance, PerformanceSnapshot,
    SignalPerformance, Throughput,
    attempts::DestinationAttempts,
    durations::DurationCounts,
    history::{Counts, History, Sample},
    observations::Observations,
};
use crate::policies::Policies;

/// Where all figures come from.
pub(crate) struct Source {
    pub(super) pipeline: PipelineFigures,
    policies: Policies,
    observations: Arc<Observations>,
    /// By destination, as the attempts.
    retries: Vec<Arc<dyn Control>>,
    /// By destination; those that print have none, and come last.
    pub(super) attempts: Vec<Arc<DestinationAttempts>>,
    /// What was sampled, while somebody samples.
    pub(super) history: Mutex<History>,
}

impl Source {
    pub(super) fn new(pipeline: PipelineFigures, policies: Policies, observations: Arc<Observations>) -> Self {
        let (attempts, retries) = (observations.attempts(), policies.retries());
        Source { pipeline, policies, observations, retries, attempts, history: Mutex::default() }
    }

    /// How long ago the background thread last had its turn.
    pub(super) fn since_last_turn(&self) -> Duration {
        self.observations.since_last_turn()
    }

    /// The circuit breakers that were there from the start, by what they are of, to be read and watched.
    pub(super) fn breakers(&self) -> &[(String, Arc<dyn Control>)] {
        self.policies.circuit_breakers()
    }

    /// The circuit breakers of the receivers that are balanced over, as far as they were tried.
    pub(super) fn receivers(&self) -> Vec<CircuitBreakerPerformance> {
        let mut receivers = breakers(&self.policies.figures());
        receivers.retain(|breaker| self.breakers().iter().all(|(known, _)| *known != breaker.endpoint));
        receivers
    }

    /// The disk queues, by destination.
    pub(super) fn disk_queues(&self) -> Vec<(String, DiskQueueState)> {
        // What prints has neither attempts nor a disk queue.
        let names = self.pipeline.ledgers().into_iter().take(self.attempts.len()).map(|ledger| ledger.destination);
        let states = names.enumerate().map(|(index, name)| Some((name, self.observations.disk_state(index)?)));
        states.flatten().collect()
    }

    pub(super) fn has_disk_queue(&self) -> bool {
        !self.disk_queues().is_empty()
    }

    /// How many endpoints count as down.
    pub(super) fn endpoints_down(&self) -> usize {
        breakers(&self.policies.figures()).iter().filter(|breaker| breaker.is_down()).count()
    }

    /// How long all attempts of the last minute took, to ten seconds.
    pub(super) fn recent_durations(&self) -> Option<DurationCounts> {
        let history = self.history.lock();
        let each = self.attempts.iter().enumerate().flat_map(|(index, attempts)| {
            let history = &history;
            Signal::ALL
                .into_iter()
                .filter_map(move |signal| history.latencies_since(index, signal, &attempts.durations(signal).read()))
        });
        each.reduce(|mut sum, next| {
            sum.merge(&next);
            sum
        })
    }

    /// Everything, as it is now.
    pub(super) fn snapshot(&self) -> PerformanceSnapshot {
        // Let go at once: the figures of signals take the lock too.
        let sampled_for = self.history.lock().sampled_for();
        let ledgers = self.pipeline.ledgers();
        let destinations = ledgers.into_iter().enumerate();
        PerformanceSnapshot {
            sampled_for,
            destinations: destinations.map(|(index, ledger)| self.destination(index, ledger)).collect(),
            memory: self.memory(),
            circuit_breakers: breakers(&self.policies.figures()),
        }
    }

    pub(super) fn memory(&self) -> MemoryPerformance {
        MemoryPerformance { in_use: self.pipeline.memory_in_use(), budget: self.pipeline.memory_budget() }
    }

    /// What is sampled again and again. With `with_latencies` also the histograms, which are larger.
    pub(super) fn sample(&self, at: Instant, with_latencies: bool) -> Sample {
        let counts = |(index, ledger): (usize, &Ledger)| {
            Signal::ALL.map(|signal| Counts {
                ledger: *ledger.signal(signal),
                attempts: self.attempts.get(index).map(|attempts| attempts.counts(signal)).unwrap_or_default(),
            })
        };
        let latencies =
            || self.attempts.iter().map(|attempts| Signal::ALL.map(|signal| attempts.durations(signal).read()));
        Sample {
            at,
            counts: self.pipeline.ledgers().iter().enumerate().map(counts).collect(),
            latencies: with_latencies.then(|| latencies().collect()),
        }
    }

    fn destination(&self, index: usize, ledger: Ledger) -> DestinationPerformance {
        let attempts = self.attempts.get(index);
        let [traces, metrics, logs] = Signal::ALL.map(|signal| self.signal(index, signal, &ledger));
        DestinationPerformance {
            traces,
            metrics,
            logs,
            retries: self.retries(index),
            // What prints has neither attempts nor a disk queue.
            disk_queue: attempts.and_then(|_| self.observations.disk_state(index)),
            name: ledger.destination,
        }
    }

    /// The attempts of a destination that were not the first of their batch.
    fn retries(&self, index: usize) -> u64 {
        match self.retries.get(index).map(|retry| retry.snapshot()) {
            Some(Snapshot::Retry(figures)) => figures.retries,
            _ => 0,
        }
    }

    fn signal(&self, index: usize, signal: Signal, ledger: &Ledger) -> SignalPerformance {
        let attempts = self.attempts.get(index);
        let durations = attempts.map(|attempts| attempts.durations(signal).read());
        let history = self.history.lock();
        let throughput = |of: fn(&Counts) -> u64| {
            let over = |seconds| history.rate(index, signal, Duration::from_secs(seconds), of);
            Throughput { second: over(1), ten_seconds: over(10), minute: over(60) }
        };
        SignalPerformance {
            ledger: *ledger.signal(signal),
            queue: self.pipeline.queue_depths(signal).get(index).copied().unwrap_or_default(),
            queued_in_memory: self.pipeline.queue_occupancies(signal).get(index).copied().unwrap_or_default(),
            queue_capacity: self.pipeline.max_queue_size() as u64,
            accepted: throughput(|counts| counts.ledger.accepted),
            delivered: throughput(|counts| counts.ledger.delivered),
            attempts: attempts.map(|attempts| attempts.counts(signal)).unwrap_or_default(),
            latency: durations.as_ref().and_then(|durations| durations.latency()),
            recent_latency: durations.and_then(|now| history.latencies_since(index, signal, &now)?.latency()),
        }
    }
}

fn breakers(policies: &[NamedSnapshot]) -> Vec<CircuitBreakerPerformance> {
    let breaker = |policy: &NamedSnapshot| match &policy.snapshot {
        Snapshot::CircuitBreaker(figures) => Some(CircuitBreakerPerformance {
            endpoint: policy.name.strip_suffix("/circuit_breaker").unwrap_or(&policy.name).to_owned(),
            state: figures.state,
            openings: figures.openings,
            rejected: figures.rejected,
        }),
        _ => None,
    };
    policies.iter().filter_map(breaker).collect()
}
