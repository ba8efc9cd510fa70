//! A place in a bulkhead, as a value.

use std::sync::Arc;

use super::core::Core;

/// A place in a [`Bulkhead`](crate::Bulkhead), given back on drop.
///
/// It owns its share of the bulkhead, so it can move into a spawned task or be kept in a struct.
#[derive(Debug)]
#[must_use = "the place is given back when the permit is dropped"]
pub struct Permit {
    core: Arc<Core>,
}

impl Permit {
    /// Takes over a place: whoever calls it has kept one.
    pub(super) fn taking_over(core: Arc<Core>) -> Self {
        Permit { core }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.core.gate.leave();
    }
}
