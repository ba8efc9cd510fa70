//! What happens to a disk queue that somebody should hear of.

use std::{io, sync::Arc, time::Duration};

use otlp_core::Signal;

/// What happened to the disk queue of a destination.
#[derive(Debug)]
#[non_exhaustive]
pub enum DiskEvent<'a> {
    /// It was opened, and an earlier process had left something.
    Recovered {
        /// Items that will be delivered.
        items: u64,
        /// Items that were there once and cannot be found. They count as
        /// [`DropReason::DiskDamaged`](crate::DropReason::DiskDamaged).
        missing_items: u64,
        /// Bytes that could not be read as anything: damage, and what a crash cut off.
        damaged_bytes: u64,
        /// What had its fate is not known: some of it may be delivered again.
        is_cursor_lost: bool,
        /// What the disk refused while the queue was opened: all that was found is there, and may not survive a power cut.
        refused: Option<io::ErrorKind>,
    },
    /// The disk refuses: batches stay in memory, and it is tried again.
    Degraded {
        /// What the disk said.
        error: &'a io::Error,
    },
    /// It has as many bytes as it may have: batches stay in memory.
    Full {
        /// How many those are.
        max_bytes: u64,
    },
    /// The disk has not answered for a while. Batches stay in memory until it does, and nothing is written or read.
    Stalled {
        /// For how long.
        waited: Duration,
    },
    /// After [`DiskEvent::Degraded`], [`DiskEvent::Full`] or [`DiskEvent::Stalled`], the disk does its work again.
    Restored,
    /// A batch cannot be read back. Its items count as [`DropReason::DiskDamaged`](crate::DropReason::DiskDamaged).
    Damaged {
        /// Its signal.
        signal: Signal,
        /// Its items.
        items: u64,
    },
}

/// Whose disk queue it is.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct DiskQueueOwner {
    /// Its place among the destinations of the pipeline, from 0, as in
    /// [`Pipeline::ledgers`](crate::Pipeline::ledgers).
    pub index: usize,
    /// The name of its exporter, which others may have, too.
    pub name: String,
}

/// Called with the destination, on the thread of its disk queue, on the background thread, or where the
/// pipeline is started.
pub(crate) type OnDiskEvent = Arc<dyn Fn(&DiskQueueOwner, &DiskEvent<'_>) + Send + Sync>;
