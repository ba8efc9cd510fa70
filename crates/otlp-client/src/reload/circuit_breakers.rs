//! The circuit breakers of a running client, for other settings.

use std::sync::Arc;

use otlp_discovery::ServicePool;
use otlp_reliability::{CircuitBreakerConfig, Control, PolicyConfig};

use crate::endpoints::Streak;

/// The circuit breakers of a client, those of receivers that come as well.
pub(crate) struct CircuitBreakers {
    /// Those that were there from the start, and are of no receiver among several.
    pub(crate) controls: Vec<Arc<dyn Control>>,
    /// The receivers, if they are several.
    pub(crate) receivers: Option<ServicePool>,
    /// What messages say of them.
    pub(crate) streak: Streak,
}

impl CircuitBreakers {
    /// Settings that were checked.
    pub(super) fn reload(&self, settings: &CircuitBreakerConfig) {
        self.streak.set(settings);
        let policy = PolicyConfig::from(settings.clone());
        for control in &self.controls {
            // Settings that were checked are accepted by every circuit breaker.
            let _ = control.reload(&policy);
        }
        if let Some(receivers) = &self.receivers {
            let _ = receivers.reload_circuit_breakers(settings);
        }
    }
}
