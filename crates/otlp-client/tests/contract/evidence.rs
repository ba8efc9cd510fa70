//! What the client says became of each item.

use otlp_batch::{DeliveryObserver, DropReason, Fate, Settled};
use otlp_core::{Signal, data::Resource, wire::decode};
use otlp_receiver::Identity;
use parking_lot::Mutex;
use std::sync::Arc;

/// The fate of a group of items that share it.
#[derive(Debug)]
pub(crate) struct Group {
    pub(crate) fate: GroupFate,
    pub(crate) items: Vec<Identity>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum GroupFate {
    /// Acknowledged; so many of them were rejected, but the client does not know which.
    Delivered {
        rejected: u64,
    },
    Rejected,
    Dropped(DropReason),
}

/// Writes down every fate.
#[derive(Default)]
pub(crate) struct Evidence(Mutex<Vec<Group>>);

impl Evidence {
    pub(crate) fn take(&self) -> Vec<Group> {
        std::mem::take(&mut *self.0.lock())
    }
}

impl DeliveryObserver for Evidence {
    fn settled(&self, settled: &Settled<'_>) {
        let fate = match settled.fate {
            Fate::Delivered(partial) => GroupFate::Delivered { rejected: partial.rejected },
            Fate::Rejected(_) => GroupFate::Rejected,
            Fate::Dropped(reason, _) => GroupFate::Dropped(reason),
            _ => panic!("an unknown fate"),
        };
        let items: Vec<Identity> = settled.fragments.iter().flat_map(|one| identities(settled.signal, one)).collect();
        assert_eq!(items.len() as u64, settled.items);
        self.0.lock().push(Group { fate, items });
    }
}

fn identities(signal: Signal, fragment: &otlp_batch::Fragment) -> Vec<Identity> {
    // The identity of a data point has the service in it; the fragment does not carry the resource.
    let resource = Arc::new(Resource {
        attributes: vec![otlp_core::KeyValue::new("service.name", "contract")].into(),
        ..Resource::default()
    });
    let (scope, entries) = (fragment.scope(), fragment.entries());
    match signal {
        Signal::Traces => decode::span_entries(&resource, scope, entries)
            .expect("spans decode")
            .iter()
            .map(Identity::of_span)
            .collect(),
        Signal::Logs => {
            decode::log_entries(&resource, scope, entries).expect("logs decode").iter().map(Identity::of_log).collect()
        }
        Signal::Metrics => {
            let metrics = decode::metric_entries(&resource, scope, entries).expect("metrics decode");
            metrics.iter().flat_map(Identity::of_points).collect()
        }
    }
}
