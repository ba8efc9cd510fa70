//! The ledger: where every item went.
//!
//! For each signal and destination, `accepted + recovered = delivered + rejected + dropped + pending`. The counters of
//! the first three terms on the right move once per item, when its fate is final; `pending` is what remains. After a
//! shutdown it is zero, because everything that was still held got a fate, or is what waits on the disk for the next
//! process, which calls it `recovered`: an item that leaked anywhere shows there.

use std::{
    fmt,
    ops::{AddAssign, Index},
    sync::atomic::{AtomicU64, Ordering},
};

use otlp_core::Signal;
use serde::{Deserialize, Serialize};

/// Why an item was dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum DropReason {
    /// The queue was full, because the destination took less than was recorded.
    QueueFull,
    /// The memory budget was used up.
    MemoryFull,
    /// The record was larger than any request may be.
    RecordTooLarge,
    /// The destination did not take it within the limits of retry.
    RetriesExhausted,
    /// The pipeline was shut down and its deadline passed first, or it had been shut down already.
    ShutDown,
    /// The exporter panicked.
    ExporterPanicked,
    /// The disk queue had as many bytes as it may have.
    DiskFull,
    /// What stood on the disk could not be read back.
    DiskDamaged,
    /// The disk took nothing until the process ended, or lost what it had taken.
    DiskFailed,
    /// It had been in the disk queue for longer than it may be.
    Expired,
}

impl DropReason {
    /// All reasons, in the order of their index.
    pub const ALL: [DropReason; 10] = [
        DropReason::QueueFull,
        DropReason::MemoryFull,
        DropReason::RecordTooLarge,
        DropReason::RetriesExhausted,
        DropReason::ShutDown,
        DropReason::ExporterPanicked,
        DropReason::DiskFull,
        DropReason::DiskDamaged,
        DropReason::DiskFailed,
        DropReason::Expired,
    ];

    /// The reason in snake case, as it appears in reports.
    pub const fn name(self) -> &'static str {
        match self {
            DropReason::QueueFull => "queue_full",
            DropReason::MemoryFull => "memory_full",
            DropReason::RecordTooLarge => "record_too_large",
            DropReason::RetriesExhausted => "retries_exhausted",
            DropReason::ShutDown => "shut_down",
            DropReason::ExporterPanicked => "exporter_panicked",
            DropReason::DiskFull => "disk_full",
            DropReason::DiskDamaged => "disk_damaged",
            DropReason::DiskFailed => "disk_failed",
            DropReason::Expired => "expired",
        }
    }
}

impl fmt::Display for DropReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Dropped items by reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Dropped([u64; DropReason::ALL.len()]);

impl Dropped {
    /// All reasons together.
    pub fn total(&self) -> u64 {
        self.0.iter().sum()
    }

    /// The reasons that occurred, with their counts.
    pub fn by_reason(&self) -> impl Iterator<Item = (DropReason, u64)> + '_ {
        DropReason::ALL.into_iter().zip(self.0).filter(|(_, count)| *count > 0)
    }

    pub(crate) fn add(&mut self, reason: DropReason, items: u64) {
        self.0[reason as usize] += items;
    }
}

impl Index<DropReason> for Dropped {
    type Output = u64;
    fn index(&self, reason: DropReason) -> &u64 {
        &self.0[reason as usize]
    }
}

impl AddAssign for Dropped {
    fn add_assign(&mut self, other: Self) {
        for (mine, theirs) in self.0.iter_mut().zip(other.0) {
            *mine += theirs;
        }
    }
}

/// The ledger of one signal towards one destination, in items: spans, log records or data points.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct SignalLedger {
    /// Recorded by the application and handed to the client.
    pub accepted: u64,
    /// Found in a disk queue that an earlier process left behind.
    pub recovered: u64,
    /// A receiver said that it has them.
    pub delivered: u64,
    /// A receiver said that it will never take them.
    pub rejected: u64,
    /// Given up, by reason.
    pub dropped: Dropped,
    /// Not yet any of these. After a shutdown: kept in the disk queue.
    pub pending: u64,
    /// Items whose acknowledgement was lost at least once per count: the request may have arrived but no answer came
    /// back. What was sent again after that may have been delivered twice.
    pub acknowledgements_lost: u64,
}

impl SignalLedger {
    /// Adds what the intake counted; the rest is pending.
    pub(crate) fn complete(&mut self, accepted: u64, dropped: Dropped) {
        self.accepted = accepted;
        self.dropped += dropped;
        let settled = self.delivered + self.rejected + self.dropped.total();
        self.pending = (accepted + self.recovered).saturating_sub(settled);
    }

    /// Whether every item has a place. Holds at every moment; that `pending` is zero after a shutdown is what makes it
    /// say something.
    pub fn balances(&self) -> bool {
        self.accepted + self.recovered == self.delivered + self.rejected + self.dropped.total() + self.pending
    }
}

impl AddAssign for SignalLedger {
    fn add_assign(&mut self, other: Self) {
        self.accepted += other.accepted;
        self.recovered += other.recovered;
        self.delivered += other.delivered;
        self.rejected += other.rejected;
        self.dropped += other.dropped;
        self.pending += other.pending;
        self.acknowledgements_lost += other.acknowledgements_lost;
    }
}

impl fmt::Display for SignalLedger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "accepted {}", self.accepted)?;
        if self.recovered > 0 {
            write!(f, " + recovered {}", self.recovered)?;
        }
        write!(f, " = delivered {} + rejected {} + dropped {}", self.delivered, self.rejected, self.dropped.total())?;
        let mut separator = " (";
        for (reason, count) in self.dropped.by_reason() {
            write!(f, "{separator}{reason} {count}")?;
            separator = ", ";
        }
        if self.dropped.total() > 0 {
            f.write_str(")")?;
        }
        write!(f, " + pending {}", self.pending)
    }
}

/// The ledgers of the three signals towards one destination.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Ledger {
    /// The destination.
    pub destination: String,
    /// Spans.
    pub traces: SignalLedger,
    /// Data points.
    pub metrics: SignalLedger,
    /// Log records.
    pub logs: SignalLedger,
}

impl Ledger {
    /// The ledger of one signal.
    pub fn signal(&self, signal: Signal) -> &SignalLedger {
        match signal {
            Signal::Traces => &self.traces,
            Signal::Metrics => &self.metrics,
            Signal::Logs => &self.logs,
        }
    }

    pub(crate) fn signal_mut(&mut self, signal: Signal) -> &mut SignalLedger {
        match signal {
            Signal::Traces => &mut self.traces,
            Signal::Metrics => &mut self.metrics,
            Signal::Logs => &mut self.logs,
        }
    }

    /// Whether all three balance.
    pub fn balances(&self) -> bool {
        Signal::ALL.iter().all(|signal| self.signal(*signal).balances())
    }

    /// Items without a fate, of all signals.
    pub fn pending(&self) -> u64 {
        Signal::ALL.iter().map(|signal| self.signal(*signal).pending).sum()
    }

    /// Items that did not arrive and will not, of all signals.
    pub fn lost(&self) -> u64 {
        Signal::ALL.iter().map(|signal| self.signal(*signal)).map(|one| one.rejected + one.dropped.total()).sum()
    }
}

impl fmt::Display for Ledger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "delivery ledger, destination {}", self.destination)?;
        for signal in Signal::ALL {
            writeln!(f, "  {:<8} {}", signal.name(), self.signal(signal))?;
        }
        Ok(())
    }
}

/// The moving counters behind one [`SignalLedger`].
#[derive(Debug, Default)]
pub(crate) struct Counters {
    recovered: AtomicU64,
    delivered: AtomicU64,
    rejected: AtomicU64,
    dropped: [AtomicU64; DropReason::ALL.len()],
    acknowledgements_lost: AtomicU64,
}

impl Counters {
    pub(crate) fn recovered(&self, items: u64) {
        self.recovered.fetch_add(items, Ordering::Relaxed);
    }

    /// Whether anything was delivered yet.
    pub(crate) fn has_delivered(&self) -> bool {
        self.delivered.load(Ordering::Relaxed) > 0
    }

    pub(crate) fn delivered(&self, items: u64) {
        self.delivered.fetch_add(items, Ordering::Relaxed);
    }

    pub(crate) fn rejected(&self, items: u64) {
        self.rejected.fetch_add(items, Ordering::Relaxed);
    }

    pub(crate) fn dropped(&self, reason: DropReason, items: u64) {
        self.dropped[reason as usize].fetch_add(items, Ordering::Relaxed);
    }

    pub(crate) fn acknowledgement_lost(&self, items: u64) {
        self.acknowledgements_lost.fetch_add(items, Ordering::Relaxed);
    }

    /// Adds what was settled; `accepted` and `pending` are the intake's to add.
    pub(crate) fn add_to(&self, ledger: &mut SignalLedger) {
        ledger.recovered += self.recovered.load(Ordering::Relaxed);
        ledger.delivered += self.delivered.load(Ordering::Relaxed);
        ledger.rejected += self.rejected.load(Ordering::Relaxed);
        for (reason, count) in DropReason::ALL.into_iter().zip(&self.dropped) {
            ledger.dropped.add(reason, count.load(Ordering::Relaxed));
        }
        ledger.acknowledgements_lost += self.acknowledgements_lost.load(Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ledger_reads_as_a_sentence() {
        let mut ledger = SignalLedger { accepted: 10, delivered: 6, rejected: 1, pending: 1, ..Default::default() };
        ledger.dropped.add(DropReason::QueueFull, 2);
        assert!(ledger.balances());
        assert_eq!(ledger.to_string(), "accepted 10 = delivered 6 + rejected 1 + dropped 2 (queue_full 2) + pending 1");
        ledger.pending = 0;
        assert!(!ledger.balances());
    }
}
