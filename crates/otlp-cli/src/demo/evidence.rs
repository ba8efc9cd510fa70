//! Evidence: which items a client says were delivered, rejected or dropped, by their ids.
//!
//! A [`Witness`] hears the fate of every item from the client and writes down what it was told, group by group, because
//! of a group that was rejected in part a client knows only how many items that concerned. What is not written down,
//! for there is too much of it or it cannot be read, is counted: claims and [`Unclaimed`] together are all items.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use otlp::{
    Signal, TraceContext,
    data::Resource,
    delivery::{DeliveryObserver, DropReason, Fate, Fragment, Settled},
    wire::decode::{self, DecodeError},
};
use otlp_receiver::Identity;
use serde::{Deserialize, Serialize};

/// So many ids of each signal are kept; five services with as many fill the receiver's store.
const KEPT_IDS: u64 = 200_000;

/// So many ids travel in one message, to keep its line well below the limit.
const IDS_PER_MESSAGE: usize = 500;

/// What identifies an item in all processes, as text.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct ItemId(String);

impl From<&Identity> for ItemId {
    fn from(identity: &Identity) -> Self {
        ItemId(match identity {
            Identity::Span { trace_id, span_id } => format!("{trace_id}/{span_id}"),
            Identity::Log(uid) => uid.clone(),
            Identity::Point { service, metric, attributes, time } => format!("{service} {metric} {attributes}@{time}"),
            other => format!("{other:?}"),
        })
    }
}

impl ItemId {
    /// The span of this context.
    pub(crate) fn of_span(context: &TraceContext) -> Self {
        (&Identity::Span { trace_id: context.trace_id, span_id: context.span_id }).into()
    }

    /// The log record with this `log.record.uid`.
    pub(crate) fn of_log(uid: &str) -> Self {
        ItemId(uid.to_owned())
    }
}

impl fmt::Display for ItemId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
impl From<&str> for ItemId {
    fn from(text: &str) -> Self {
        ItemId(text.to_owned())
    }
}

/// What the client said of a group of items.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Claim {
    pub(crate) signal: Signal,
    pub(crate) fate: ClaimedFate,
    pub(crate) ids: Vec<ItemId>,
}

/// What became of the group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ClaimedFate {
    /// A receiver took all but so many, and did not say which.
    Delivered {
        /// How many it rejected.
        rejected: u64,
    },
    /// A receiver refused all.
    Rejected,
    /// The client gave them up.
    Dropped(DropReason),
}

/// How many items of each signal no claim covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Unclaimed([u64; 3]);

impl Unclaimed {
    pub(crate) fn of(&self, signal: Signal) -> u64 {
        self.0[signal.index()]
    }

    pub(crate) fn add(&mut self, signal: Signal, items: u64) {
        self.0[signal.index()] += items;
    }
}

/// Hears the fate of every item of one service.
pub(crate) struct Witness {
    resource: Arc<Resource>,
    /// Ids to keep of each signal.
    capacity: u64,
    notes: Mutex<Notes>,
}

#[derive(Default)]
struct Notes {
    claims: Vec<Claim>,
    kept: [u64; 3],
    unclaimed: Unclaimed,
}

impl Witness {
    /// A witness for the service of this name, which is part of the identity of its data points.
    pub(crate) fn new(service: &str) -> Self {
        Witness::with_capacity(service, KEPT_IDS)
    }

    fn with_capacity(service: &str, capacity: u64) -> Self {
        let mut resource = Resource::default();
        resource.attributes.set("service.name", service.to_owned());
        Witness { resource: Arc::new(resource), capacity, notes: Mutex::default() }
    }

    /// What was heard since the last time: the claims, in pieces of the size of a message. And how much of all that was
    /// ever heard no claim covers.
    pub(crate) fn take(&self) -> (Vec<Vec<Claim>>, Unclaimed) {
        let (claims, unclaimed) = {
            let mut notes = self.notes();
            (std::mem::take(&mut notes.claims), notes.unclaimed)
        };
        (in_messages(claims), unclaimed)
    }

    fn notes(&self) -> MutexGuard<'_, Notes> {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ids(&self, settled: &Settled<'_>) -> Result<Vec<ItemId>, DecodeError> {
        let mut ids = Vec::with_capacity(settled.items.min(self.capacity) as usize);
        for fragment in settled.fragments {
            identities(settled.signal, &self.resource, fragment)?.iter().for_each(|one| ids.push(one.into()));
        }
        Ok(ids)
    }
}

impl DeliveryObserver for Witness {
    fn settled(&self, settled: &Settled<'_>) {
        let signal = settled.signal;
        let fate = match settled.fate {
            Fate::Delivered(partial) => ClaimedFate::Delivered { rejected: partial.rejected.min(settled.items) },
            Fate::Rejected(_) => ClaimedFate::Rejected,
            Fate::Dropped(reason, _) => ClaimedFate::Dropped(reason),
            // A fate that we do not know cannot be compared: its items stay without a claim.
            _ => return self.notes().unclaimed.add(signal, settled.items),
        };
        let ids = self.ids(settled).ok().filter(|ids| ids.len() as u64 == settled.items);
        let mut notes = self.notes();
        match ids {
            Some(ids) if notes.kept[signal.index()] + settled.items <= self.capacity => {
                notes.kept[signal.index()] += settled.items;
                notes.claims.push(Claim { signal, fate, ids });
            }
            _ => notes.unclaimed.add(signal, settled.items),
        }
    }
}

fn identities(signal: Signal, resource: &Arc<Resource>, fragment: &Fragment) -> Result<Vec<Identity>, DecodeError> {
    let (scope, entries) = (fragment.scope(), fragment.entries());
    Ok(match signal {
        Signal::Traces => decode::span_entries(resource, scope, entries)?.iter().map(Identity::of_span).collect(),
        Signal::Metrics => {
            decode::metric_entries(resource, scope, entries)?.iter().flat_map(Identity::of_points).collect()
        }
        Signal::Logs => decode::log_entries(resource, scope, entries)?.iter().map(Identity::of_log).collect(),
    })
}

/// Packs claims so that a message has no more than [`IDS_PER_MESSAGE`] ids, or one claim: it stays whole, for of one that
/// was rejected in part nobody knows which part, and it is no longer than a batch.
fn in_messages(claims: Vec<Claim>) -> Vec<Vec<Claim>> {
    let mut messages: Vec<Vec<Claim>> = Vec::new();
    let mut ids_in_last = IDS_PER_MESSAGE;
    for claim in claims {
        ids_in_last += claim.ids.len();
        match messages.last_mut() {
            Some(last) if ids_in_last <= IDS_PER_MESSAGE => last.push(claim),
            _ => {
                ids_in_last = claim.ids.len();
                messages.push(vec![claim]);
            }
        }
    }
    messages
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, time::Duration};

    use otlp::core::EnhancedOtlpClient;
    use otlp_receiver::Receiver;

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(30);

    fn client(receiver: &Receiver, witness: &Arc<Witness>) -> EnhancedOtlpClient {
        let builder = EnhancedOtlpClient::builder().without_environment().with_service_name("shop");
        let builder = builder.with_endpoint(receiver.grpc_endpoint()).with_grpc_transport();
        builder.with_delivery_observer(witness.clone()).build_blocking().unwrap()
    }

    #[test]
    fn what_is_claimed_has_the_ids_that_the_receiver_finds() {
        let receiver = Receiver::builder().start_blocking().unwrap();
        let witness = Arc::new(Witness::new("shop"));
        let client = client(&receiver, &witness);
        client.tracer("t").start("work").end();
        client.meter("m").u64_counter("count").init().add(1, &[("zebra", 1), ("ant", 2)]);
        client.logger("l").record(otlp::data::Severity::Info).body("x").attribute("log.record.uid", "uid-1").emit();
        assert!(client.shutdown_blocking(PATIENCE).complete);

        let (messages, unclaimed) = witness.take();
        assert_eq!(unclaimed, Unclaimed::default());
        for signal in Signal::ALL {
            let arrived: BTreeSet<ItemId> = receiver.store().arrivals(signal).keys().map(ItemId::from).collect();
            let claims = messages.iter().flatten().filter(|claim| claim.signal == signal);
            let claimed: BTreeSet<ItemId> = claims.flat_map(|claim| claim.ids.clone()).collect();
            assert_eq!(claimed, arrived);
            assert_eq!(claimed.len(), 1, "{signal}");
        }
    }

    #[test]
    fn what_is_more_than_can_be_kept_is_counted() {
        let receiver = Receiver::builder().start_blocking().unwrap();
        let witness = Arc::new(Witness::with_capacity("shop", 2));
        let client = client(&receiver, &witness);
        for spans in [2, 1] {
            (0..spans).for_each(|_| client.tracer("t").start("work").end());
            assert!(client.flush_blocking(PATIENCE).complete);
        }
        client.shutdown_blocking(PATIENCE);
        let (messages, unclaimed) = witness.take();
        assert_eq!(messages.iter().flatten().map(|claim| claim.ids.len()).sum::<usize>(), 2);
        assert_eq!(unclaimed.of(Signal::Traces), 1);
    }

    fn claim(ids: usize) -> Claim {
        let ids = (0..ids).map(|id| ItemId(id.to_string())).collect();
        Claim { signal: Signal::Logs, fate: ClaimedFate::Rejected, ids }
    }

    #[test]
    fn messages_are_short_and_claims_stay_whole() {
        let messages = in_messages(vec![claim(300), claim(200), claim(1), claim(700), claim(2)]);
        let sizes: Vec<Vec<usize>> =
            messages.iter().map(|message| message.iter().map(|claim| claim.ids.len()).collect()).collect();
        assert_eq!(sizes, [vec![300, 200], vec![1], vec![700], vec![2]]);
        assert!(in_messages(Vec::new()).is_empty());
    }
}
