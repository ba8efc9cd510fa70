//! Kafka as a destination of the client.

use std::sync::Arc;

use otlp_batch::BatchExporter;
use otlp_core::Signal;
use otlp_exporters::{
    Hurry, RetryableKinds, Retrying,
    kafka::{KafkaConfig, KafkaExporter},
};
use otlp_reliability::Retry;

use crate::{
    BuildError, ClientBuilder,
    diagnostics::Diagnostics,
    endpoints::Endpoints,
    monitoring::{Component, Observations},
    policies::Policies,
};

impl ClientBuilder {
    /// Writes all telemetry to Kafka as well, with a queue, retries and circuit breakers of its own; the last such call
    /// counts. To Kafka alone: `with_otlp_signals([])`. Each topic has a circuit breaker, so that one that is missing
    /// holds up no other.
    ///
    /// Its retry is the client's, its time limit is [`KafkaConfig::with_delivery_timeout`]. Its name in ledgers is `kafka`
    /// with the brokers behind it. Its disk queue is that of `kafka`, also for other brokers: what is still in it is
    /// theirs.
    pub fn with_kafka_exporter(mut self, config: KafkaConfig) -> Self {
        self.kafka = Some(config);
        self
    }
}

/// What a destination takes of the others.
pub(super) struct Shared<'a> {
    pub(super) retry: Retry,
    pub(super) retryable: RetryableKinds,
    pub(super) hurry: Hurry,
    pub(super) endpoints: &'a mut Endpoints,
    pub(super) diagnostics: &'a Arc<Diagnostics>,
    pub(super) policies: &'a mut Policies,
    pub(super) observations: &'a Observations,
}

/// The exporter with the policies around it.
pub(super) fn destination(config: KafkaConfig, shared: Shared<'_>) -> Result<Arc<dyn BatchExporter>, BuildError> {
    let exporter = KafkaExporter::new(config)?;
    let mut breaker = |signal: Signal| {
        let topic = format!("kafka {}", exporter.config().topic(signal));
        shared.endpoints.breaker(&topic).map_err(BuildError::CircuitBreaker)
    };
    let [traces, metrics, logs] = Signal::ALL.map(&mut breaker);
    let exporter = Retrying::new(exporter, shared.retry, shared.hurry)
        .with_retryable(shared.retryable)
        .with_circuit_breakers([traces?, metrics?, logs?])
        .with_observer(Arc::new(shared.observations.next_destination(Component::custom("kafka"), shared.diagnostics)));
    shared.policies.add_exporter(&exporter);
    Ok(Arc::new(exporter))
}
