//! The settings of the policies around each attempt.

use std::time::Duration;

use otlp_exporters::RetryableKinds;
use otlp_reliability::{CircuitBreakerConfig, RetryPolicy};

use crate::{
    BuildError, ClientBuilder,
    config::{Check, RetryConfig},
};

/// How failed requests are repeated, as somebody said it last.
#[derive(Default)]
pub(super) enum RetryChoice {
    #[default]
    Default,
    Policy(RetryPolicy),
    Config(RetryConfig),
}

impl RetryChoice {
    /// The policy around each attempt, and which failures are repeated.
    pub(super) fn settle(self, is_on_disk: bool) -> Result<(RetryPolicy, RetryableKinds), BuildError> {
        match self {
            RetryChoice::Default => Ok((default_retry(is_on_disk), RetryableKinds::all())),
            RetryChoice::Policy(policy) => Ok((policy, RetryableKinds::all())),
            RetryChoice::Config(config) => {
                config.check("retry")?;
                Ok((config.policy(longest_retry(is_on_disk)), config.kinds()))
            }
        }
    }
}

/// How failed requests are repeated unless the builder is told otherwise, to change a part of it.
///
/// Any number of attempts within five minutes: a batch that fails while the endpoint works does not take up a place for
/// ever. An endpoint that is down uses up none of it, for then the circuit breaker is open. With a disk queue there is
/// room to wait in, and no limit.
pub fn default_retry(is_on_disk: bool) -> RetryPolicy {
    RetryPolicy::new()
        .with_max_attempts(None)
        .with_initial_delay(Duration::from_millis(200))
        .with_max_delay(Duration::from_secs(30))
        .with_max_elapsed(longest_retry(is_on_disk))
}

/// How long attempts without a limit go on.
pub(super) fn longest_retry(is_on_disk: bool) -> Option<Duration> {
    (!is_on_disk).then_some(Duration::from_secs(300))
}

impl ClientBuilder {
    /// Sets how often and how long failed requests are repeated. Default: any number of attempts within five minutes,
    /// or with a disk queue for as long as it takes, waiting 200 ms to 30 s with full jitter.
    pub fn with_retry_policy(mut self, policy: RetryPolicy) -> Self {
        self.retry = RetryChoice::Policy(policy);
        self
    }

    /// Sets how often and after which failures requests are repeated, in place of [`ClientBuilder::with_retry_policy`].
    ///
    /// ```
    /// use std::time::Duration;
    /// use otlp_client::{EnhancedOtlpClient, config::{ErrorType, RetryConfig}};
    ///
    /// let client = EnhancedOtlpClient::builder().with_retry_config(RetryConfig {
    ///     max_attempts: 3,
    ///     initial_interval: Duration::from_millis(100),
    ///     max_interval: Duration::from_secs(5),
    ///     multiplier: 2.0,
    ///     randomization_factor: 0.1,
    ///     retryable_errors: vec![ErrorType::Network, ErrorType::Timeout],
    /// });
    /// # let _ = client;
    /// ```
    pub fn with_retry_config(mut self, config: RetryConfig) -> Self {
        self.retry = RetryChoice::Config(config);
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
    /// no. [`EnhancedOtlpClient::policies`](crate::EnhancedOtlpClient::policies) shows them in any case.
    ///
    /// [`init`](otlp_reliability::init) comes first; without it, building the client says so and goes on.
    pub fn with_reliability_framework_integration(mut self, is_integrated: bool) -> Self {
        self.is_in_registry = is_integrated;
        self
    }
}
