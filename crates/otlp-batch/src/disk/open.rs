//! Opens the disk queue of a destination, and starts its thread.

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
    thread,
    time::Duration,
};

use otlp_core::Signal;

use super::{
    DiskQueueConfig, DiskQueueError,
    clock::{DiskClock, SystemClock},
    dead_letter::DeadLetters,
    event::{DiskEvent, DiskQueueOwner, OnDiskEvent},
    file_system::{FileSystem, LocalDisk},
    health::Health,
    lock::DirectoryLock,
    log::Log,
    once::RecoveredSignal,
    queue::DiskQueue,
    recovery::{self, Recovered},
    store::{Limits, Store},
    stored_batch::BatchReader,
    thread::DiskThread,
};
use crate::{BatchConfig, BatchLimits, pool::BufferPool, queue::Found};

/// What all destinations of a pipeline share of their disk queues.
pub(crate) struct Disk {
    pub(crate) config: DiskQueueConfig,
    pub(crate) file_system: Arc<dyn FileSystem>,
    pub(crate) on_event: Option<OnDiskEvent>,
    pub(crate) clock: Arc<dyn DiskClock>,
    /// How long the disk may take until somebody hears of it.
    pub(crate) patience: Duration,
    /// Instead of [`Disk::window`] of the memory budget.
    pub(crate) window: Option<usize>,
}

/// A queue whose directory is ours, and in which nothing happens yet.
pub(crate) struct Opened {
    owner: DiskQueueOwner,
    log: Log,
    dead_letters: Option<DeadLetters>,
    lock: Option<DirectoryLock>,
    recovered: Recovered,
    max_bytes: u64,
    segment_bytes: u64,
}

impl Disk {
    /// On the disk of the machine.
    pub(crate) fn new(config: DiskQueueConfig) -> Self {
        Disk {
            config,
            file_system: Arc::new(LocalDisk),
            on_event: None,
            clock: Arc::new(SystemClock),
            patience: Duration::from_secs(10),
            window: None,
        }
    }

    /// How many bytes of each signal may be in memory although they are on the disk: of what is new, and of what was
    /// loaded.
    pub(crate) fn window(max_memory: usize) -> usize {
        (max_memory / 16).min(4 << 20)
    }

    /// Opens the queue of one of `destinations` destinations, which share the limit of bytes in equal parts.
    pub(crate) fn open(
        &self,
        directory: &Path,
        owner: DiskQueueOwner,
        destinations: usize,
    ) -> Result<Opened, DiskQueueError> {
        let directory: PathBuf = self.config.directory().join(directory);
        let lock = self.file_system.is_local().then(|| DirectoryLock::acquire(&directory)).transpose();
        let lock = lock.map_err(|error| DiskQueueError::lock(&directory, error))?;
        let max_bytes = self.config.max_bytes() / destinations.max(1) as u64;
        let segment_bytes = self.config.segment_bytes().min(max_bytes / 4);
        let (log, recovered) =
            recovery::open(Arc::clone(&self.file_system), &directory, segment_bytes, self.config.encryption_key())?;
        let dead_letters = (self.config.dead_letter_bytes() > 0).then(|| {
            let file_system = Arc::clone(&self.file_system);
            DeadLetters::new(file_system, &directory, self.config.dead_letter_bytes(), self.config.encryption_key())
        });
        Ok(Opened { owner, log, dead_letters, lock, recovered, max_bytes, segment_bytes })
    }

    /// Starts the thread of an opened queue; the queues of the three signals.
    pub(crate) fn start(
        &self,
        opened: Opened,
        (batch, limits): (&BatchConfig, &BatchLimits),
        pool: &Arc<BufferPool>,
    ) -> io::Result<[DiskQueue; 3]> {
        let (thread, queues) = self.assemble(opened, (batch, limits), pool);
        thread::Builder::new().name("otlp-disk".into()).spawn(move || thread.run())?;
        Ok(queues)
    }

    /// What the thread of an opened queue does, and the queues of the three signals.
    pub(crate) fn assemble(
        &self,
        opened: Opened,
        (batch, limits): (&BatchConfig, &BatchLimits),
        pool: &Arc<BufferPool>,
    ) -> (DiskThread, [DiskQueue; 3]) {
        let Opened { owner, log, dead_letters, lock, recovered, max_bytes, segment_bytes } = opened;
        let found = Signal::ALL.map(|signal| {
            let (batches, items) = log.waiting(signal);
            let missing_items = recovered.signals[signal.index()].missing_items;
            Found { batches: batches as u64, items, missing_items }
        });
        self.say(&owner, &recovered);
        let store_limits = Limits {
            durability: self.config.durability(),
            window: self.window.unwrap_or_else(|| Disk::window(pool.max_bytes())),
            max_items: batch.max_queue_size as u64,
            max_age: self.config.max_age(),
            keeps_refused: dead_letters.is_some(),
            patience: self.patience,
        };
        let (clock, on_event) = (Arc::clone(&self.clock), self.on_event.clone());
        let store = Store::new(store_limits, Arc::clone(pool), found, clock, owner, on_event);
        let thread = DiskThread {
            store: Arc::clone(&store),
            log,
            dead_letters,
            lock,
            max_bytes,
            segment_bytes,
            on_full: limits.on_full,
            reader: BatchReader::default(),
            first_own: [u64::MAX; 3],
            health: Health::default(),
            opened: self.clock.now(),
        };
        (thread, Signal::ALL.map(|signal| DiskQueue::new(Arc::clone(&store), signal)))
    }

    fn say(&self, owner: &DiskQueueOwner, recovered: &Recovered) {
        let sum = |of: fn(&RecoveredSignal) -> u64| recovered.signals.iter().map(of).sum::<u64>();
        let event = DiskEvent::Recovered {
            items: sum(|signal| signal.items),
            missing_items: sum(|signal| signal.missing_items),
            damaged_bytes: recovered.damaged_bytes,
            is_cursor_lost: recovered.is_cursor_lost,
            refused: recovered.refused,
        };
        if *recovered != Recovered::default()
            && let Some(on_event) = &self.on_event
        {
            on_event(owner, &event);
        }
    }
}
