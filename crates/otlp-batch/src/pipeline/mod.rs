//! The pipeline: intake, batcher, queues and dispatchers, driven by one background thread with its own runtime.

mod background;
mod builder;
#[cfg(test)]
mod day_tests;
mod figures;
mod report;
mod within;

use std::{
    fmt,
    sync::{Arc, mpsc as blocking},
    thread::JoinHandle,
    time::Duration,
};

use otlp_core::{Signal, data::Resource};
use otlp_reliability::Control;
use parking_lot::Mutex;
use tokio::{
    runtime,
    sync::{mpsc, oneshot},
    time::Instant,
};

use self::{
    background::{Command, Reply},
    builder::OnDrop,
};
pub use self::{
    builder::PipelineBuilder,
    figures::PipelineFigures,
    report::{Report, StartError},
    within::within,
};
use crate::{Intake, Ledger, PoolSnapshot, QueueDepth, destination::Destination, thread_slots};

/// How much longer than the deadline a caller waits for the background thread to answer, before it reads the
/// ledger itself: an exporter that blocks the thread must not hold up the application.
const GRACE: Duration = Duration::from_millis(250);

/// Takes records in, and delivers them on a background thread.
///
/// Dropping it without [`Pipeline::shutdown`] shuts it down with [`PipelineBuilder::drop_deadline`].
pub struct Pipeline {
    intake: Intake,
    commands: mpsc::UnboundedSender<Command>,
    runtime: runtime::Handle,
    thread: Mutex<Option<JoinHandle<()>>>,
    drop_deadline: Duration,
    on_drop: Option<OnDrop>,
}

/// How often metrics can be collected. A time that no clock reaches would end the background thread.
const METRIC_INTERVALS: std::ops::RangeInclusive<Duration> = Duration::from_millis(1)..=Duration::from_secs(86_400);

impl Pipeline {
    /// A pipeline whose records come from `resource`.
    pub fn builder(resource: Resource) -> PipelineBuilder {
        PipelineBuilder::new(resource)
    }

    /// Changes how often metrics are collected: the next time after this interval from now. What is outside of 1 ms to 1 day
    /// is taken for the nearer of the two.
    pub fn set_metric_interval(&self, interval: Duration) {
        // A pipeline that was shut down collects nothing any more.
        let interval = interval.clamp(*METRIC_INTERVALS.start(), *METRIC_INTERVALS.end());
        let _ = self.commands.send(Command::CollectEvery(interval));
    }

    /// Where records enter.
    pub fn intake(&self) -> &Intake {
        &self.intake
    }

    /// The runtime of the background thread, for what belongs to the delivery: watching for endpoints, answering questions
    /// about health. One thread drives it, so what runs there must never block. It ends with the pipeline, and what still
    /// runs then is dropped where it waits.
    pub fn runtime(&self) -> &runtime::Handle {
        &self.runtime
    }

    /// How it stands, for whoever watches it.
    pub fn figures(&self) -> PipelineFigures {
        PipelineFigures::new(self.intake.clone())
    }

    /// Where every item is now, for each destination.
    pub fn ledgers(&self) -> Vec<Ledger> {
        self.intake.shared().ledgers()
    }

    /// What waits and what is in flight for one signal, for each destination.
    pub fn queue_depths(&self, signal: Signal) -> Vec<QueueDepth> {
        self.intake.shared().destinations().iter().map(|destination| destination.lane(signal).depth()).collect()
    }

    /// The bulkheads that limit what is in flight: by destination, in their order, and signal.
    pub fn in_flight_limits(&self) -> Vec<(String, Signal, Arc<dyn Control>)> {
        let of = |destination: &Destination| {
            let name = destination.name.clone();
            destination.policies().map(|(signal, control)| (name.clone(), signal, control)).collect::<Vec<_>>()
        };
        self.intake.shared().destinations().iter().flat_map(of).collect()
    }

    /// How large the memory pool is, what is in use of it, and how it came to that.
    pub fn memory_pool(&self) -> PoolSnapshot {
        self.intake.shared().pool().snapshot()
    }

    /// How many bytes of memory the records between call site and acknowledgement occupy.
    pub fn memory_in_use(&self) -> usize {
        self.intake.shared().memory_in_use()
    }

    /// Delivers everything that was accepted before the call, on all threads, and what a disk queue had found; waits for
    /// at most `deadline`.
    ///
    /// Cancelling the future stops the waiting and not the flush.
    pub async fn flush(&self, deadline: Duration) -> Report {
        self.ask(deadline, |deadline, reply| Command::Flush { deadline, reply }).await
    }

    /// As [`Pipeline::flush`], blocking. Works inside and outside of any runtime.
    pub fn flush_blocking(&self, deadline: Duration) -> Report {
        self.ask_blocking(deadline, |deadline, reply| Command::Flush { deadline, reply })
    }

    /// Sees to it that everything that was accepted before the call is on the disk, unless it has its fate; waits for at
    /// most `deadline`. Producers are asked first, so what metrics have counted is part of it. [`Report::durable`] says
    /// whether that is so. Without a disk queue, it waits for the delivery.
    ///
    /// Cancelling the future stops the waiting and nothing else.
    pub async fn persist(&self, deadline: Duration) -> Report {
        self.ask(deadline, |deadline, reply| Command::Persist { deadline, reply }).await
    }

    /// As [`Pipeline::persist`], blocking. Works inside and outside of any runtime.
    pub fn persist_blocking(&self, deadline: Duration) -> Report {
        self.ask_blocking(deadline, |deadline, reply| Command::Persist { deadline, reply })
    }

    /// Takes no more records, delivers what it has, and ends. What is not delivered after `deadline` is kept in the disk
    /// queue, for which the last quarter of that time is set aside, at most a second. Without one, it is dropped and
    /// counted as [`DropReason::ShutDown`](crate::DropReason::ShutDown). A second call returns the same ledgers.
    ///
    /// Cancelling the future stops the waiting and not the shutdown.
    pub async fn shutdown(&self, deadline: Duration) -> Report {
        self.ask(deadline, |deadline, reply| Command::ShutDown { deadline, reply }).await
    }

    /// As [`Pipeline::shutdown`], blocking. Works inside and outside of any runtime.
    pub fn shutdown_blocking(&self, deadline: Duration) -> Report {
        let report = self.ask_blocking(deadline, |deadline, reply| Command::ShutDown { deadline, reply });
        if let Some(thread) = self.thread.lock().take_if(|thread| thread.is_finished()) {
            let _ = thread.join();
        }
        report
    }

    async fn ask(&self, deadline: Duration, command: impl FnOnce(Instant, Reply) -> Command) -> Report {
        let (sender, receiver) = oneshot::channel();
        let reply: Reply = Box::new(move |report| drop(sender.send(report)));
        match self.commands.send(command(from_now(deadline), reply)) {
            Ok(()) => {
                let answer = within(deadline.saturating_add(GRACE), receiver).await;
                answer.and_then(Result::ok).unwrap_or_else(|| self.report())
            }
            Err(_) => self.report(),
        }
    }

    fn ask_blocking(&self, deadline: Duration, command: impl FnOnce(Instant, Reply) -> Command) -> Report {
        let (sender, receiver) = blocking::sync_channel(1);
        let reply: Reply = Box::new(move |report| drop(sender.send(report)));
        // On the background thread itself (a user's exporter may call this) nobody could answer.
        let wait = if thread_slots::is_background() { Duration::ZERO } else { deadline.saturating_add(GRACE) };
        match self.commands.send(command(from_now(deadline), reply)) {
            Ok(()) => receiver.recv_timeout(wait).unwrap_or_else(|_| self.report()),
            Err(_) => self.report(),
        }
    }

    /// The state as it is, when the background thread does not or cannot say.
    fn report(&self) -> Report {
        let report = Report::now(&self.intake, u64::MAX);
        Report { complete: report.ledgers.iter().all(|ledger| ledger.pending() == 0), ..report }
    }
}

impl Drop for Pipeline {
    fn drop(&mut self) {
        if self.intake.shared().is_closed() {
            return;
        }
        let report = self.shutdown_blocking(self.drop_deadline);
        if let Some(on_drop) = &self.on_drop {
            on_drop(&report);
        }
    }
}

impl fmt::Debug for Pipeline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pipeline").field("ledgers", &self.ledgers()).finish_non_exhaustive()
    }
}

/// The moment after `wait`; one that the clock cannot express is far enough away at a year.
fn from_now(wait: Duration) -> Instant {
    let now = Instant::now();
    now.checked_add(wait).unwrap_or(now + Duration::from_secs(365 * 24 * 3600))
}
