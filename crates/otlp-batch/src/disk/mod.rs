//! The disk queue.

mod aside;
mod cipher;
mod config;
mod dead_letter;
mod examine;
mod file_system;
mod format;
#[cfg(any(test, fuzzing))]
pub mod fuzz;
mod index;
mod inspect;
mod lock;
mod log;
mod once;
mod recovery;
mod runs;
mod scan;
mod segment;
mod spool;
mod stored_batch;
mod survey;

pub use self::{
    cipher::EncryptionKey,
    inspect::{
        InspectError, InspectedSegment, Inspection, StoredRequest, StoredRequestError, Verification, WaitingSignal,
        queue_directories,
    },
};

#[cfg(test)]
mod simulated_disk;
#[cfg(test)]
mod tests;
