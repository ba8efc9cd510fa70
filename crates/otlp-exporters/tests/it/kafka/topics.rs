//! What is in a cluster's topics, read with a consumer.

use std::time::{Duration, Instant};

use otlp_core::{
    Signal,
    wire::view::{LogsView, MetricsView, TracesView, View},
};
use rdkafka::{
    ClientConfig, Message, Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer},
};

/// How long a test waits for what must be there.
const PATIENCE: Duration = Duration::from_secs(30);

/// A message, with the names that its records have.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Found {
    pub(crate) partition: i32,
    pub(crate) key: Option<String>,
    pub(crate) names: Vec<String>,
    pub(crate) bytes: usize,
}

/// All messages of a topic, from the first to the last that is there now.
pub(crate) fn messages(brokers: &str, topic: &str, signal: Signal) -> Vec<Found> {
    let consumer: BaseConsumer =
        ClientConfig::new().set("bootstrap.servers", brokers).set("group.id", "test").create().unwrap();
    let metadata = consumer.fetch_metadata(Some(topic), PATIENCE).unwrap();
    let mut places = TopicPartitionList::new();
    let mut missing = 0;
    for partition in metadata.topics()[0].partitions() {
        let (low, high) = consumer.fetch_watermarks(topic, partition.id(), PATIENCE).unwrap();
        missing += high - low;
        places.add_partition_offset(topic, partition.id(), Offset::Beginning).unwrap();
    }
    consumer.assign(&places).unwrap();
    let deadline = Instant::now() + PATIENCE;
    let mut found = Vec::new();
    while missing > 0 {
        assert!(Instant::now() < deadline, "{missing} messages of {topic} cannot be read; found {found:?}");
        let Some(Ok(message)) = consumer.poll(Duration::from_millis(100)) else { continue };
        let value = message.payload().unwrap();
        found.push(Found {
            partition: message.partition(),
            key: message.key().map(|key| String::from_utf8(key.to_vec()).unwrap()),
            names: names(signal, value),
            bytes: value.len(),
        });
        missing -= 1;
    }
    found
}

/// The names in all messages of a topic, sorted.
pub(crate) fn names_in(brokers: &str, topic: &str) -> Vec<String> {
    let mut names: Vec<String> =
        messages(brokers, topic, Signal::Traces).into_iter().flat_map(|message| message.names).collect();
    names.sort_unstable();
    names
}

/// The names of spans and metrics, the bodies of log records; each behind its service.
fn names(signal: Signal, request: &[u8]) -> Vec<String> {
    let mut names = Vec::new();
    macro_rules! collect {
        ($view:ty, $record:ident => $name:expr) => {
            for of_resource in <$view>::parse(request).unwrap().resources {
                for of_scope in of_resource.unwrap().scopes {
                    for record in of_scope.unwrap().records {
                        let $record = record.unwrap();
                        names.push($name);
                    }
                }
            }
        };
    }
    match signal {
        Signal::Traces => collect!(TracesView<'_>, span => span.name.to_owned()),
        Signal::Metrics => collect!(MetricsView<'_>, metric => metric.name.to_owned()),
        Signal::Logs => collect!(LogsView<'_>, log => format!("{:?}", log.body)),
    }
    names
}
