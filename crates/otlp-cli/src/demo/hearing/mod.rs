//! The hearing: what the clients claim and what the receiver has, compared item by item, for the verdict.
//!
//! The rule behind it: every sighting of an item at the receiver, stored or rejected, needs an acknowledgement. One may
//! have been heard by the client, and then it claims the item as delivered; each other sighting needs an acknowledgement
//! that the client counts as lost. So an item that is there twice, or there though its client dropped it, is explained
//! by a lost acknowledgement and by nothing else. What the client claims as delivered and the receiver has never seen is
//! never explained.
//!
//! A process that the demo killed could not claim everything (`killed`). Of what it had announced, each item must be
//! claimed by a later process, which found it in the disk queue, or be at the receiver; what is neither died with the
//! memory of the process, and must not have been confirmed as durable. The kill explains one sighting of each item that
//! the process had: its acknowledgement had nobody left to hear it, or to write it down.

#[cfg(test)]
mod tests;

use std::collections::{HashMap, HashSet};

use otlp::{
    Signal,
    delivery::{DropReason, SignalLedger},
};

use crate::demo::{
    evidence::{Claim, ClaimedFate, ItemId},
    killed::Killed,
    message::Account,
    receipts::{Receipts, Sighting},
    topology::Service,
    verdict::{Difference, OfKilled, Verdict},
};

/// What a service left behind.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Testimony {
    pub(crate) service: Service,
    /// `None` if the service died: its ledger died with it.
    pub(crate) account: Option<Account>,
    pub(crate) claims: Vec<Claim>,
    /// What processes left that were killed before the one that ended.
    pub(crate) killed: Killed,
}

/// Compares the claims of all services with their own ledgers and, if there is a receiver to look into, with what it
/// has.
pub(crate) fn judge(testimonies: &[Testimony], receipts: Option<&Receipts>) -> Verdict {
    let mut verdict = Verdict::default();
    for signal in Signal::ALL {
        let mut claimed = HashSet::new();
        for testimony in testimonies {
            let Some(account) = &testimony.account else { continue };
            let claims: Vec<&Claim> = testimony.claims.iter().filter(|claim| claim.signal == signal).collect();
            let mut hearing = Hearing { service: testimony.service, signal, verdict: &mut verdict };
            hearing.ledger(account, &claims);
            let killed = &testimony.killed;
            hearing.claimed_once(&claims, &mut claimed);
            let mut of_last_and_killed = claims.clone();
            of_last_and_killed.extend(killed.claims.iter().filter(|claim| claim.signal == signal));
            if let Some(receipts) = receipts {
                hearing.receipts(account, &of_last_and_killed, killed, receipts);
                hearing.killed(account, &claims, killed, &mut claimed, receipts);
            }
        }
        if let Some(receipts) = receipts {
            unclaimed(&mut verdict, signal, testimonies, &claimed, receipts);
        }
    }
    verdict
}

/// The comparison of one signal of one service.
struct Hearing<'a> {
    service: Service,
    signal: Signal,
    verdict: &'a mut Verdict,
}

impl Hearing<'_> {
    fn differs(&mut self, what: impl Into<String>, ids: Vec<ItemId>) {
        let (service, signal) = (Some(self.service), self.signal);
        self.verdict.differences.push(Difference { service, signal, what: what.into(), ids });
    }

    /// The ledger's counts are those of the claims.
    fn ledger(&mut self, account: &Account, claims: &[&Claim]) {
        let ledger = account.ledger.signal(self.signal);
        let beyond = account.unclaimed.of(self.signal);
        let compared: u64 = claims.iter().map(|claim| claim.ids.len() as u64).sum();
        self.verdict.not_kept += beyond;
        self.verdict.compared[self.signal.index()] += compared;
        if !ledger.balances() {
            self.differs(format!("the ledger does not balance: {ledger}"), Vec::new());
        }
        if ledger.pending > 0 {
            self.differs(format!("{} items have no fate after the shutdown", ledger.pending), Vec::new());
        }
        let told = compared + beyond;
        if ledger.accepted + ledger.recovered != told + ledger.pending {
            self.differs(format!("{} items accepted, but {told} fates told", ledger.accepted), Vec::new());
        }
        for (what, counted, claimed) in counts(ledger, claims) {
            // Items without a claim have one of the fates.
            if counted < claimed || counted > claimed + beyond {
                self.differs(format!("the ledger says {counted} {what}, the claims say {claimed}"), Vec::new());
            }
        }
    }

    /// No item has two fates.
    fn claimed_once<'a>(&mut self, claims: &[&'a Claim], claimed: &mut HashSet<&'a ItemId>) {
        let twice: Vec<_> =
            claims.iter().flat_map(|claim| &claim.ids).filter(|id| !claimed.insert(id)).cloned().collect();
        if !twice.is_empty() {
            self.differs("claimed more than once", twice);
        }
    }

    /// The claims are true of what the receiver has.
    fn receipts(&mut self, account: &Account, claims: &[&Claim], killed: &Killed, receipts: &Receipts) {
        let mut found = Found::default();
        let mut heard: HashMap<&ItemId, u64> = HashMap::new();
        for claim in claims {
            let is_delivered = matches!(claim.fate, ClaimedFate::Delivered { .. });
            claim.ids.iter().for_each(|id| *heard.entry(id).or_default() += u64::from(is_delivered));
            if let ClaimedFate::Delivered { rejected } = claim.fate {
                self.delivered(&claim.ids, rejected, receipts, &mut found);
            }
        }
        let of_killed: HashSet<&ItemId> = killed.claims.iter().flat_map(|claim| &claim.ids).collect();
        for (id, heard) in heard {
            // Nothing is known of the data points that a process had when it was killed, but how many.
            let may_be_of_killed =
                self.signal == Signal::Metrics || of_killed.contains(id) || killed.orphans.contains_key(id);
            let explained = heard + if may_be_of_killed { killed.times } else { 0 };
            found.unheard(id, receipts.sighting(self.signal, id).total().saturating_sub(explained));
        }
        let Found { missing, sightings, mut unheard } = found;
        unheard.sort();
        if missing.len() as u64 > receipts.forgotten(self.signal) {
            self.differs("claimed as delivered, but the receiver has never seen them", missing);
        }
        let lost = account.ledger.signal(self.signal).acknowledgements_lost
            + killed.acknowledgements_lost[self.signal.index()];
        self.verdict.explained[self.signal.index()] += sightings.min(lost);
        if sightings > lost {
            let what = format!(
                "seen by the receiver {sightings} times more than acknowledged, with {lost} acknowledgements lost"
            );
            self.differs(what, unheard);
        }
    }

    /// What processes had that were killed: everything that was announced is somewhere, and what was confirmed as durable
    /// is not among what is gone.
    fn killed<'a>(
        &mut self,
        account: &Account,
        claims: &[&'a Claim],
        killed: &'a Killed,
        claimed: &mut HashSet<&'a ItemId>,
        receipts: &Receipts,
    ) {
        let signal = self.signal;
        let mut figures = OfKilled::default();
        let (mut gone, mut broken, mut given_up) = (0, Vec::new(), Vec::new());
        let dropped: HashSet<&ItemId> = claims
            .iter()
            .filter(|claim| matches!(claim.fate, ClaimedFate::Dropped(_)))
            .flat_map(|claim| &claim.ids)
            .collect();
        for (id, announced) in killed.orphans.iter().filter(|(_, announced)| announced.signal == signal) {
            figures.durable += u64::from(announced.durable);
            // Its successor found it, and says what became of it.
            if !claimed.insert(id) {
                if announced.durable && dropped.contains(id) {
                    given_up.push(id.clone());
                }
                continue;
            }
            match (receipts.sighting(signal, id).total(), announced.durable) {
                (0, true) => broken.push(id.clone()),
                (0, false) => gone += 1,
                _ => figures.unsaid += 1,
            }
        }
        for claim in killed.claims.iter().filter(|claim| claim.signal == signal) {
            // What was delivered again by a successor is in that one's ledger.
            let items = claim.ids.iter().filter(|id| claimed.insert(id)).count() as u64;
            match claim.fate {
                ClaimedFate::Delivered { rejected } => {
                    figures.delivered += items.saturating_sub(rejected);
                    figures.rejected += rejected.min(items);
                }
                ClaimedFate::Rejected => figures.rejected += items,
                ClaimedFate::Dropped(_) => figures.dropped += items,
            }
        }
        figures.in_memory = gone;
        if signal == Signal::Metrics {
            figures.in_memory = killed.points_in_memory(&account.ledger.metrics);
        }
        self.verdict.not_kept += killed.not_kept[signal.index()];
        let compared = figures.delivered + figures.rejected + figures.dropped + figures.unsaid + gone;
        self.verdict.compared[signal.index()] += compared;
        self.verdict.of_killed[signal.index()].add(&figures);
        if receipts.forgotten(signal) > 0 {
            broken.clear();
        }
        for (what, mut ids) in [("gone", broken), ("given up by the next", given_up)] {
            if !ids.is_empty() {
                ids.sort();
                self.differs(format!("confirmed as durable by a process that was killed, and {what}"), ids);
            }
        }
    }

    /// A batch that was acknowledged but for so many items that were rejected.
    fn delivered(&mut self, ids: &[ItemId], rejected: u64, receipts: &Receipts, found: &mut Found) {
        let (mut only_rejected, mut ever_rejected) = (Vec::new(), 0);
        for id in ids {
            let sighting = receipts.sighting(self.signal, id);
            ever_rejected += u64::from(sighting.rejected > 0);
            match sighting {
                Sighting { stored: 0, rejected: 0, .. } => found.missing.push(id.clone()),
                Sighting { stored: 0, .. } => only_rejected.push(id.clone()),
                _ => {}
            }
        }
        if only_rejected.len() as u64 > rejected {
            self.differs(format!("{rejected} of a batch claimed as rejected, but more were rejected"), only_rejected);
        } else if ever_rejected < rejected && receipts.forgotten(self.signal) == 0 {
            let what = format!("{rejected} of a batch claimed as rejected, but only {ever_rejected} were");
            self.differs(what, ids.to_vec());
        }
    }
}

/// What was found of the claims of one signal of one service.
#[derive(Default)]
struct Found {
    /// Claimed as delivered, and never seen.
    missing: Vec<ItemId>,
    /// How many sightings no heard acknowledgement explains …
    sightings: u64,
    /// … and of what.
    unheard: Vec<ItemId>,
}

impl Found {
    fn unheard(&mut self, id: &ItemId, sightings: u64) {
        if sightings > 0 {
            self.sightings += sightings;
            self.unheard.push(id.clone());
        }
    }
}

/// What the ledger counts, and the claims.
fn counts(ledger: &SignalLedger, claims: &[&Claim]) -> Vec<(String, u64, u64)> {
    let (mut delivered, mut rejected) = (0, 0);
    let mut dropped: HashMap<DropReason, u64> = HashMap::new();
    for claim in claims {
        let items = claim.ids.len() as u64;
        match claim.fate {
            ClaimedFate::Delivered { rejected: part } => {
                delivered += items - part.min(items);
                rejected += part.min(items);
            }
            ClaimedFate::Rejected => rejected += items,
            ClaimedFate::Dropped(reason) => *dropped.entry(reason).or_default() += items,
        }
    }
    let mut counts =
        vec![("delivered".to_owned(), ledger.delivered, delivered), ("rejected".to_owned(), ledger.rejected, rejected)];
    for reason in DropReason::ALL {
        let claimed = dropped.get(&reason).copied().unwrap_or_default();
        counts.push((format!("dropped ({reason})"), ledger.dropped[reason], claimed));
    }
    counts
}

/// Everything at the receiver was claimed, or it is known why not.
fn unclaimed(
    verdict: &mut Verdict,
    signal: Signal,
    testimonies: &[Testimony],
    claimed: &HashSet<&ItemId>,
    receipts: &Receipts,
) {
    let mut by_service: HashMap<Service, Vec<ItemId>> = HashMap::new();
    for (id, sighting) in receipts.sightings(signal).filter(|(id, _)| !claimed.contains(id)) {
        match sighting.service {
            Some(service) => by_service.entry(service).or_default().push(id.clone()),
            None => verdict.foreign += sighting.total(),
        }
    }
    verdict.not_kept += receipts.forgotten(signal);
    for testimony in testimonies {
        let Some(mut ids) = by_service.remove(&testimony.service) else { continue };
        ids.sort();
        match &testimony.account {
            None => verdict.unknown.push((testimony.service, signal, ids.len() as u64)),
            Some(account) if ids.len() as u64 <= account.unclaimed.of(signal) + testimony.killed.unclaimed(signal) => {}
            Some(_) => verdict.differences.push(Difference {
                service: Some(testimony.service),
                signal,
                what: "at the receiver, but nobody claims to have sent them".to_owned(),
                ids,
            }),
        }
    }
}
