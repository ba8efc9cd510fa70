//! Who hears of ejections.

use crate::Event;

/// Hears of ejections. Any `Fn(&Id, Event)` does.
///
/// It is called by whoever records a result or asks for endpoints: it must be quick and must neither block nor panic.
/// It may ask the detector; one that holds a handle of the detector keeps it from being dropped.
pub trait OutlierObserver<Id>: Send + Sync {
    /// Takes an [`Event::Ejected`] or [`Event::Restored`] of an endpoint, always in turn. One that is forgotten while
    /// it is ejected is restored as well, so whoever counts the ejected can rely on these two.
    fn on_event(&self, endpoint: &Id, event: Event);
}

impl<Id, F: Fn(&Id, Event) + Send + Sync> OutlierObserver<Id> for F {
    fn on_event(&self, endpoint: &Id, event: Event) {
        self(endpoint, event);
    }
}
