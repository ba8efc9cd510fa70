//! Whether what was produced, what the client says, and what the receiver has agree.

use std::collections::{BTreeMap, HashMap, HashSet};

use otlp_batch::{DropReason, SignalLedger};
use otlp_core::Signal;
use otlp_receiver::{Identity, Receiver};

use crate::evidence::{Group, GroupFate};

/// What does not agree, in words; empty if all does.
pub(crate) fn verdict(
    signal: Signal,
    produced: &[Identity],
    groups: &[Group],
    ledger: &SignalLedger,
    receiver: &Receiver,
) -> Vec<String> {
    let mut findings = Vec::new();
    let mut check = |holds: bool, finding: String| {
        if !holds {
            findings.push(finding);
        }
    };

    // Each item has exactly one fate, and nothing has one that was not produced.
    let mut fates: HashMap<&Identity, GroupFate> = HashMap::new();
    for group in groups {
        for item in &group.items {
            let twice = fates.insert(item, group.fate);
            check(twice.is_none(), format!("{item:?} has two fates: {twice:?} and {:?}", group.fate));
        }
    }
    for item in produced {
        check(fates.contains_key(item), format!("{item:?} was recorded and has no fate"));
    }
    if signal != Signal::Metrics {
        check(produced.len() == fates.len(), format!("{} recorded, {} settled", produced.len(), fates.len()));
    }

    // The ledger is the sum of the fates.
    let mut sum = SignalLedger { accepted: fates.len() as u64, ..SignalLedger::default() };
    let mut dropped: BTreeMap<&str, u64> = BTreeMap::new();
    for group in groups {
        let items = group.items.len() as u64;
        match group.fate {
            GroupFate::Delivered { rejected } => {
                sum.delivered += items - rejected;
                sum.rejected += rejected;
            }
            GroupFate::Rejected => sum.rejected += items,
            GroupFate::Dropped(reason) => *dropped.entry(reason.name()).or_default() += items,
        }
    }
    check(
        (ledger.accepted, ledger.delivered, ledger.rejected, ledger.pending)
            == (sum.accepted, sum.delivered, sum.rejected, 0),
        format!("the ledger says {ledger}, the fates add up to {sum}"),
    );
    for reason in DropReason::ALL {
        let seen = dropped.get(reason.name()).copied().unwrap_or(0);
        check(
            ledger.dropped[reason] == seen,
            format!("{reason}: {} in the ledger, {seen} seen", ledger.dropped[reason]),
        );
    }
    check(ledger.balances(), format!("the ledger does not balance: {ledger}"));

    // The receiver has what was delivered, and what it has beyond that had its acknowledgement lost.
    let arrivals = receiver.store().arrivals(signal);
    let rejected_there: HashSet<Identity> = receiver.rejected().arrivals(signal).into_keys().collect();
    let mut unexplained = arrivals.values().map(|times| times - 1).sum::<u64>();
    for group in groups {
        let there = group.items.iter().filter(|item| arrivals.contains_key(item)).count() as u64;
        let items = group.items.len() as u64;
        match group.fate {
            GroupFate::Delivered { rejected: 0 } => {
                check(there == items, format!("{items} items called delivered, {there} of them at the receiver"));
            }
            GroupFate::Delivered { rejected } => {
                check(there >= items - rejected, format!("{rejected} of {items} rejected, but only {there} are there"));
                let known = group.items.iter().filter(|item| rejected_there.contains(item)).count() as u64;
                check(known >= rejected, format!("{rejected} called rejected, the receiver knows of {known}"));
                unexplained += there - (items - rejected).min(there);
            }
            GroupFate::Rejected | GroupFate::Dropped(_) => unexplained += there,
        }
    }
    check(
        unexplained <= ledger.acknowledgements_lost,
        format!(
            "{unexplained} items are twice or unexpectedly there, {} lost acknowledgements",
            ledger.acknowledgements_lost
        ),
    );
    for item in arrivals.keys() {
        check(fates.contains_key(item), format!("the receiver has {item:?}, which was never recorded"));
    }
    findings
}
