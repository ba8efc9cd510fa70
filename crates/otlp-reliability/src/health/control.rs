//! The checker seen from outside, as policies are: a registry shows it beside them.

use std::sync::Arc;

use super::{HealthChecker, core::Core};
use crate::{Clock, ConfigError, Control, Controlled, PolicyConfig, Snapshot};

impl<K: Clock> Control for Core<K> {
    fn snapshot(&self) -> Snapshot {
        Snapshot::Health(self.status())
    }

    /// Checks have settings of their own, given when they are added: none is for all of them.
    fn reload(&self, settings: &PolicyConfig) -> Result<(), ConfigError> {
        Err(settings.not_for("health"))
    }
}

impl<K: Clock + 'static> Controlled for HealthChecker<K> {
    fn control(&self) -> Option<Arc<dyn Control>> {
        Some(self.core())
    }
}
