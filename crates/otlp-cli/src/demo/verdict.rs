//! What the comparison of claims and receipts found: what does not agree, and how much was compared and explained.

use std::fmt;

use otlp::Signal;

use super::{evidence::ItemId, topology::Service};

/// What the comparison found.
#[derive(Debug, Default)]
pub(crate) struct Verdict {
    /// Whatever does not agree.
    pub(crate) differences: Vec<Difference>,
    /// Items of each signal that were compared.
    pub(crate) compared: [u64; 3],
    /// Sightings that a lost acknowledgement explains.
    pub(crate) explained: [u64; 3],
    /// Items of each signal that processes had which were killed.
    pub(crate) of_killed: [OfKilled; 3],
    /// Items at the receiver whose service died, so that nobody claims them.
    pub(crate) unknown: Vec<(Service, Signal, u64)>,
    /// Items at the receiver that are of none of the services.
    pub(crate) foreign: u64,
    /// Items that are not compared by id, for there were more than are kept.
    pub(crate) not_kept: u64,
}

/// Items that a process had which was killed, by what became of them, but for those that its successor found: these are
/// in the ledger of the successor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct OfKilled {
    /// It told that they were delivered.
    pub(crate) delivered: u64,
    /// It told that they were rejected.
    pub(crate) rejected: u64,
    /// They are at the receiver, without it having said so.
    pub(crate) unsaid: u64,
    /// They died with its memory.
    pub(crate) in_memory: u64,
    /// It told that it had dropped them.
    pub(crate) dropped: u64,
    /// It had confirmed them as durable and told no fate of them; they are all accounted for, or there is a difference.
    pub(crate) durable: u64,
}

/// Something that does not agree, with the items.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Difference {
    pub(crate) service: Option<Service>,
    pub(crate) signal: Signal,
    pub(crate) what: String,
    pub(crate) ids: Vec<ItemId>,
}

impl OfKilled {
    /// Counts those of another process, too.
    pub(crate) fn add(&mut self, other: &OfKilled) {
        self.delivered += other.delivered;
        self.rejected += other.rejected;
        self.unsaid += other.unsaid;
        self.in_memory += other.in_memory;
        self.dropped += other.dropped;
        self.durable += other.durable;
    }

    /// All of them.
    pub(crate) fn total(&self) -> u64 {
        self.delivered + self.rejected + self.unsaid + self.in_memory + self.dropped
    }
}

impl Verdict {
    pub(crate) fn agrees(&self) -> bool {
        self.differences.is_empty()
    }
}

impl fmt::Display for Difference {
    /// One line, with the first ids.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const NAMED: usize = 5;
        if let Some(service) = self.service {
            write!(f, "{service}, ")?;
        }
        write!(f, "{}: {}", self.signal.items(), self.what)?;
        for (index, id) in self.ids.iter().take(NAMED).enumerate() {
            write!(f, "{}{id}", if index == 0 { ": " } else { ", " })?;
        }
        match self.ids.len().saturating_sub(NAMED) {
            0 => Ok(()),
            more => write!(f, " and {more} more"),
        }
    }
}
