//! The settings of a pipeline, and its start.

use std::{io, path::PathBuf, sync::Arc, thread, time::Duration};

use otlp_core::{Signal, data::Resource};
use otlp_reliability::{Bulkhead, BulkheadConfig};
use parking_lot::Mutex;
use tokio::{runtime, sync::mpsc};

use super::{
    METRIC_INTERVALS, Pipeline, Report, StartError,
    background::{Background, OnHurry, OnTick},
};
use crate::{
    BatchConfig, BatchExporter, BatchLimits, ConfigError, DeliveryObserver, DiskEvent, DiskQueueConfig, DiskQueueOwner,
    FileSystem, Intake, MemoryPoolConfig, MemoryQueue, Queue,
    config::Settings,
    destination::Destination,
    disk::{DirectoryNames, Disk, DiskQueue, OnDiskEvent, Opened},
    pool::BufferPool,
    thread_slots,
};

/// Called with the report of the shutdown that a drop makes.
pub(super) type OnDrop = Box<dyn Fn(&Report) + Send + Sync>;

/// Settings of a [`Pipeline`].
pub struct PipelineBuilder {
    resource: Resource,
    batch: BatchConfig,
    limits: BatchLimits,
    memory: MemoryPoolConfig,
    zero_copy: bool,
    destinations: Vec<NewDestination>,
    disk: Option<Disk>,
    on_disk_event: Option<OnDiskEvent>,
    observer: Option<Arc<dyn DeliveryObserver>>,
    metric_interval: Duration,
    drop_deadline: Duration,
    on_tick: Option<OnTick>,
    on_hurry: Option<OnHurry>,
    on_drop: Option<OnDrop>,
}

/// A destination that is not made yet.
struct NewDestination {
    exporter: Arc<dyn BatchExporter>,
    place: Place,
    /// By [`Signal::index`].
    taken: [bool; 3],
}

/// Where the queue of a destination is, if there are disk queues.
enum Place {
    /// In a directory of this name, below the one of all, as far as a directory can have it.
    Named(String),
    /// In this directory.
    Directory(PathBuf),
    Memory,
}

impl NewDestination {
    fn new(exporter: Arc<dyn BatchExporter>, place: Place) -> Self {
        NewDestination { exporter, place, taken: [true; 3] }
    }
}

impl PipelineBuilder {
    pub(super) fn new(resource: Resource) -> Self {
        PipelineBuilder {
            resource,
            batch: BatchConfig::default(),
            limits: BatchLimits::default(),
            memory: MemoryPoolConfig::default(),
            zero_copy: true,
            destinations: Vec::new(),
            disk: None,
            on_disk_event: None,
            observer: None,
            metric_interval: Duration::from_secs(60),
            drop_deadline: Duration::from_millis(500),
            on_tick: None,
            on_hurry: None,
            on_drop: None,
        }
    }

    /// Sets when batches close, and how many items wait behind them.
    pub fn batch(mut self, config: BatchConfig) -> Self {
        self.batch = config;
        self
    }

    /// Sets what batches and records may weigh, how many batches are in flight, and what happens when there is no room.
    pub fn limits(mut self, limits: BatchLimits) -> Self {
        self.limits = limits;
        self
    }

    /// Sets the memory budget, and how the buffers under it come and go.
    pub fn memory(mut self, config: MemoryPoolConfig) -> Self {
        self.memory = config;
        self
    }

    /// Sets whether a record stays where it was written, and is sent from there; default `true`. With `false`, each record
    /// is written to a buffer of its own and copied from there, and each attempt sends a copy of its batch: the same bytes
    /// arrive, at a higher price, and the copies are not part of the memory budget. For comparisons.
    pub fn zero_copy(mut self, is_enabled: bool) -> Self {
        self.zero_copy = is_enabled;
        self
    }

    /// Keeps what is not delivered on a disk, for each destination in a directory of its own. Default: in memory alone.
    pub fn with_disk_queue(mut self, config: DiskQueueConfig) -> Self {
        self.disk = Some(Disk::new(config));
        self
    }

    /// Lets the disk queue use another file system than the machine's: how tests make it fail.
    pub fn disk_file_system(mut self, file_system: Arc<dyn FileSystem>) -> Self {
        self.disk = self.disk.map(|disk| Disk { file_system, ..disk });
        self
    }

    /// Sets how long the disk may take until somebody hears of it.
    #[cfg(test)]
    pub(crate) fn disk_patience(mut self, patience: Duration) -> Self {
        self.disk = self.disk.map(|disk| Disk { patience, ..disk });
        self
    }

    /// Calls `act` when something happens to the disk queue of a destination.
    pub fn on_disk_event(mut self, act: impl Fn(&DiskQueueOwner, &DiskEvent<'_>) + Send + Sync + 'static) -> Self {
        self.on_disk_event = Some(Arc::new(act));
        self
    }

    /// Adds a destination. Each has queues and a ledger of its own; they share the encoded bytes. A disk queue finds its
    /// directory by the exporter's name.
    pub fn destination(self, exporter: Arc<dyn BatchExporter>) -> Self {
        let name = exporter.name();
        self.destination_known_as(name, exporter)
    }

    /// As [`PipelineBuilder::destination`], but the disk queue finds its directory by `stable_name`, also when the
    /// exporter's name becomes another.
    pub fn destination_known_as(mut self, stable_name: impl Into<String>, exporter: Arc<dyn BatchExporter>) -> Self {
        self.destinations.push(NewDestination::new(exporter, Place::Named(stable_name.into())));
        self
    }

    /// As [`PipelineBuilder::destination`], but the disk queue is in exactly this directory; a relative one is below that
    /// of the configuration. For whoever found a queue
    /// ([`queue_directories`](crate::queue_directories)) and does not know by which name it was made.
    pub fn destination_in(mut self, directory: impl Into<PathBuf>, exporter: Arc<dyn BatchExporter>) -> Self {
        self.destinations.push(NewDestination::new(exporter, Place::Directory(directory.into())));
        self
    }

    /// Adds a destination whose queue is in memory in any case: one that is never down.
    pub fn destination_in_memory(mut self, exporter: Arc<dyn BatchExporter>) -> Self {
        self.destinations.push(NewDestination::new(exporter, Place::Memory));
        self
    }

    /// Limits the destination that was added last to these signals. Of others, its ledger shows what a disk queue found, and
    /// nothing else. What no destination takes should not be recorded: it is in no ledger.
    pub fn taking(mut self, signals: impl IntoIterator<Item = Signal>) -> Self {
        if let Some(last) = self.destinations.last_mut() {
            last.taken = [false; 3];
            signals.into_iter().for_each(|signal| last.taken[signal.index()] = true);
        }
        self
    }

    /// Lets `observer` hear the fate of every item.
    pub fn observer(mut self, observer: Arc<dyn DeliveryObserver>) -> Self {
        self.observer = Some(observer);
        self
    }

    /// Sets how often producers are asked, 1 ms to 1 day; default 60 s.
    pub fn metric_interval(mut self, interval: Duration) -> Self {
        self.metric_interval = interval;
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

    /// Opens the disk queues, if there are any, and starts the background thread. Needs no runtime.
    pub fn start(mut self) -> Result<Pipeline, StartError> {
        self.batch.validate()?;
        self.limits.validate()?;
        self.memory.validate()?;
        if !METRIC_INTERVALS.contains(&self.metric_interval) {
            let value = format!("{:?}", self.metric_interval);
            return Err(ConfigError { field: "metric_interval", value, accepted: "1 ms to 1 day" }.into());
        }
        let pool = BufferPool::new(self.memory)?;
        let mut queues = match &mut self.disk {
            Some(disk) => {
                disk.config.validate()?;
                disk.on_event = self.on_disk_event.take();
                open(disk, &self.destinations, (&self.batch, &self.limits), &pool)?
            }
            None => self.destinations.iter().map(|_| None).collect(),
        };
        // What the budget can never hold is too large, and not a record that waits for room.
        let max_record_bytes = self.limits.max_record_bytes.min(pool.unreserved());
        let limits = BatchLimits { max_record_bytes, ..self.limits };
        let settings = Settings { batch: self.batch, limits, copies: !self.zero_copy };
        let expires = self.disk.as_ref().is_some_and(|disk| disk.config.max_age().is_some());
        let destinations = self.destinations.into_iter().zip(&mut queues).map(|(new, queues)| {
            let mut queues = queues.take().map(IntoIterator::into_iter);
            let expires = queues.is_some() && expires;
            let lane = |_| {
                let disk = queues.as_mut().and_then(Iterator::next).map(|queue| Box::new(queue) as Box<dyn Queue>);
                let queue = disk.unwrap_or_else(|| Box::new(MemoryQueue::new()));
                Ok((queue, in_flight_limit(limits.max_in_flight)?, limits.catch_up(expires)))
            };
            Ok(Destination::new(new.exporter, &pool, self.observer.as_ref(), lane)?.taking(new.taken))
        });
        let destinations: Result<Vec<Destination>, ConfigError> = destinations.collect();
        let intake = Intake::new(self.resource, settings, Arc::clone(&pool), destinations?, self.observer.clone());
        let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
        let handle = runtime.handle().clone();
        let (commands, inbox) = mpsc::unbounded_channel();
        let background = Background {
            intake: intake.clone(),
            batch_timeout: settings.batch.closing_time(),
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
            runtime: handle,
            thread: Mutex::new(Some(thread)),
            drop_deadline: self.drop_deadline,
            on_drop: self.on_drop,
        })
    }
}

/// Opens the disk queues of all destinations that have one, and only then starts them: where one cannot be opened,
/// nothing has happened to the others.
fn open(
    disk: &Disk,
    destinations: &[NewDestination],
    (batch, limits): (&BatchConfig, &BatchLimits),
    pool: &Arc<BufferPool>,
) -> Result<Vec<Option<[DiskQueue; 3]>>, StartError> {
    let count = destinations.iter().filter(|new| !matches!(new.place, Place::Memory)).count();
    let window = Disk::window(pool.max_bytes());
    pool.reserve((window * Signal::ALL.len() * count).min(pool.max_bytes() / 4));
    let mut directories = DirectoryNames::default();
    let mut opened = Vec::with_capacity(destinations.len());
    for (index, new) in destinations.iter().enumerate() {
        let directory = match &new.place {
            Place::Named(name) => Some(PathBuf::from(directories.of(name))),
            Place::Directory(directory) => Some(directory.clone()),
            Place::Memory => None,
        };
        let owner = DiskQueueOwner { index, name: new.exporter.name() };
        let open = |directory: PathBuf| disk.open(&directory, owner, count);
        opened.push(directory.map(open).transpose()?);
    }
    let start = |opened: Option<Opened>| opened.map(|opened| disk.start(opened, (batch, limits), pool)).transpose();
    Ok(opened.into_iter().map(start).collect::<Result<_, io::Error>>()?)
}

/// The limit of one lane. Only its dispatcher ever waits for it.
pub(super) fn in_flight_limit(max_in_flight: usize) -> Result<Bulkhead, ConfigError> {
    let max_in_flight = u32::try_from(max_in_flight).unwrap_or(u32::MAX);
    let limit = BulkheadConfig::new(max_in_flight).with_max_waiting(1).build();
    limit.map_err(|error| ConfigError {
        field: "max_in_flight",
        value: error.value().to_owned(),
        accepted: error.accepted(),
    })
}
