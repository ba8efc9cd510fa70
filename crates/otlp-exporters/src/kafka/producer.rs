//! librdkafka's producer, and the thread that brings its delivery reports. What must hold: nothing here waits for a broker
//! on the caller's thread, neither in sending nor in drop, and nothing is logged.

use std::{sync::Arc, thread, time::Duration};

use parking_lot::Mutex;
use rdkafka::{
    ClientConfig, ClientContext,
    config::{FromClientConfigAndContext, RDKafkaLogLevel},
    error::KafkaError,
    producer::{BaseProducer, BaseRecord, DeliveryResult, NoCustomPartitioner, ProducerContext},
    types::RDKafkaErrorCode as Code,
};
use tokio::sync::oneshot;

use super::KafkaConfigError;

/// What becomes of a message: all replicas have it, or why not.
pub(super) type Report = Result<(), Code>;

/// Sends messages, by another producer of librdkafka once one has failed for good.
pub(super) struct Producer {
    config: ClientConfig,
    /// What the clients said last of their connections.
    complaint: Arc<Mutex<Option<String>>>,
    current: Mutex<Arc<Polled>>,
}

impl Producer {
    /// Starts a producer; it connects by itself.
    pub(super) fn start(config: ClientConfig) -> Result<Self, KafkaConfigError> {
        let complaint = Arc::default();
        let current = Mutex::new(Arc::new(Polled::start(&config, &complaint)?));
        Ok(Producer { config, complaint, current })
    }

    /// Hands in a message; what becomes of it comes later, within the delivery timeout.
    pub(super) fn send(
        &self,
        topic: &str,
        key: Option<&[u8]>,
        value: &[u8],
    ) -> Result<oneshot::Receiver<Report>, Code> {
        let current = Arc::clone(&self.current.lock());
        match current.send(topic, key, value) {
            Err(Code::Fatal) => self.renewed(&current).ok_or(Code::Fatal)?.send(topic, key, value),
            sent => sent,
        }
    }

    /// What is known of the connections, if not all is well.
    pub(super) fn complaint(&self) -> Option<String> {
        self.complaint.lock().clone()
    }

    /// The producer after `failed`, whose sequence numbers the brokers no longer take.
    fn renewed(&self, failed: &Arc<Polled>) -> Option<Arc<Polled>> {
        let mut current = self.current.lock();
        if Arc::ptr_eq(&current, failed) {
            *current = Arc::new(Polled::start(&self.config, &self.complaint).ok()?);
        }
        Some(Arc::clone(&current))
    }
}

/// A producer with its thread, which ends when it is the last that has the producer: so the producer itself ends there, and
/// never on the thread that drops this.
struct Polled {
    producer: Arc<BaseProducer<Reports>>,
}

impl Polled {
    fn start(config: &ClientConfig, complaint: &Arc<Mutex<Option<String>>>) -> Result<Self, KafkaConfigError> {
        let reports = Reports { complaint: Arc::clone(complaint) };
        let producer = BaseProducer::from_config_and_context(config, reports).map_err(refusal)?;
        let producer = Arc::new(producer);
        let polled = Polled { producer: Arc::clone(&producer) };
        let poll = move || {
            while Arc::strong_count(&producer) > 1 {
                producer.poll(Duration::from_millis(100));
            }
            // Here ends the producer, which takes a moment: what it still has is given up.
        };
        let spawned = thread::Builder::new().name("otlp-kafka".to_owned()).spawn(poll);
        spawned.map_err(|error| KafkaConfigError::Start { reason: error.to_string() })?;
        Ok(polled)
    }

    fn send(&self, topic: &str, key: Option<&[u8]>, value: &[u8]) -> Result<oneshot::Receiver<Report>, Code> {
        let (sender, receiver) = oneshot::channel();
        let mut record = BaseRecord::with_opaque_to(topic, Box::new(sender)).payload(value);
        if let Some(key) = key {
            record = record.key(key);
        }
        match self.producer.send(record) {
            Ok(()) => Ok(receiver),
            Err((error, _)) => Err(error.rdkafka_error_code().unwrap_or(Code::Fail)),
        }
    }
}

/// Hears what librdkafka has to say.
struct Reports {
    complaint: Arc<Mutex<Option<String>>>,
}

impl ClientContext for Reports {
    /// Telemetry about the export of telemetry would never end.
    fn log(&self, _level: RDKafkaLogLevel, _facility: &str, _message: &str) {}

    fn stats_raw(&self, _statistics: &[u8]) {}

    fn error(&self, _error: KafkaError, reason: &str) {
        *self.complaint.lock() = Some(reason.chars().take(200).collect());
    }
}

impl ProducerContext<NoCustomPartitioner> for Reports {
    type DeliveryOpaque = Box<oneshot::Sender<Report>>;

    fn delivery(&self, result: &DeliveryResult<'_>, sender: Self::DeliveryOpaque) {
        let report = match result {
            Ok(_) => {
                *self.complaint.lock() = None;
                Ok(())
            }
            Err((error, _)) => Err(error.rdkafka_error_code().unwrap_or(Code::Fail)),
        };
        // Nobody waits for it once the delivery was cancelled.
        let _ = sender.send(report);
    }
}

/// Why there is no producer. librdkafka repeats the value that it does not take; contradictions it tells by name.
fn refusal(error: KafkaError) -> KafkaConfigError {
    match error {
        KafkaError::ClientConfig(_, reason, property, value) => {
            let reason = if value.is_empty() { reason } else { reason.replace(&value, "...") };
            KafkaConfigError::Property { property, reason }
        }
        KafkaError::ClientCreation(reason) => KafkaConfigError::Start { reason },
        other => KafkaConfigError::Start { reason: other.to_string() },
    }
}
