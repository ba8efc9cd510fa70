//! The figures of a client at one moment, as a program reads them.

use std::time::Duration;

use otlp_batch::{QueueDepth, SignalLedger};
use otlp_core::Signal;
use otlp_reliability::CircuitState;

use super::{AttemptCounts, Latency};

/// The figures of a client at one moment. They are read one after the other while the client works; each is right for its
/// own moment.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct PerformanceSnapshot {
    /// For how long the monitor has been sampling, up to the minute that it remembers; none while it does not. Figures
    /// over windows are known only then.
    pub sampled_for: Option<Duration>,
    /// The OTLP endpoint first, then custom exporters in their order.
    pub destinations: Vec<DestinationPerformance>,
    /// The memory of records between call site and acknowledgement.
    pub memory: MemoryPerformance,
    /// Of each endpoint and each custom exporter, unless the client does without.
    pub circuit_breakers: Vec<CircuitBreakerPerformance>,
}

impl PerformanceSnapshot {
    /// The destination of this name.
    pub fn destination(&self, name: &str) -> Option<&DestinationPerformance> {
        self.destinations.iter().find(|destination| destination.name == name)
    }
}

/// The memory of telemetry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct MemoryPerformance {
    /// In bytes.
    pub in_use: usize,
    /// The most that may be in use, in bytes.
    pub budget: usize,
}

/// The figures of one destination.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct DestinationPerformance {
    /// Its name, as in its ledger.
    pub name: String,
    /// Spans.
    pub traces: SignalPerformance,
    /// Data points.
    pub metrics: SignalPerformance,
    /// Log records.
    pub logs: SignalPerformance,
    /// Attempts that were not the first of their batch.
    pub retries: u64,
    /// Its disk queue, if it has one.
    pub disk_queue: Option<DiskQueueState>,
}

impl DestinationPerformance {
    /// The figures of one signal.
    pub fn signal(&self, signal: Signal) -> &SignalPerformance {
        match signal {
            Signal::Traces => &self.traces,
            Signal::Metrics => &self.metrics,
            Signal::Logs => &self.logs,
        }
    }
}

/// The figures of one signal towards one destination.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct SignalPerformance {
    /// Where every item went, with what was dropped by reason.
    pub ledger: SignalLedger,
    /// What waits and what is in flight, also on a disk.
    pub queue: QueueDepth,
    /// Items that wait in memory alone: what `queue_capacity` is a limit of.
    pub queued_in_memory: u64,
    /// How many items may wait in memory.
    pub queue_capacity: u64,
    /// Items that the program recorded.
    pub accepted: Throughput,
    /// Items that a receiver acknowledged.
    pub delivered: Throughput,
    /// Attempts since the client was built.
    pub attempts: AttemptCounts,
    /// How long the attempts took since the client was built; none if there were none, or the destination has no
    /// attempts, as the console.
    pub latency: Option<Latency>,
    /// How long the attempts of the last minute took, to ten seconds; none if there were none or nothing was sampled.
    pub recent_latency: Option<Latency>,
}

/// Items per second over the last second, ten seconds and minute, or over as much of them as was sampled; none where
/// nothing was.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
#[non_exhaustive]
pub struct Throughput {
    /// Over the last second.
    pub second: Option<f64>,
    /// Over the last ten seconds.
    pub ten_seconds: Option<f64>,
    /// Over the last minute.
    pub minute: Option<f64>,
}

/// How a disk queue is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DiskQueueState {
    /// It stores batches.
    Working,
    /// It has as many bytes as it may have: what is new stays in memory.
    Full,
    /// The disk refuses, or does not answer: what is new stays in memory.
    Degraded,
}

/// The circuit breaker of an endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct CircuitBreakerPerformance {
    /// The endpoint, without query, or the name of a custom exporter.
    pub endpoint: String,
    /// The state.
    pub state: CircuitState,
    /// How often it opened.
    pub openings: u64,
    /// Attempts that it turned away.
    pub rejected: u64,
}

impl CircuitBreakerPerformance {
    /// Whether the endpoint counts as down: also while it is probed, until a probe succeeded.
    pub fn is_down(&self) -> bool {
        matches!(self.state, CircuitState::Open | CircuitState::HalfOpen | CircuitState::Isolated)
    }
}
