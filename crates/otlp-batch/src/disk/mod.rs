//! The disk queue: what a process has accepted and not delivered waits on a disk, for a better moment or the next process.
//!
//! ```text
//! DiskQueue (one per signal) ─► Store     where each batch is: memory, log, or both
//!                                 ▲ thread   the only one that touches the disk
//!                                 └─► Log      frames in segments, with checksums; recovery finds them again
//! ```

mod active;
mod aside;
mod cipher;
mod clock;
mod config;
mod cursor_file;
mod dead_letter;
mod directory;
mod error;
mod event;
mod examine;
mod file_system;
mod format;
#[cfg(any(test, fuzzing))]
pub mod fuzz;
mod health;
mod index;
mod inspect;
mod journal;
mod lock;
mod log;
mod once;
mod open;
mod queue;
mod readers;
mod recovery;
mod refusal;
mod runs;
mod scan;
mod segment;
mod shelf;
mod spool;
mod store;
mod stored_batch;
mod survey;
mod thread;

#[cfg(test)]
mod pipeline_tests;
#[cfg(test)]
mod simulated_disk;
#[cfg(test)]
mod spool_tests;
#[cfg(test)]
mod tests;

pub use self::{
    cipher::EncryptionKey,
    config::{DiskQueueConfig, Durability},
    error::DiskQueueError,
    event::{DiskEvent, DiskQueueOwner},
    file_system::{DiskFile, FileSystem, LocalDisk},
    inspect::{
        InspectError, InspectedSegment, Inspection, StoredRequest, StoredRequestError, Verification, WaitingSignal,
        queue_directories,
    },
};
#[cfg(test)]
pub(crate) use self::{clock::DiskClock, simulated_disk::SimulatedDisk, thread::DiskThread};
pub(crate) use self::{
    directory::DirectoryNames,
    event::OnDiskEvent,
    open::{Disk, Opened},
    queue::DiskQueue,
};

/// The queues of a destination on a disk in memory; of each signal, about `window` bytes of what is stored stay in memory.
#[cfg(test)]
pub(crate) fn simulated(durability: Durability, window: usize) -> [DiskQueue; 3] {
    let config = DiskQueueConfig::new("/simulated").with_durability(durability);
    let file_system = std::sync::Arc::new(simulated_disk::SimulatedDisk::default());
    let disk = Disk { file_system, window: Some(window), ..Disk::new(config) };
    let pool =
        crate::pool::BufferPool::new(crate::MemoryPoolConfig::default()).unwrap_or_else(|error| panic!("{error}"));
    let owner = DiskQueueOwner { index: 0, name: "simulated".to_owned() };
    let opened = disk.open(std::path::Path::new("queue"), owner, 1).unwrap_or_else(|error| panic!("{error}"));
    disk.start(opened, (&crate::BatchConfig::default(), &crate::BatchLimits::default()), &pool)
        .unwrap_or_else(|error| panic!("{error}"))
}
