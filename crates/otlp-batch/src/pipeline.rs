//! The pipeline: intake, batcher, queues and dispatchers, driven by one background thread with its own runtime.

use std::{
    fmt, io,
    pin::pin,
    sync::{Arc, mpsc as blocking},
    thread::{self, JoinHandle},
    time::Duration,
};

use otlp_core::{Signal, data::Resource};
use parking_lot::Mutex;
use thiserror::Error;
use tokio::{
    runtime,
    sync::{mpsc, oneshot, watch},
    time::{Instant, MissedTickBehavior},
};

use crate::{
    BatchConfig, BatchExporter, ConfigError, DeliveryObserver, Intake, Ledger, MemoryConfig, MemoryQueue, QueueDepth,
    destination::Destination, dispatcher, pool::BufferPool, thread_slots,
};

/// How much longer than the deadline a blocking caller waits for the background thread to answer, before it reads the
/// ledger itself: an exporter that blocks the thread must not hold up the application.
const GRACE: Duration = Duration::from_millis(250);

/// Takes records in, and delivers them on a background thread.
///
/// Dropping it without [`Pipeline::shutdown`] shuts it down with [`PipelineBuilder::drop_deadline`].
pub struct Pipeline {
    intake: Intake,
    commands: mpsc::UnboundedSender<Command>,
    thread: Mutex<Option<JoinHandle<()>>>,
    drop_deadline: Duration,
    on_drop: Option<Box<dyn Fn(&Report) + Send + Sync>>,
}

/// What a flush or a shutdown found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Whether everything that had been accepted before the call has its fate: delivered, rejected or dropped.
    pub complete: bool,
    /// Where every item went, for each destination.
    pub ledgers: Vec<Ledger>,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.ledgers.iter().try_for_each(|ledger| ledger.fmt(f))
    }
}

/// A pipeline that could not be started.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StartError {
    /// A setting is out of range.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The background thread or its runtime could not be made.
    #[error("cannot start the background thread of the telemetry pipeline: {0}")]
    Thread(#[from] io::Error),
}

enum Command {
    Flush { deadline: Instant, reply: Reply },
    ShutDown { deadline: Instant, reply: Reply },
}

type Reply = Box<dyn FnOnce(Report) + Send>;

/// Settings of a [`Pipeline`].
pub struct PipelineBuilder {
    resource: Resource,
    batch: BatchConfig,
    memory: MemoryConfig,
    exporters: Vec<Arc<dyn BatchExporter>>,
    observer: Option<Arc<dyn DeliveryObserver>>,
    metric_interval: Duration,
    drop_deadline: Duration,
    on_tick: Option<Box<dyn Fn() + Send>>,
    on_hurry: Option<Box<dyn Fn() + Send + Sync>>,
    on_drop: Option<Box<dyn Fn(&Report) + Send + Sync>>,
}

impl PipelineBuilder {
    /// Sets the limits of batches and queues.
    pub fn batch(mut self, config: BatchConfig) -> Self {
        self.batch = config;
        self
    }

    /// Sets the memory budget.
    pub fn memory(mut self, config: MemoryConfig) -> Self {
        self.memory = config;
        self
    }

    /// Adds a destination. Each has queues and a ledger of its own; they share the encoded bytes.
    pub fn destination(mut self, exporter: Arc<dyn BatchExporter>) -> Self {
        self.exporters.push(exporter);
        self
    }

    /// Lets `observer` hear the fate of every item.
    pub fn observer(mut self, observer: Arc<dyn DeliveryObserver>) -> Self {
        self.observer = Some(observer);
        self
    }

    /// Sets how often producers are asked; default 60 s. At least 1 ms.
    pub fn metric_interval(mut self, interval: Duration) -> Self {
        self.metric_interval = interval.max(Duration::from_millis(1));
        self
    }

    /// Sets how long a drop without shutdown may flush; default 500 ms.
    pub fn drop_deadline(mut self, deadline: Duration) -> Self {
        self.drop_deadline = deadline;
        self
    }

    /// Calls `act` on the background thread about once per batch timeout, and at least once a second.
    pub fn on_tick(mut self, act: impl Fn() + Send + 'static) -> Self {
        self.on_tick = Some(Box::new(act));
        self
    }

    /// Calls `act` when a flush or a shutdown begins, so that exporters end the waits between their attempts.
    pub fn on_hurry(mut self, act: impl Fn() + Send + Sync + 'static) -> Self {
        self.on_hurry = Some(Box::new(act));
        self
    }

    /// Calls `act` with the report of the shutdown that a drop without [`Pipeline::shutdown`] makes.
    pub fn on_drop(mut self, act: impl Fn(&Report) + Send + Sync + 'static) -> Self {
        self.on_drop = Some(Box::new(act));
        self
    }

    /// Starts the background thread. Needs no runtime.
    pub fn start(self) -> Result<Pipeline, StartError> {
        self.batch.validate()?;
        self.memory.validate()?;
        let pool = BufferPool::new(self.memory);
        let destinations = self.exporters.into_iter().map(|exporter| {
            Destination::new(exporter, &pool, self.observer.as_ref(), |_| Box::new(MemoryQueue::new()))
        });
        let intake =
            Intake::new(self.resource, self.batch, Arc::clone(&pool), destinations.collect(), self.observer.clone());
        let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
        let (commands, inbox) = mpsc::unbounded_channel();
        let background = Background {
            intake: intake.clone(),
            batch: self.batch,
            metric_interval: self.metric_interval,
            on_tick: self.on_tick,
            on_hurry: self.on_hurry,
        };
        let thread = thread::Builder::new().name("otlp".into()).spawn(move || {
            thread_slots::enter_background();
            runtime.block_on(background.run(inbox));
        })?;
        Ok(Pipeline {
            intake,
            commands,
            thread: Mutex::new(Some(thread)),
            drop_deadline: self.drop_deadline,
            on_drop: self.on_drop,
        })
    }
}

impl Pipeline {
    /// A pipeline whose records come from `resource`.
    pub fn builder(resource: Resource) -> PipelineBuilder {
        PipelineBuilder {
            resource,
            batch: BatchConfig::default(),
            memory: MemoryConfig::default(),
            exporters: Vec::new(),
            observer: None,
            metric_interval: Duration::from_secs(60),
            drop_deadline: Duration::from_millis(500),
            on_tick: None,
            on_hurry: None,
            on_drop: None,
        }
    }

    /// Where records enter.
    pub fn intake(&self) -> &Intake {
        &self.intake
    }

    /// Where every item is now, for each destination.
    pub fn ledgers(&self) -> Vec<Ledger> {
        self.intake.shared().ledgers()
    }

    /// What waits and what is in flight for one signal, for each destination.
    pub fn queue_depths(&self, signal: Signal) -> Vec<QueueDepth> {
        self.intake.shared().destinations().iter().map(|destination| destination.lane(signal).depth()).collect()
    }

    /// How many bytes of memory the records between call site and acknowledgement occupy.
    pub fn memory_in_use(&self) -> usize {
        self.intake.shared().memory_in_use()
    }

    /// Delivers everything that was accepted before the call, on all threads; waits for at most `deadline`.
    ///
    /// Cancelling the future stops the waiting and not the flush.
    pub async fn flush(&self, deadline: Duration) -> Report {
        self.ask(deadline, |deadline, reply| Command::Flush { deadline, reply }).await
    }

    /// As [`Pipeline::flush`], blocking. Works inside and outside of any runtime.
    pub fn flush_blocking(&self, deadline: Duration) -> Report {
        self.ask_blocking(deadline, |deadline, reply| Command::Flush { deadline, reply })
    }

    /// Takes no more records, delivers what it has, and ends. What is not delivered after `deadline` is dropped and
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
            Ok(()) => receiver.await.unwrap_or_else(|_| self.report()),
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
        let ledgers = self.ledgers();
        Report { complete: ledgers.iter().all(|ledger| ledger.pending() == 0), ledgers }
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

/// What runs on the background thread.
struct Background {
    intake: Intake,
    batch: BatchConfig,
    metric_interval: Duration,
    on_tick: Option<Box<dyn Fn() + Send>>,
    on_hurry: Option<Box<dyn Fn() + Send + Sync>>,
}

impl Background {
    async fn run(self, mut inbox: mpsc::UnboundedReceiver<Command>) {
        let (stop, stopped) = watch::channel(false);
        let mut dispatchers = tokio::task::JoinSet::new();
        for destination in self.intake.shared().destinations() {
            for signal in Signal::ALL {
                let (lane, exporter) = (Arc::clone(destination.lane(signal)), Arc::clone(&destination.exporter));
                dispatchers.spawn(dispatcher::run(lane, exporter, self.batch.max_in_flight, stopped.clone()));
            }
        }

        let tick = self.batch.batch_timeout.min(Duration::from_secs(1));
        let mut ticks = tokio::time::interval(tick);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut swept = Instant::now();
        let mut collections = tokio::time::interval_at(Instant::now() + self.metric_interval, self.metric_interval);
        collections.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (deadline, reply) = loop {
            tokio::select! {
                biased;
                command = inbox.recv() => match command {
                    Some(Command::Flush { deadline, reply }) => {
                        tokio::spawn(wait(self.intake.clone(), self.flush(), deadline, reply));
                    }
                    Some(Command::ShutDown { deadline, reply }) => break (deadline, Some(reply)),
                    None => break (Instant::now(), None),
                },
                _ = collections.tick() => self.intake.shared().produce(&self.intake),
                now = ticks.tick() => {
                    if let Some(on_tick) = &self.on_tick {
                        on_tick();
                    }
                    if now.duration_since(swept) + tick / 2 >= self.batch.batch_timeout {
                        swept = now;
                        self.intake.shared().sweep();
                    }
                }
            }
        };

        self.flush();
        let last = self.intake.shared().close();
        done_with(&self.intake, last, deadline).await;
        let _ = stop.send(true);
        while dispatchers.join_next().await.is_some() {}
        let complete = Report { complete: true, ledgers: self.intake.shared().ledgers() };
        let mut replies: Vec<Reply> = reply.into_iter().collect();
        inbox.close();
        while let Ok(Command::Flush { reply, .. } | Command::ShutDown { reply, .. }) = inbox.try_recv() {
            replies.push(reply);
        }
        replies.into_iter().for_each(|reply| reply(complete.clone()));
    }

    /// Brings everything accepted so far into the queues; the highest sequence there.
    fn flush(&self) -> u64 {
        let shared = self.intake.shared();
        shared.produce(&self.intake);
        let last = shared.sweep();
        if let Some(on_hurry) = &self.on_hurry {
            on_hurry();
        }
        last
    }
}

/// The moment after `wait`; one that the clock cannot express is far enough away at a year.
fn from_now(wait: Duration) -> Instant {
    let now = Instant::now();
    now.checked_add(wait).unwrap_or(now + Duration::from_secs(365 * 24 * 3600))
}

/// Answers when everything up to `last` has its fate, or at the deadline.
async fn wait(intake: Intake, last: u64, deadline: Instant, reply: Reply) {
    let complete = done_with(&intake, last, deadline).await;
    reply(Report { complete, ledgers: intake.shared().ledgers() });
}

/// Whether everything up to `last` has its fate before the deadline.
async fn done_with(intake: &Intake, last: u64, deadline: Instant) -> bool {
    for destination in intake.shared().destinations() {
        for signal in Signal::ALL {
            let lane = destination.lane(signal);
            loop {
                let mut left = pin!(lane.left.notified());
                // Registered before the look, so that what leaves in between is not missed.
                left.as_mut().enable();
                if lane.is_done_with(last) {
                    break;
                }
                if tokio::time::timeout_at(deadline, left).await.is_err() {
                    return false;
                }
            }
        }
    }
    true
}
