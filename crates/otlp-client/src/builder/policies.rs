//! The settings of the policies around each attempt.

use otlp_reliability::{CircuitBreakerConfig, RetryPolicy};

use crate::ClientBuilder;

impl ClientBuilder {
    /// Sets how often and how long failed requests are repeated. Default: any number of attempts within five minutes, or
    /// with a disk queue for as long as it takes, waiting 200 ms to 30 s with full jitter.
    pub fn with_retry_policy(mut self, policy: RetryPolicy) -> Self {
        self.retry = Some(policy);
        self
    }

    /// Sets when an endpoint counts as down, and how often it is tried then. Default: after five failures in a row, and
    /// with one probe after 1 s, 2 s, 4 s, … 30 s.
    ///
    /// While it is down, batches wait in the queue, and those that were being retried go back there: an outage uses up
    /// no limit of the retry policy, and nothing is lost but what the queue has no room for. Each endpoint has a
    /// circuit breaker, and so has each custom exporter.
    pub fn with_circuit_breaker(mut self, settings: CircuitBreakerConfig) -> Self {
        self.circuit_breaker = Some(settings);
        self
    }

    /// Does without circuit breakers: each batch is tried as often as the retry policy says, whatever became of others,
    /// and is then dropped.
    pub fn without_circuit_breaker(mut self) -> Self {
        self.circuit_breaker = None;
        self
    }

    /// Sets whether the client's policies (retry, circuit breakers, bulkheads, timeouts) have names of their own in the
    /// registry of the process, so that [`get_metrics`](otlp_reliability::get_metrics) shows which is whose. Default:
    /// no. [`EnhancedOtlpClient::policies`] shows them in any case.
    ///
    /// [`init`](otlp_reliability::init) comes first; without it, building the client says so and goes on.
    pub fn with_reliability_framework_integration(mut self, is_integrated: bool) -> Self {
        self.is_in_registry = is_integrated;
        self
    }
}
