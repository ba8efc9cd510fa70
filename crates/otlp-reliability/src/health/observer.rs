//! Who hears of changes of health.

use std::sync::Arc;

use crate::Event;

/// Hears when the health of a check, or of all together, changes. Any `Fn(Option<&str>, Event)` does.
///
/// It is called on the task that ran the check: it must be quick and must neither block nor panic. It may ask the
/// checker for its status; one that holds a handle of the checker keeps it, and its tasks, from ending.
pub trait HealthObserver: Send + Sync {
    /// Takes an [`Event::HealthChanged`] of the check of this name, or of all checks together (`None`).
    fn on_event(&self, check: Option<&str>, event: Event);
}

impl<F: Fn(Option<&str>, Event) + Send + Sync> HealthObserver for F {
    fn on_event(&self, check: Option<&str>, event: Event) {
        self(check, event);
    }
}

impl<O: HealthObserver + ?Sized> HealthObserver for Arc<O> {
    fn on_event(&self, check: Option<&str>, event: Event) {
        (**self).on_event(check, event);
    }
}
