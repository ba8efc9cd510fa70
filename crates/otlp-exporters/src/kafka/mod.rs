//! Kafka as a destination: the bytes of each batch as a message, in the form that OpenTelemetry Collectors write and read
//! (`otlp_proto`). What must hold: delivered is what all replicas acknowledged, and nothing else.
//!
//! The producer of librdkafka repeats requests within the delivery timeout and is idempotent, so that this makes no
//! duplicates and keeps the order. What has no acknowledgement by then goes back to the client's one retry, its circuit
//! breaker and its queue; what is sent again from there may be there twice, and is counted as an acknowledgement lost.
//! Of a batch of several messages only those are sent again that were not delivered, unless a broker finds one of them
//! too large: the halves of a batch are messages of their own.

mod classify;
mod config;
mod error;
mod message;
mod producer;

use otlp_batch::{Batch, MemoryBudget};
use otlp_core::{ExportError, Outcome};
use rdkafka::types::RDKafkaErrorCode as Code;

use self::{classify::Failure, producer::Producer};
pub use self::{
    config::{KafkaCompression, KafkaConfig},
    error::KafkaConfigError,
    message::KafkaMessages,
};
use crate::Attempt;

/// Writes the bytes of a batch to a Kafka topic.
pub struct KafkaExporter {
    name: String,
    config: KafkaConfig,
    producer: Producer,
}

impl KafkaExporter {
    /// Starts the producer, which connects by itself: brokers that do not answer are no error here.
    ///
    /// # Errors
    /// A setting that cannot be used.
    pub fn new(config: KafkaConfig) -> Result<Self, KafkaConfigError> {
        config.check()?;
        let producer = Producer::start(config.client())?;
        Ok(KafkaExporter { name: format!("kafka {}", config.brokers()), config, producer })
    }

    /// Where it writes.
    pub fn config(&self) -> &KafkaConfig {
        &self.config
    }
}

impl Attempt for KafkaExporter {
    type Prepared = KafkaMessages;

    fn name(&self) -> String {
        self.name.clone()
    }

    fn prepare(&self, batch: &Batch, _memory: &MemoryBudget) -> Result<KafkaMessages, ExportError> {
        KafkaMessages::of(batch, &self.config)
    }

    /// Ends within the delivery timeout, for librdkafka reports on each message by then. A message whose attempt is
    /// abandoned may still be delivered.
    async fn attempt(&self, batch: &KafkaMessages) -> Outcome {
        if let Some(error) = batch.too_large() {
            return Outcome::TooLarge(error.clone());
        }
        let topic = self.config.topic(batch.signal);
        let send = |message: &message::Message| {
            self.producer.send(topic, message.key.as_ref().map(<[u8; 32]>::as_slice), &message.value)
        };
        let sent: Vec<_> = batch.pending().map(|message| (message, send(message))).collect();
        let mut failures = Vec::new();
        for (message, report) in sent {
            let report = match report {
                // It is dropped without a word only with its producer.
                Ok(report) => report.await.unwrap_or(Err(Code::PurgeInflight)),
                Err(code) => Err(code),
            };
            match report {
                Ok(()) => message.delivered(),
                Err(code) => {
                    let failure = Failure::of(code, topic, self.producer.complaint().as_deref());
                    message.failed(&failure);
                    failures.push(failure);
                }
            }
        }
        batch.outcome(failures)
    }
}
