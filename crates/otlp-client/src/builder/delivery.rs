//! The settings of the way between call site and destinations: batches, memory, disk, and who else gets the items.

use std::{sync::Arc, time::Duration};

use otlp_batch::{BatchConfig, BatchLimits, DeliveryObserver, DiskQueueConfig, MemoryPoolConfig};
use otlp_exporters::Exporter;

use crate::ClientBuilder;

impl ClientBuilder {
    /// Sets when batches close, and how many items wait behind them.
    pub fn with_batch_config(mut self, config: BatchConfig) -> Self {
        self.batch = Some(config);
        self
    }

    /// Sets what batches and records may weigh, how many batches are in flight, and what happens when there is no room.
    pub fn with_batch_limits(mut self, limits: BatchLimits) -> Self {
        self.limits = limits;
        self
    }

    /// Sets the memory budget of telemetry between call site and acknowledgement, and how the buffers under it come and
    /// go.
    pub fn with_memory_pool_config(mut self, config: MemoryPoolConfig) -> Self {
        self.memory = config;
        self
    }

    /// Sets whether a record stays where it was written, and is sent from there; default `true`. With `false`, each record
    /// is written to a buffer of its own and copied from there, and each attempt sends a copy of its batch: the same bytes
    /// arrive, at a higher price, and the copies are not part of the memory budget. For comparisons
    /// (`cargo xtask bench --workload traces` makes one).
    pub fn with_zero_copy_enabled(mut self, is_enabled: bool) -> Self {
        self.zero_copy = is_enabled;
        self
    }

    /// Keeps on a disk what is not delivered in time: it survives the process, and outages for which memory has no room.
    /// Whoever builds a client on the same directory next delivers it, and its ledger calls it recovered. One client at a
    /// time can have the directory. Default: in memory alone.
    ///
    /// Nothing of it happens on the threads that record. Items printed by [`ClientBuilder::with_console_exporter`] are
    /// not kept.
    ///
    /// ```no_run
    /// use otlp_client::{DiskQueueConfig, EnhancedOtlpClient};
    ///
    /// let client = EnhancedOtlpClient::builder()
    ///     .with_endpoint("http://localhost:4317")
    ///     .with_disk_queue(DiskQueueConfig::new("/var/spool/shop"))
    ///     .build_blocking()?;
    /// # Ok::<(), otlp_client::BuildError>(())
    /// ```
    pub fn with_disk_queue(mut self, config: DiskQueueConfig) -> Self {
        self.disk_queue = Some(config);
        self
    }

    /// Adds an exporter of your own, beside the OTLP endpoint. It gets every item and has a ledger of its own. While it takes
    /// nothing, it goes without what its queue has no room for, and the endpoint gets that all the same.
    pub fn with_custom_exporter(mut self, exporter: Box<dyn Exporter>) -> Self {
        self.custom_exporters.push(exporter);
        self
    }

    /// Prints every item on standard output, beside sending it.
    pub fn with_console_exporter(mut self) -> Self {
        self.console = true;
        self
    }

    /// Lets `observer` hear the fate of every item.
    pub fn with_delivery_observer(mut self, observer: Arc<dyn DeliveryObserver>) -> Self {
        self.observer = Some(observer);
        self
    }

    /// Sets how long dropping the last handle without a shutdown may deliver; default 500 ms.
    pub fn with_drop_deadline(mut self, deadline: Duration) -> Self {
        self.drop_deadline = Some(deadline);
        self
    }
}
