//! What is known of the processes of a service that the demo killed.
//!
//! A process that is killed cannot report how it stood. One that may be killed therefore announces each span and log
//! record by its id before it records it, and tells fates and confirmations of durability as they come. What it had
//! announced and told no fate of is an *orphan*: on the disk, delivered with nobody left to say so, or in memory alone.
//! Data points have no id before they are collected; of those the last ledger tells how many had no fate.

use std::collections::HashMap;

use otlp::{
    Signal,
    delivery::{Ledger, SignalLedger},
};

use super::evidence::{Claim, ItemId};

/// So many claims of killed processes are kept, in items.
const KEPT_ITEMS: u64 = 500_000;

/// An item that was announced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Announced {
    pub(crate) signal: Signal,
    /// Whether it was confirmed as durable.
    pub(crate) durable: bool,
}

/// What a living process has announced and told no fate of.
#[derive(Debug, Default)]
pub(crate) struct Unsettled(HashMap<ItemId, Announced>);

impl Unsettled {
    pub(crate) fn announced(&mut self, signal: Signal, id: ItemId) {
        self.0.insert(id, Announced { signal, durable: false });
    }

    pub(crate) fn durable(&mut self, ids: &[ItemId]) {
        for id in ids {
            // One that has its fate already needs no confirmation.
            if let Some(item) = self.0.get_mut(id) {
                item.durable = true;
            }
        }
    }

    pub(crate) fn claimed(&mut self, claims: &[Claim]) {
        for id in claims.iter().flat_map(|claim| &claim.ids) {
            self.0.remove(id);
        }
    }
}

/// All that the killed processes of a service left.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Killed {
    /// How many there were.
    pub(crate) times: u64,
    /// The fates that they told.
    pub(crate) claims: Vec<Claim>,
    pub(crate) orphans: HashMap<ItemId, Announced>,
    /// Acknowledgements that they said were lost.
    pub(crate) acknowledgements_lost: [u64; 3],
    /// Items of each signal whose claims are not kept, for there are too many.
    pub(crate) not_kept: [u64; 3],
    /// What their last ledgers say of all signals.
    pub(crate) told: SignalLedger,
    kept: u64,
    /// Data points without a fate when the last of them was killed …
    points_left: u64,
    /// … and those of its predecessors that nobody found again.
    points_gone: u64,
}

impl Killed {
    /// Takes in a process that was killed: its last ledger, the fates that it told, and what it left without one.
    pub(crate) fn died(&mut self, ledger: &Ledger, claims: Vec<Claim>, left: Unsettled) {
        self.times += 1;
        for claim in claims {
            let items = claim.ids.len() as u64;
            // One process's orphan has its fate when a later one tells it.
            for id in &claim.ids {
                self.orphans.remove(id);
            }
            if self.kept + items <= KEPT_ITEMS {
                self.kept += items;
                self.claims.push(claim);
            } else {
                self.not_kept[claim.signal.index()] += items;
            }
        }
        for signal in Signal::ALL {
            self.told += *ledger.signal(signal);
            self.acknowledgements_lost[signal.index()] += ledger.signal(signal).acknowledgements_lost;
        }
        self.points_gone = self.points_in_memory(&ledger.metrics);
        self.points_left = ledger.metrics.pending;
        self.orphans.extend(left.0);
    }

    /// How many data points, at least, died with the memory of the processes, if the next one's ledger is `next`.
    pub(crate) fn points_in_memory(&self, next: &SignalLedger) -> u64 {
        self.points_gone + self.points_left.saturating_sub(next.recovered)
    }

    /// How many items of this signal may be at the receiver without anybody having claimed or announced them.
    pub(crate) fn unclaimed(&self, signal: Signal) -> u64 {
        let points = if signal == Signal::Metrics { self.points_gone + self.points_left } else { 0 };
        self.not_kept[signal.index()] + points
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::evidence::ClaimedFate;

    fn claim(ids: &[&str]) -> Claim {
        let fate = ClaimedFate::Delivered { rejected: 0 };
        Claim { signal: Signal::Traces, fate, ids: ids.iter().map(|id| ItemId::from(*id)).collect() }
    }

    fn points(recovered: u64, pending: u64) -> Ledger {
        let metrics = SignalLedger { recovered, pending, ..SignalLedger::default() };
        Ledger { metrics, ..Ledger::default() }
    }

    #[test]
    fn what_was_announced_and_has_no_fate_is_an_orphan_until_a_later_process_claims_it() {
        let mut left = Unsettled::default();
        for id in ["a", "b", "c"] {
            left.announced(Signal::Traces, id.into());
        }
        left.durable(&["b".into(), "a".into()]);
        left.claimed(&[claim(&["a"])]);
        let mut killed = Killed::default();
        killed.died(&Ledger::default(), vec![claim(&["a"])], left);
        let orphan = |durable| Announced { signal: Signal::Traces, durable };
        assert_eq!(killed.orphans, HashMap::from([("b".into(), orphan(true)), ("c".into(), orphan(false))]));

        killed.died(&Ledger::default(), vec![claim(&["b"])], Unsettled::default());
        assert_eq!(killed.orphans, HashMap::from([("c".into(), orphan(false))]));
        assert_eq!((killed.times, killed.claims.len()), (2, 2));
    }

    #[test]
    fn points_that_no_later_process_found_were_in_memory() {
        let mut killed = Killed::default();
        killed.died(&points(0, 10), Vec::new(), Unsettled::default());
        assert_eq!(killed.points_in_memory(&points(7, 0).metrics), 3);
        killed.died(&points(7, 4), Vec::new(), Unsettled::default());
        assert_eq!(killed.points_in_memory(&points(4, 0).metrics), 3);
        assert_eq!(killed.unclaimed(Signal::Metrics), 7);
        assert_eq!(killed.unclaimed(Signal::Traces), 0);
    }
}
