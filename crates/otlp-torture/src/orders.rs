//! What the parent orders a child to do, and how the two speak: orders as one argument, words on standard input and
//! output.

use std::{path::PathBuf, time::Duration};

use otlp_batch::Durability;
use serde::{Deserialize, Serialize};

/// Everything that a child needs to know.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Orders {
    /// Which child of the round.
    pub(crate) run: u32,
    /// The seed of the round: items are made from it.
    pub(crate) seed: u64,
    /// Where the backend is, or will be.
    pub(crate) endpoint: String,
    /// The directory of the queue.
    pub(crate) queue: PathBuf,
    /// The journal to begin.
    pub(crate) journal: PathBuf,
    /// Where the library's messages about itself go, and panics.
    pub(crate) said: PathBuf,
    pub(crate) level: Level,
    /// Whether what is stored is encrypted.
    pub(crate) is_encrypted: bool,
    pub(crate) segment_bytes: u64,
    pub(crate) max_bytes: u64,
    pub(crate) memory_bytes: usize,
    /// How long an item waits for its batch. The less, the more batches.
    pub(crate) batch_milliseconds: u64,
    /// How many items each thread records in a second. With zero there are no threads: what is there is delivered.
    pub(crate) per_second: u32,
}

/// A durability level.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) enum Level {
    /// As soon as a batch is complete.
    Always,
    /// After so many milliseconds.
    Interval(u64),
    /// When memory is short and at shutdown.
    None,
}

impl Level {
    pub(crate) fn durability(self) -> Durability {
        match self {
            Level::Always => Durability::Always,
            Level::Interval(milliseconds) => Durability::Interval(Duration::from_millis(milliseconds)),
            Level::None => Durability::None,
        }
    }

    /// Its name in the table.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Level::Always => "Always",
            Level::Interval(_) => "Interval",
            Level::None => "None",
        }
    }
}

/// What the parent says: a line of JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Word {
    /// Record nothing more.
    Hush,
    /// Shut the library down, with so many milliseconds for it.
    Stop(u64),
    /// Deliver everything within so many milliseconds, then shut down.
    Drain(u64),
}

/// What a child says: a line of JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Answer {
    /// The client is built, the queue open.
    Ready,
    /// `persist` did not end in time: the disk takes nothing.
    Stuck,
    /// It ends in time again.
    Unstuck,
    /// It begins to shut down.
    Stopping,
    /// It is shut down, and the journal says so.
    Done,
    /// It cannot go on.
    Failed(String),
}
