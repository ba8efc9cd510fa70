//! Where and how the Kafka exporter writes. What must hold: nothing can be set that would let it call a message delivered
//! before all replicas have it, and no value of a property is ever printed.

use std::{fmt, time::Duration};

use otlp_core::Signal;
use rdkafka::ClientConfig;

use super::KafkaConfigError;

/// The settings of a [`KafkaExporter`](super::KafkaExporter).
///
/// ```
/// use std::time::Duration;
/// use otlp_exporters::kafka::{KafkaCompression, KafkaConfig};
///
/// let config = KafkaConfig::new("kafka-1:9092,kafka-2:9092")
///     .with_traces_topic("otlp_spans")
///     .with_partition_traces_by_id(true)
///     .with_compression(KafkaCompression::Lz4)
///     .with_delivery_timeout(Duration::from_secs(20));
/// # let _ = config;
/// ```
#[derive(Clone)]
#[must_use]
pub struct KafkaConfig {
    brokers: String,
    /// By [`Signal::index`].
    topics: [String; 3],
    client_id: String,
    partition_traces_by_id: bool,
    compression: KafkaCompression,
    max_message_bytes: usize,
    delivery_timeout: Duration,
    properties: Vec<(String, String)>,
}

/// How the messages of a request to a broker are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum KafkaCompression {
    /// Not at all.
    None,
    /// Snappy.
    Snappy,
    /// LZ4, which costs the least for what it saves: the default.
    #[default]
    Lz4,
}

/// What the exporter answers for, with the setting that it has instead.
const OWN: [(&str, &str); 17] = [
    ("bootstrap.servers", "KafkaConfig::new"),
    ("metadata.broker.list", "KafkaConfig::new"),
    ("client.id", "with_client_id"),
    ("compression.codec", "with_compression"),
    ("compression.type", "with_compression"),
    ("message.max.bytes", "with_max_message_bytes"),
    ("message.timeout.ms", "with_delivery_timeout"),
    ("delivery.timeout.ms", "with_delivery_timeout"),
    ("acks", "none, for all replicas acknowledge each message"),
    ("request.required.acks", "none, for all replicas acknowledge each message"),
    ("enable.idempotence", "none, for the producer is always idempotent"),
    ("max.in.flight", "none, for the producer is always idempotent"),
    ("max.in.flight.requests.per.connection", "none, for the producer is always idempotent"),
    ("message.send.max.retries", "with_delivery_timeout, within which it repeats requests"),
    ("retries", "with_delivery_timeout, within which it repeats requests"),
    ("partitioner", "none, for it is that of Java clients and Collectors"),
    ("transactional.id", "none, for it uses no transactions"),
];

impl KafkaConfig {
    /// Writes to the cluster of these brokers: `host:port` of some of them, with commas in between.
    pub fn new(brokers: impl Into<String>) -> Self {
        KafkaConfig {
            brokers: brokers.into(),
            topics: ["otlp_spans", "otlp_metrics", "otlp_logs"].map(str::to_owned),
            client_id: "otlp".to_owned(),
            partition_traces_by_id: false,
            compression: KafkaCompression::default(),
            max_message_bytes: 1_000_000,
            delivery_timeout: Duration::from_secs(30),
            properties: Vec::new(),
        }
    }

    /// Sets the topic of traces. Default: `otlp_spans`, that of the OpenTelemetry Collector.
    pub fn with_traces_topic(mut self, topic: impl Into<String>) -> Self {
        self.topics[Signal::Traces.index()] = topic.into();
        self
    }

    /// Sets the topic of metrics. Default: `otlp_metrics`.
    pub fn with_metrics_topic(mut self, topic: impl Into<String>) -> Self {
        self.topics[Signal::Metrics.index()] = topic.into();
        self
    }

    /// Sets the topic of logs. Default: `otlp_logs`.
    pub fn with_logs_topic(mut self, topic: impl Into<String>) -> Self {
        self.topics[Signal::Logs.index()] = topic.into();
        self
    }

    /// Sets the name under which brokers know this client, in their logs and quotas. Default: `otlp`.
    pub fn with_client_id(mut self, client_id: impl Into<String>) -> Self {
        self.client_id = client_id.into();
        self
    }

    /// Sets whether all spans of a trace go to the same partition, so that one consumer sees all of them: a message per
    /// trace and batch, whose key is the trace id in hex, as the Collector writes it with `partition_traces_by_id`. Its
    /// partitions are also those of a Collector that writes to the same topic. Default: no; a batch is a message without
    /// a key, which costs the brokers the least.
    pub fn with_partition_traces_by_id(mut self, is_partitioned: bool) -> Self {
        self.partition_traces_by_id = is_partitioned;
        self
    }

    /// Sets how messages are compressed. Default: LZ4.
    pub fn with_compression(mut self, compression: KafkaCompression) -> Self {
        self.compression = compression;
        self
    }

    /// Sets how large a message may be, before compression: 1,000 to 1,000,000,000 bytes. Batches that are larger are
    /// split. Default: 1,000,000, which brokers take unless told otherwise (their `message.max.bytes`).
    pub fn with_max_message_bytes(mut self, bytes: usize) -> Self {
        self.max_message_bytes = bytes;
        self
    }

    /// Sets how long an attempt may take until all replicas have a message: 100 ms to 15 min. Within this time requests
    /// are repeated without making duplicates; after it the client's own retry tries again, which can. Default: 30 s, in
    /// which a cluster elects new leaders.
    pub fn with_delivery_timeout(mut self, timeout: Duration) -> Self {
        self.delivery_timeout = timeout;
        self
    }

    /// Sets a property of librdkafka, such as `security.protocol`, that has no setting here. Properties that it does not
    /// know or that the build lacks are refused when the client is built.
    ///
    /// TLS and most of SASL need librdkafka with OpenSSL: the program's own manifest asks for it, with
    /// `rdkafka = { version = "0.39", features = ["ssl"] }`.
    pub fn with_property(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.properties.push((name.into(), value.into()));
        self
    }

    /// Whether everything can be used.
    ///
    /// # Errors
    /// The first setting that cannot. What only librdkafka can judge is found when the exporter is made.
    pub fn check(&self) -> Result<(), KafkaConfigError> {
        let refuse = |field, value: String, accepted| Err(KafkaConfigError::refused(field, value, accepted));
        if let Some(bad) = self.brokers.split(',').find(|broker| !is_broker(broker.trim())) {
            return refuse(
                "brokers",
                format!("{:?} in {:?}", bad.trim(), self.brokers),
                "host:port, with commas between",
            );
        }
        for (field, topic) in ["traces_topic", "metrics_topic", "logs_topic"].into_iter().zip(&self.topics) {
            if !is_topic(topic) {
                return refuse(
                    field,
                    format!("{topic:?}"),
                    "1 to 249 of the characters a-z A-Z 0-9 . _ -, not . or ..",
                );
            }
        }
        if self.client_id.is_empty() || self.client_id.contains(char::is_control) {
            return refuse("client_id", format!("{:?}", self.client_id), "a name without control characters");
        }
        if !(1_000..=1_000_000_000).contains(&self.max_message_bytes) {
            return refuse("max_message_bytes", self.max_message_bytes.to_string(), "1000 to 1000000000 bytes");
        }
        if !(Duration::from_millis(100)..=Duration::from_secs(900)).contains(&self.delivery_timeout) {
            return refuse("delivery_timeout", format!("{:?}", self.delivery_timeout), "100ms to 15min");
        }
        for (name, _) in &self.properties {
            let bare = name.strip_prefix("topic.").unwrap_or(name);
            if let Some((_, instead)) = OWN.iter().find(|(own, _)| *own == bare) {
                return Err(KafkaConfigError::Owned { property: name.clone(), instead });
            }
        }
        Ok(())
    }

    /// What librdkafka is told.
    pub(super) fn client(&self) -> ClientConfig {
        let mut client = ClientConfig::new();
        for (name, value) in &self.properties {
            client.set(name.as_str(), value.as_str());
        }
        let compression = match self.compression {
            KafkaCompression::None => "none",
            KafkaCompression::Snappy => "snappy",
            KafkaCompression::Lz4 => "lz4",
        };
        client
            .set("bootstrap.servers", self.brokers.as_str())
            .set("client.id", self.client_id.as_str())
            .set("compression.codec", compression)
            // Of the message with its key and headers; what is measured is the value.
            .set("message.max.bytes", (self.max_message_bytes + 1_000).min(1_000_000_000).to_string())
            .set("message.timeout.ms", self.delivery_timeout.as_millis().to_string())
            .set("acks", "all")
            .set("enable.idempotence", "true")
            .set("partitioner", "murmur2_random");
        // A message is a batch already: waiting for more of them would only take time.
        if !self.properties.iter().any(|(name, _)| name == "linger.ms" || name == "queue.buffering.max.ms") {
            client.set("linger.ms", if self.partition_traces_by_id { "5" } else { "0" });
        }
        client
    }

    pub(super) fn brokers(&self) -> &str {
        &self.brokers
    }

    /// The topic of a signal.
    pub fn topic(&self, signal: Signal) -> &str {
        &self.topics[signal.index()]
    }

    pub(super) fn is_by_trace(&self, signal: Signal) -> bool {
        self.partition_traces_by_id && signal == Signal::Traces
    }

    pub(super) fn max_message_bytes(&self) -> usize {
        self.max_message_bytes
    }
}

/// `host:port` or `[v6]:port`.
fn is_broker(broker: &str) -> bool {
    broker.rsplit_once(':').is_some_and(|(host, port)| {
        let is_bracketed = host.starts_with('[') && host.ends_with(']');
        let host_fits = is_bracketed || !host.contains([':', '/', '@', ' ']);
        !host.is_empty() && host_fits && port.parse::<u16>().is_ok_and(|port| port > 0)
    })
}

fn is_topic(topic: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    (1..=249).contains(&topic.len()) && topic.bytes().all(fits) && topic != "." && topic != ".."
}

impl fmt::Debug for KafkaConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let properties: Vec<&str> = self.properties.iter().map(|(name, _)| name.as_str()).collect();
        f.debug_struct("KafkaConfig")
            .field("brokers", &self.brokers)
            .field("topics", &self.topics)
            .field("client_id", &self.client_id)
            .field("partition_traces_by_id", &self.partition_traces_by_id)
            .field("compression", &self.compression)
            .field("max_message_bytes", &self.max_message_bytes)
            .field("delivery_timeout", &self.delivery_timeout)
            .field("properties", &properties)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(config: KafkaConfig) -> String {
        config.check().unwrap_err().to_string()
    }

    #[test]
    fn each_bad_setting_is_refused_by_name_with_what_is_accepted() {
        let config = || KafkaConfig::new("localhost:9092");
        config().check().unwrap();
        KafkaConfig::new("kafka-1:9092, [::1]:9092").check().unwrap();
        for brokers in
            ["", "localhost", "localhost:0", "localhost:65536", ":9092", "a:1,,b:2", "http://a:1", "::1:9092"]
        {
            assert!(refusal(KafkaConfig::new(brokers)).contains("brokers"), "{brokers}");
        }
        for topic in ["", ".", "..", "a b", "a/b", &"x".repeat(250)] {
            assert!(refusal(config().with_traces_topic(topic)).starts_with("kafka: traces_topic is"), "{topic}");
            assert!(refusal(config().with_metrics_topic(topic)).starts_with("kafka: metrics_topic is"), "{topic}");
            assert!(refusal(config().with_logs_topic(topic)).starts_with("kafka: logs_topic is"), "{topic}");
        }
        for bytes in [0, 999, usize::MAX] {
            assert!(refusal(config().with_max_message_bytes(bytes)).contains("1000 to 1000000000"), "{bytes}");
        }
        for timeout in [Duration::ZERO, Duration::from_secs(901), Duration::MAX] {
            assert!(refusal(config().with_delivery_timeout(timeout)).contains("100ms to 15min"), "{timeout:?}");
        }
        assert!(refusal(config().with_client_id("")).contains("client_id"));
    }

    #[test]
    fn what_would_weaken_the_delivery_is_no_property() {
        for (property, _) in OWN {
            for name in [property.to_owned(), format!("topic.{property}")] {
                let error = refusal(KafkaConfig::new("localhost:9092").with_property(name.as_str(), "0"));
                assert!(error.contains(&name), "{error}");
            }
        }
    }

    #[test]
    fn no_value_of_a_property_is_printed() {
        let config = KafkaConfig::new("localhost:9092").with_property("sasl.password", "hunter2");
        let printed = format!("{config:?}");
        assert!(printed.contains("sasl.password") && !printed.contains("hunter2"), "{printed}");
    }
}
