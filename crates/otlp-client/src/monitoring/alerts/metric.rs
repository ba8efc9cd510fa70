//! What rules watch: figures of the client, each one number.

use std::{fmt, time::Duration};

use otlp_core::Signal;

use super::super::{DiskQueueState, Source, history::Counts};

/// The window of figures that count what happened.
const WINDOW: Duration = Duration::from_secs(60);

/// The shorter window of figures that tell how fast something goes.
const PACE: Duration = Duration::from_secs(10);

/// A figure of the client. Those over windows are known once the window has begun; what is not known never fires.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AlertMetric {
    /// How many items were dropped in the last minute, for whatever reason.
    DroppedItems,
    /// How many items receivers refused for good in the last minute.
    RejectedItems,
    /// How full the fullest queue is, as a share of its limit: 0 to 1.
    QueueUtilization,
    /// How full the memory budget is: 0 to 1.
    MemoryUtilization,
    /// How many items have no fate yet, also on disks.
    PendingItems,
    /// How many endpoints count as down, because their circuit breakers are open or probe.
    EndpointsDown,
    /// How many disk queues do not work, or are full.
    DiskQueuesDegraded,
    /// The share of attempts that failed in the last minute: 0 to 1. Not known while there are none.
    AttemptFailureRatio,
    /// What half of the attempts of the last minute did not exceed, in seconds. Not known while there are none.
    AttemptLatencyP50,
    /// What 95 of 100 did not exceed.
    AttemptLatencyP95,
    /// What 99 of 100 did not exceed.
    AttemptLatencyP99,
    /// Items that the program recorded per second, over ten seconds.
    AcceptedPerSecond,
    /// Items that receivers acknowledged per second, over ten seconds.
    DeliveredPerSecond,
}

impl AlertMetric {
    /// Its name in messages.
    pub const fn name(self) -> &'static str {
        match self {
            AlertMetric::DroppedItems => "dropped_items",
            AlertMetric::RejectedItems => "rejected_items",
            AlertMetric::QueueUtilization => "queue_utilization",
            AlertMetric::MemoryUtilization => "memory_utilization",
            AlertMetric::PendingItems => "pending_items",
            AlertMetric::EndpointsDown => "endpoints_down",
            AlertMetric::DiskQueuesDegraded => "disk_queues_degraded",
            AlertMetric::AttemptFailureRatio => "attempt_failure_ratio",
            AlertMetric::AttemptLatencyP50 => "attempt_latency_p50",
            AlertMetric::AttemptLatencyP95 => "attempt_latency_p95",
            AlertMetric::AttemptLatencyP99 => "attempt_latency_p99",
            AlertMetric::AcceptedPerSecond => "accepted_per_second",
            AlertMetric::DeliveredPerSecond => "delivered_per_second",
        }
    }

    /// The figure now.
    pub(super) fn read(self, source: &Source) -> Option<f64> {
        Some(match self {
            AlertMetric::DroppedItems => rise(source, |counts| counts.ledger.dropped.total())? as f64,
            AlertMetric::RejectedItems => rise(source, |counts| counts.ledger.rejected)? as f64,
            AlertMetric::QueueUtilization => {
                let fullest =
                    Signal::ALL.into_iter().flat_map(|signal| source.pipeline.queue_occupancies(signal)).max()?;
                fullest as f64 / source.pipeline.max_queue_size().max(1) as f64
            }
            AlertMetric::MemoryUtilization => {
                let memory = source.memory();
                memory.in_use as f64 / memory.budget.max(1) as f64
            }
            AlertMetric::PendingItems => {
                source.pipeline.ledgers().iter().map(|ledger| ledger.pending()).sum::<u64>() as f64
            }
            AlertMetric::EndpointsDown => source.endpoints_down() as f64,
            AlertMetric::DiskQueuesDegraded => {
                let states = source.disk_queues().into_iter();
                states.filter(|(_, state)| *state != DiskQueueState::Working).count() as f64
            }
            AlertMetric::AttemptFailureRatio => {
                let all = rise(source, |counts| counts.attempts.total())?;
                let failed = rise(source, |counts| counts.attempts.failed)?;
                (all > 0).then(|| failed as f64 / all as f64)?
            }
            AlertMetric::AttemptLatencyP50 => latency(source, 0.5)?,
            AlertMetric::AttemptLatencyP95 => latency(source, 0.95)?,
            AlertMetric::AttemptLatencyP99 => latency(source, 0.99)?,
            AlertMetric::AcceptedPerSecond => accepted(source)?,
            AlertMetric::DeliveredPerSecond => {
                source.history.lock().pace(PACE, |_, _, counts| counts.ledger.delivered)?
            }
        })
    }
}

impl fmt::Display for AlertMetric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Each destination that takes a signal has all of its items.
fn accepted(source: &Source) -> Option<f64> {
    let destinations = source.pipeline.ledgers().len();
    let history = source.history.lock();
    let of = |signal: Signal| {
        let rate = |destination| history.rate(destination, signal, PACE, |counts| counts.ledger.accepted);
        (0..destinations).filter_map(rate).reduce(f64::max)
    };
    Signal::ALL.into_iter().map(of).sum()
}

fn rise(source: &Source, of: fn(&Counts) -> u64) -> Option<u64> {
    source.history.lock().rise(WINDOW, |_, _, counts| of(counts))
}

/// Of the attempts of all signals to all destinations.
fn latency(source: &Source, quantile: f64) -> Option<f64> {
    Some(source.recent_durations()?.quantile(quantile)?.as_secs_f64())
}
