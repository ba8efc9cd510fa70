//! The settings of how contexts travel to other processes.

use std::sync::Arc;

use otlp_core::propagation::{CompositePropagator, Propagator};

use crate::ClientBuilder;

impl ClientBuilder {
    /// Sets whether trace context and baggage travel with requests: whether
    /// [`EnhancedOtlpClient::inject`](crate::EnhancedOtlpClient::inject) writes and
    /// [`EnhancedOtlpClient::extract`](crate::EnhancedOtlpClient::extract) reads anything. Default: they travel, by W3C Trace
    /// Context and W3C Baggage, or as `OTEL_PROPAGATORS` says.
    pub fn with_trace_context_propagation(mut self, is_propagating: bool) -> Self {
        self.is_propagating = Some(is_propagating);
        self
    }

    /// Sets the format in which contexts travel.
    pub fn with_propagator(mut self, propagator: impl Propagator + 'static) -> Self {
        self.propagator = Some(Arc::new(propagator));
        self
    }
}

/// What contexts travel by.
pub(super) fn propagator(
    is_propagating: Option<bool>,
    of_code: Option<Arc<dyn Propagator>>,
    of_environment: Option<Arc<CompositePropagator>>,
) -> Arc<dyn Propagator> {
    if is_propagating == Some(false) {
        return Arc::new(CompositePropagator::new(Vec::new()));
    }
    // Code that asks for propagation beats an environment that asks for none.
    let of_environment =
        of_environment.filter(|propagator| is_propagating.is_none() || !propagator.fields().is_empty());
    let of_environment = of_environment.map(|propagator| propagator as Arc<dyn Propagator>);
    of_code.or(of_environment).unwrap_or_else(|| Arc::new(CompositePropagator::default()))
}
