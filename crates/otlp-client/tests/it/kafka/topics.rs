//! What is in the topics of a cluster, given to a receiver: it decodes each message with its own types, as it would a
//! request, and refuses what is none.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    time::{Duration, Instant},
};

use otlp_core::{
    Signal,
    data::{LogData, MetricData, SpanData},
};
use otlp_receiver::Receiver;
use rdkafka::{
    ClientConfig, Message, Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer},
};

use crate::{
    setup::{DEADLINE, receiver},
    telemetry::Telemetry,
};

/// A receiver of all messages that the topics have by now: those of traces, of metrics and of logs, as far as named.
pub(super) fn read_back(brokers: &str, topics: &[&str]) -> Receiver {
    let receiver = receiver();
    for (signal, topic) in Signal::ALL.into_iter().zip(topics) {
        for message in messages(brokers, topic) {
            post(receiver.http_address(), signal, &message);
        }
    }
    receiver
}

/// What a receiver has.
pub(super) fn telemetry(receiver: &Receiver) -> Telemetry {
    let store = receiver.store();
    let telemetry = Telemetry {
        spans: store.spans().iter().map(|span| SpanData::clone(span)).collect(),
        metrics: store.metrics().iter().map(|metric| MetricData::clone(metric)).collect(),
        logs: store.logs().iter().map(|log| LogData::clone(log)).collect(),
    };
    telemetry.sorted()
}

/// The values of all messages of a topic, from the first to the last that is there now.
pub(super) fn messages(brokers: &str, topic: &str) -> Vec<Vec<u8>> {
    let consumer: BaseConsumer =
        ClientConfig::new().set("bootstrap.servers", brokers).set("group.id", "test").create().unwrap();
    let metadata = consumer.fetch_metadata(Some(topic), DEADLINE).unwrap();
    let mut places = TopicPartitionList::new();
    let mut missing = 0;
    for partition in metadata.topics()[0].partitions() {
        let (low, high) = consumer.fetch_watermarks(topic, partition.id(), DEADLINE).unwrap();
        missing += high - low;
        places.add_partition_offset(topic, partition.id(), Offset::Beginning).unwrap();
    }
    consumer.assign(&places).unwrap();
    let deadline = Instant::now() + DEADLINE;
    let mut found = Vec::new();
    while missing > 0 {
        assert!(Instant::now() < deadline, "{missing} messages of {topic} cannot be read");
        let Some(Ok(message)) = consumer.poll(Duration::from_millis(100)) else { continue };
        found.push(message.payload().unwrap().to_vec());
        missing -= 1;
    }
    found
}

/// Sends a message as the OTLP request that it is said to be.
fn post(address: SocketAddr, signal: Signal, message: &[u8]) {
    let mut connection = TcpStream::connect(address).unwrap();
    let (path, length) = (signal.name(), message.len());
    write!(
        connection,
        "POST /v1/{path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-type: application/x-protobuf\r\n\
         content-length: {length}\r\n\r\n"
    )
    .unwrap();
    connection.write_all(message).unwrap();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "no request of {path}: {answer}");
}
