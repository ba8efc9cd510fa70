//! Kafka as a destination.
//!
//! What must hold: a build without the exporter refuses the part, and says which feature it lacks.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Check, FieldError, SecretValues, check, formats, in_range, reference::Follow};

/// Kafka as a destination beside the OTLP receivers: what `KafkaConfig` says in code. It needs the feature `kafka`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KafkaSettings {
    /// Some of the brokers, each as `host:port`. One at least.
    pub brokers: Vec<String>,
    /// The topic of traces. Default `otlp_spans`.
    #[serde(default = "traces_topic")]
    pub traces_topic: String,
    /// The topic of metrics. Default `otlp_metrics`.
    #[serde(default = "metrics_topic")]
    pub metrics_topic: String,
    /// The topic of logs. Default `otlp_logs`.
    #[serde(default = "logs_topic")]
    pub logs_topic: String,
    /// The name under which brokers know this client. Default `otlp`.
    #[serde(default = "client_id")]
    pub client_id: String,
    /// Whether all spans of a trace go to the same partition. Default false.
    #[serde(default)]
    pub partition_traces_by_id: bool,
    /// How messages are compressed. Default LZ4.
    #[serde(default)]
    pub compression: MessageCompression,
    /// How large a message may be, before compression. 1,000 to 1,000,000,000 bytes; default 1,000,000.
    #[serde(default = "max_message_bytes", with = "formats::bytes")]
    pub max_message_bytes: usize,
    /// How long an attempt may take until all replicas have a message. 100 ms to 15 min; default 30 s.
    #[serde(default = "delivery_timeout", with = "formats::duration")]
    pub delivery_timeout: Duration,
    /// Properties of librdkafka that have no field here, like `security.protocol`. The values may be references.
    #[serde(default)]
    pub properties: SecretValues,
}

/// How the messages of a request to a broker are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MessageCompression {
    /// Not at all.
    None,
    /// Snappy.
    Snappy,
    /// LZ4, which costs the least for what it saves.
    #[default]
    Lz4,
}

fn traces_topic() -> String {
    "otlp_spans".to_owned()
}

fn metrics_topic() -> String {
    "otlp_metrics".to_owned()
}

fn logs_topic() -> String {
    "otlp_logs".to_owned()
}

fn client_id() -> String {
    "otlp".to_owned()
}

fn max_message_bytes() -> usize {
    1_000_000
}

fn delivery_timeout() -> Duration {
    Duration::from_secs(30)
}

impl KafkaSettings {
    /// The cluster of these brokers, and the defaults.
    pub fn new<B: Into<String>>(brokers: impl IntoIterator<Item = B>) -> Self {
        KafkaSettings {
            brokers: brokers.into_iter().map(Into::into).collect(),
            traces_topic: traces_topic(),
            metrics_topic: metrics_topic(),
            logs_topic: logs_topic(),
            client_id: client_id(),
            partition_traces_by_id: false,
            compression: MessageCompression::default(),
            max_message_bytes: max_message_bytes(),
            delivery_timeout: delivery_timeout(),
            properties: SecretValues::default(),
        }
    }

    /// Follows the references.
    pub(super) fn follow(&mut self, path: &str, follow: &mut Follow<'_>) -> Result<(), FieldError> {
        for (index, broker) in self.brokers.iter_mut().enumerate() {
            follow(&format!("{path}.brokers[{index}]"), broker)?;
        }
        for (name, text) in [
            ("traces_topic", &mut self.traces_topic),
            ("metrics_topic", &mut self.metrics_topic),
            ("logs_topic", &mut self.logs_topic),
            ("client_id", &mut self.client_id),
        ] {
            follow(&format!("{path}.{name}"), text)?;
        }
        let mut properties = self.properties.0.iter_mut();
        properties.try_for_each(|(name, value)| follow(&format!("{path}.properties.{name}"), value))
    }
}

#[cfg(feature = "kafka")]
mod exporter {
    use otlp_exporters::kafka::{KafkaCompression, KafkaConfig, KafkaConfigError};

    use super::{FieldError, KafkaSettings, MessageCompression};

    impl KafkaSettings {
        /// The same, in code.
        pub(crate) fn exporter(&self) -> KafkaConfig {
            let config = KafkaConfig::new(self.brokers.join(","))
                .with_traces_topic(&self.traces_topic)
                .with_metrics_topic(&self.metrics_topic)
                .with_logs_topic(&self.logs_topic)
                .with_client_id(&self.client_id)
                .with_partition_traces_by_id(self.partition_traces_by_id)
                .with_compression(match self.compression {
                    MessageCompression::None => KafkaCompression::None,
                    MessageCompression::Snappy => KafkaCompression::Snappy,
                    MessageCompression::Lz4 => KafkaCompression::Lz4,
                })
                .with_max_message_bytes(self.max_message_bytes)
                .with_delivery_timeout(self.delivery_timeout);
            let properties = self.properties.0.iter();
            properties.fold(config, |config, (name, value)| config.with_property(name, value))
        }

        /// What only the exporter itself can judge, once references are followed.
        pub(in crate::config) fn check_resolved(&self, path: &str) -> Result<(), FieldError> {
            self.exporter().check().map_err(|error| match error {
                KafkaConfigError::Setting { field, value, accepted } => {
                    FieldError::value(format!("{path}.{field}"), value, accepted)
                }
                other => FieldError::contradiction(format!("{path}.properties"), other.to_string()),
            })
        }
    }
}

impl Check for KafkaSettings {
    fn check(&self, path: &str) -> Result<(), FieldError> {
        check(cfg!(feature = "kafka"), || {
            let reason = "this build has no Kafka exporter: build with the feature \"kafka\" of the crate otlp, or leave it \
                          out";
            FieldError::contradiction(path, reason)
        })?;
        check(!self.brokers.is_empty(), || {
            FieldError::value(format!("{path}.brokers"), "empty", "the addresses of one broker or more, as host:port")
        })?;
        let bytes = 1_000..=1_000_000_000;
        in_range(path, "max_message_bytes", self.max_message_bytes, bytes, "1000 to 1000000000 bytes")?;
        let timeouts = Duration::from_millis(100)..=Duration::from_secs(900);
        in_range(path, "delivery_timeout", self.delivery_timeout, timeouts, "100 ms to 15 min")
    }
}
