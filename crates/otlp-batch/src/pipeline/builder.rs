//! The settings of a pipeline, and its start.

use std::{sync::Arc, thread, time::Duration};

use otlp_core::data::Resource;
use otlp_reliability::{Bulkhead, BulkheadConfig};
use parking_lot::Mutex;
use tokio::{runtime, sync::mpsc};

use super::{
    Pipeline, Report, StartError,
    background::{Background, OnHurry, OnTick},
};
use crate::{
    BatchConfig, BatchExporter, ConfigError, DeliveryObserver, Intake, MemoryConfig, MemoryQueue, Queue,
    destination::Destination, pool::BufferPool, thread_slots,
};

/// Called with the report of the shutdown that a drop makes.
pub(super) type OnDrop = Box<dyn Fn(&Report) + Send + Sync>;

/// Settings of a [`Pipeline`].
pub struct PipelineBuilder {
    resource: Resource,
    batch: BatchConfig,
    memory: MemoryConfig,
    exporters: Vec<Arc<dyn BatchExporter>>,
    observer: Option<Arc<dyn DeliveryObserver>>,
    metric_interval: Duration,
    drop_deadline: Duration,
    on_tick: Option<OnTick>,
    on_hurry: Option<OnHurry>,
    on_drop: Option<OnDrop>,
}

impl PipelineBuilder {
    pub(super) fn new(resource: Resource) -> Self {
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
        // What the budget can never hold is too large, and not a record that waits for room.
        let batch =
            BatchConfig { max_record_bytes: self.batch.max_record_bytes.min(self.memory.max_bytes), ..self.batch };
        let pool = BufferPool::new(self.memory);
        let lane = |_| Ok((Box::new(MemoryQueue::new()) as Box<dyn Queue>, in_flight_limit(&batch)?));
        let destinations: Result<Vec<Destination>, ConfigError> = self
            .exporters
            .into_iter()
            .map(|exporter| Destination::new(exporter, &pool, self.observer.as_ref(), lane))
            .collect();
        let intake = Intake::new(self.resource, batch, Arc::clone(&pool), destinations?, self.observer.clone());
        let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
        let (commands, inbox) = mpsc::unbounded_channel();
        let background = Background {
            intake: intake.clone(),
            batch_timeout: batch.batch_timeout,
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

/// The limit of one lane. Only its dispatcher ever waits for it.
fn in_flight_limit(config: &BatchConfig) -> Result<Bulkhead, ConfigError> {
    let max_in_flight = u32::try_from(config.max_in_flight).unwrap_or(u32::MAX);
    let limit = BulkheadConfig::new(max_in_flight).with_max_waiting(1).build();
    limit.map_err(|error| ConfigError {
        field: "max_in_flight",
        value: error.value().to_owned(),
        accepted: error.accepted(),
    })
}
