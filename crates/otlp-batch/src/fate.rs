//! What finally became of items, told to whoever wants to know more than counts.

use otlp_core::{ExportError, PartialSuccess, Signal};

use crate::{DropReason, Fragment};

/// The final fate of a group of records.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum Fate<'a> {
    /// A receiver acknowledged them; it may have rejected some, but does not say which.
    Delivered(&'a PartialSuccess),
    /// A receiver refused them for good.
    Rejected(&'a ExportError),
    /// They were given up; the error is the last one seen, if there was any.
    Dropped(DropReason, Option<&'a ExportError>),
}

/// A group of records that share a fate.
#[derive(Debug)]
pub struct Settled<'a> {
    /// The destination; empty if the records never got as far as one.
    pub destination: &'a str,
    /// The signal.
    pub signal: Signal,
    /// What became of them.
    pub fate: Fate<'a>,
    /// How many items they are.
    pub items: u64,
    /// The records, encoded; read them with the views of `otlp-core`. None for records that never got into a chunk, if
    /// the observer does not read them, and none for what a disk queue drops that is not in memory.
    pub fragments: &'a [Fragment],
}

/// Hears the fate of every item, exactly once per destination.
///
/// Called on the background thread, for what a disk queue drops on its thread, and for records that never got into a
/// chunk on the thread that recorded them.
/// An implementation must be quick and must not block; a panic in it is contained.
pub trait DeliveryObserver: Send + Sync {
    /// Whether the observer looks at [`Settled::fragments`]. If it does not, records that never got into a chunk are not
    /// encoded for it, which keeps the recording thread fast when a dead destination has filled the queue.
    fn reads_records(&self) -> bool {
        true
    }

    /// The fate of `settled` is final.
    fn settled(&self, settled: &Settled<'_>);
}
