//! Receipts: what the embedded receivers have seen of each item.

use std::collections::HashMap;

use otlp::Signal;
use otlp_receiver::{Identity, Store};

use super::{evidence::ItemId, receivers::Receivers, topology::Service};

/// How often the receivers have seen an item, and whose it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Sighting {
    /// Times that it was stored.
    pub(crate) stored: u64,
    /// Times that it was rejected.
    pub(crate) rejected: u64,
    /// `None` if it is of none of the services.
    pub(crate) service: Option<Service>,
}

/// All that the receivers have seen.
#[derive(Debug, Default)]
pub(crate) struct Receipts {
    sightings: [HashMap<ItemId, Sighting>; 3],
    forgotten: [u64; 3],
    /// How many items each receiver stored, by [`Signal::index`].
    stored_at: Vec<[u64; 3]>,
}

/// What the receivers count of one signal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct ReceiptCounts {
    /// Items that are stored, each once.
    pub(crate) stored: u64,
    /// Times that an item was stored that was there already.
    pub(crate) duplicates: u64,
    /// Items that were rejected and never stored.
    pub(crate) rejected: u64,
}

impl Sighting {
    /// Times that it arrived.
    pub(crate) fn total(self) -> u64 {
        self.stored + self.rejected
    }
}

impl Receipts {
    /// Reads the stores of the receivers.
    pub(crate) fn of(receivers: &Receivers) -> Self {
        let mut receipts = Receipts::default();
        for receiver in receivers.iter() {
            receipts.stored_at.push(Signal::ALL.map(|signal| receiver.store().count(signal)));
            for signal in Signal::ALL {
                each_item(receiver.store(), signal, |service, identity| {
                    receipts.sighted(signal, (&identity).into(), Service::named(service)).stored += 1;
                });
                each_item(receiver.rejected(), signal, |service, identity| {
                    receipts.sighted(signal, (&identity).into(), Service::named(service)).rejected += 1;
                });
                let evicted = |store: &Store| store.counts().of(signal).evicted;
                receipts.forgotten[signal.index()] += evicted(receiver.store()) + evicted(receiver.rejected());
            }
        }
        receipts
    }

    /// The entry of an item, to be counted up.
    pub(crate) fn sighted(&mut self, signal: Signal, id: ItemId, service: Option<Service>) -> &mut Sighting {
        let sighting = self.sightings[signal.index()].entry(id).or_default();
        sighting.service = service;
        sighting
    }

    pub(crate) fn sighting(&self, signal: Signal, id: &ItemId) -> Sighting {
        self.sightings[signal.index()].get(id).copied().unwrap_or_default()
    }

    pub(crate) fn sightings(&self, signal: Signal) -> impl Iterator<Item = (&ItemId, &Sighting)> {
        self.sightings[signal.index()].iter()
    }

    /// How many items each receiver stored, those again included.
    pub(crate) fn stored_at(&self) -> &[[u64; 3]] {
        &self.stored_at
    }

    /// How many items the receivers no longer know, for their stores are bounded.
    pub(crate) fn forgotten(&self, signal: Signal) -> u64 {
        self.forgotten[signal.index()]
    }

    /// Lets so many items be forgotten.
    #[cfg(test)]
    pub(crate) fn forget(&mut self, signal: Signal, items: u64) {
        self.forgotten[signal.index()] += items;
    }

    /// The counts over all services.
    pub(crate) fn counts(&self, signal: Signal) -> ReceiptCounts {
        let mut counts = ReceiptCounts::default();
        for (_, sighting) in self.sightings(signal).filter(|(_, sighting)| sighting.service.is_some()) {
            counts.stored += u64::from(sighting.stored > 0);
            counts.duplicates += sighting.stored.saturating_sub(1);
            counts.rejected += u64::from(sighting.stored == 0);
        }
        counts
    }
}

fn each_item(store: &Store, signal: Signal, mut found: impl FnMut(&str, Identity)) {
    match signal {
        Signal::Traces => store
            .spans()
            .iter()
            .for_each(|span| found(span.resource.service_name().unwrap_or_default(), Identity::of_span(span))),
        Signal::Metrics => store.metrics().iter().for_each(|metric| {
            let service = metric.resource.service_name().unwrap_or_default();
            Identity::of_points(metric).into_iter().for_each(|identity| found(service, identity));
        }),
        Signal::Logs => store
            .logs()
            .iter()
            .for_each(|log| found(log.resource.service_name().unwrap_or_default(), Identity::of_log(log))),
    }
}
