//! The trait of all sources of endpoints, and the channel between a source and those who use what it finds.
//!
//! A source that fails says so and goes on trying; what it found last stays in use. An empty answer is an answer, and
//! no failure.

use std::{cmp::Reverse, future::Future, pin::Pin, sync::Arc};

use thiserror::Error;
use tokio::sync::watch;

use crate::Endpoint;

/// The future of [`Resolve::watch`].
pub type Watching<'a> = Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

/// Knows which instances a service has.
pub trait Resolve: Send + Sync {
    /// A name for messages: what kind of source it is and where, without secrets.
    fn name(&self) -> String;

    /// Watches `service` and publishes what it finds, for as long as the future is polled. It ends only when nothing can
    /// ever change, as in a static list. It asks no more often than its source allows, with jitter and growing delays
    /// after failures. Dropping it leaves nothing behind. If it panics, that is said, and what was found last stays for good.
    fn watch<'a>(&'a self, service: &'a str, publisher: &'a Publisher) -> Watching<'a>;
}

/// Why a source could not say which instances there are.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{source_name}: {message}")]
pub struct ResolveError {
    /// [`Resolve::name`] of the source.
    pub source_name: String,
    /// What failed, and what can be done.
    pub message: String,
}

/// What is known of a service.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Found {
    /// The instances of the last good answer; `None` before the first.
    pub endpoints: Option<Arc<[Endpoint]>>,
    /// Why there was no good answer since, if so.
    pub failure: Option<ResolveError>,
}

/// Where a source says what it finds.
#[derive(Debug)]
pub struct Publisher {
    sender: watch::Sender<Found>,
}

impl Publisher {
    /// A publisher of which nothing is known yet, and what listens to it.
    pub fn new() -> (Self, watch::Receiver<Found>) {
        let (sender, receiver) = watch::channel(Found::default());
        (Publisher { sender }, receiver)
    }

    /// The instances are these now. Order and repeats do not matter.
    pub fn found(&self, mut endpoints: Vec<Endpoint>) {
        // Of an instance that is there twice the better place counts, in whatever order a source lists them.
        let order = |one: &Endpoint| (one.port, one.priority, Reverse(one.weight));
        endpoints.sort_by(|a, b| {
            let by_place = a.host.cmp(&b.host).then_with(|| order(a).cmp(&order(b)));
            by_place.then_with(|| a.server_name.cmp(&b.server_name))
        });
        endpoints.dedup_by(|a, b| a.is_same_instance(b));
        self.sender.send_if_modified(|known| {
            let is_same = known.failure.is_none() && known.endpoints.as_deref() == Some(&endpoints[..]);
            if !is_same {
                *known = Found { endpoints: Some(endpoints.into()), failure: None };
            }
            !is_same
        });
    }

    /// Nobody could say; what was found last stays in use.
    pub fn failed(&self, error: ResolveError) {
        self.sender.send_if_modified(|known| {
            let is_same = known.failure.as_ref() == Some(&error);
            known.failure = Some(error);
            !is_same
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instance_that_is_there_twice_does_not_waver() {
        let (publisher, mut found) = Publisher::new();
        let place = |priority, weight, name: &str| {
            let endpoint = Endpoint::new("a", 1).with_priority(priority).with_weight(weight);
            Endpoint { server_name: Some(name.to_owned()), ..endpoint }
        };
        let places = [place(0, 7, "x"), place(0, 7, "y"), place(0, 5, "w"), place(9, 9, "v")];
        publisher.found(places.to_vec());
        assert_eq!(found.borrow_and_update().endpoints.as_deref(), Some(&places[..1]));
        publisher.found(places.into_iter().rev().collect());
        assert!(!found.has_changed().unwrap(), "the same answer in another order");
    }

    #[test]
    fn a_failure_keeps_what_was_found_and_the_same_answer_wakes_nobody() {
        let (publisher, mut found) = Publisher::new();
        publisher.found(vec![Endpoint::new("b", 1), Endpoint::new("a", 1), Endpoint::new("b", 1)]);
        assert!(found.has_changed().unwrap());
        let hosts =
            |found: &Found| found.endpoints.as_ref().unwrap().iter().map(Endpoint::to_string).collect::<Vec<_>>();
        assert_eq!(hosts(&found.borrow_and_update()), ["a:1", "b:1"]);
        publisher.found(vec![Endpoint::new("a", 1), Endpoint::new("b", 1)]);
        assert!(!found.has_changed().unwrap());
        publisher.failed(ResolveError { source_name: "test".to_owned(), message: "gone".to_owned() });
        assert_eq!(hosts(&found.borrow_and_update()), ["a:1", "b:1"]);
        publisher.found(Vec::new());
        let known = found.borrow_and_update();
        assert!(known.failure.is_none() && known.endpoints.as_ref().is_some_and(|endpoints| endpoints.is_empty()));
    }
}
