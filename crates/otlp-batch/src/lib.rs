//! The way of an encoded record from the call site to an exporter, and the ledger of what became of it.
//!
//! ```text
//! Intake::append ─► Chunk      one copy into the calling thread's open chunk
//!                   ─► Batcher    chunks close by bytes, items or time and become a Batch
//!                     ─► Queue      one per signal and destination
//!                       ─► dispatcher  several batches in flight, oldest first; after an outage, what is new first
//!                         ─► BatchExporter
//!                       ◄─ Exported: the ledger moves, or the batch goes back into the queue
//! ```
//!
//! Invariants:
//! - All bytes between call site and acknowledgement are under one hard memory budget.
//! - Every item that was accepted gets exactly one fate per destination; what ends a delivery (a panic, a deadline, a
//!   dropped future) does not change that.
//! - Only [`OnFull::Block`] makes a recording thread wait.
//! - This crate does not know what a transport is.

mod batch;
mod batcher;
mod by_trace;
mod catch_up;
mod chunk;
mod config;
mod destination;
mod disk;
mod dispatcher;
mod envelope;
mod exporter;
mod fate;
mod intake;
mod lagging;
mod ledger;
mod pipeline;
mod pool;
mod queue;
mod shared;
mod suspects;
mod thread_slots;

pub use self::{
    batch::{Batch, Fragment},
    catch_up::{CatchUp, Turn},
    config::{BatchConfig, BatchLimits, BatchStrategy, ConfigError, MemoryPoolConfig, OnFull},
    disk::{
        DiskEvent, DiskFile, DiskQueueConfig, DiskQueueError, DiskQueueOwner, Durability, EncryptionKey, FileSystem,
        InspectError, InspectedSegment, Inspection, LocalDisk, StoredRequest, StoredRequestError, Verification,
        WaitingSignal, queue_directories,
    },
    exporter::{Attempts, BatchExporter, ExportFuture, Exported, ReadyFuture},
    fate::{DeliveryObserver, Fate, Settled},
    intake::{Intake, Producer, ScopeHandle},
    ledger::{DropReason, Dropped, Ledger, SignalLedger},
    pipeline::{Pipeline, PipelineBuilder, PipelineFigures, Report, StartError, within},
    pool::{MemoryBudget, MemoryGrant, PoolSnapshot},
    queue::{Found, MemoryQueue, Queue, QueueDepth, QueueListener},
};

/// The bodies of the fuzz targets for the files of the disk queue.
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub use self::disk::fuzz;
