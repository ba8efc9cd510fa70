//! The Kafka exporter at the end of a real pipeline, in front of librdkafka's mock cluster; and of a real one, where
//! `KAFKA_BROKERS` names it.

mod failures;
mod real;
mod topics;

use std::{sync::Arc, time::Duration};

use otlp_batch::Pipeline;
use otlp_core::Signal;
use otlp_exporters::{
    Attempt, EndpointBreaker, Hurry, JudgeEndpoint, Retrying,
    kafka::{KafkaCompression, KafkaConfig, KafkaConfigError, KafkaExporter},
};
use otlp_reliability::{CircuitBreakerConfig, Observer, RetryPolicy};
use rdkafka::{mocking::MockCluster, producer::DefaultProducerContext};

use self::topics::{Found, messages, names_in};
use crate::records::{log, metric, pipeline, span, span_of};

const DEADLINE: Duration = Duration::from_secs(60);

fn cluster() -> MockCluster<'static, DefaultProducerContext> {
    MockCluster::new(1).unwrap()
}

/// A pipeline to the exporter, with a retry without limit and, as the client has it, a circuit breaker.
fn start(config: KafkaConfig) -> Pipeline {
    let retry = RetryPolicy::new().with_max_attempts(None).with_initial_delay(Duration::from_millis(1));
    let nobody: Arc<dyn Observer> = Arc::new(());
    let breaker: EndpointBreaker = CircuitBreakerConfig::new()
        .with_failure_rate(None)
        .with_consecutive_failures(2)
        .with_half_open_probes(1)
        .with_break_duration(Duration::from_millis(1))
        .build()
        .unwrap()
        .with_judge(JudgeEndpoint)
        .with_observer(nobody);
    let breakers = [Some(breaker.clone()), Some(breaker.clone()), Some(breaker)];
    let exporter = Retrying::new(KafkaExporter::new(config).unwrap(), retry.build().unwrap(), Hurry::new());
    pipeline(exporter.with_circuit_breakers(breakers))
}

#[test]
fn each_signal_is_a_message_in_its_topic() {
    let cluster = cluster();
    let brokers = cluster.bootstrap_servers();
    for (config, topics) in [
        (KafkaConfig::new(&brokers), ["otlp_spans", "otlp_metrics", "otlp_logs"]),
        (
            KafkaConfig::new(&brokers)
                .with_traces_topic("shop.traces")
                .with_metrics_topic("shop.metrics")
                .with_logs_topic("shop.logs"),
            ["shop.traces", "shop.metrics", "shop.logs"],
        ),
    ] {
        let pipeline = start(config);
        span(pipeline.intake(), "pay");
        metric(pipeline.intake(), "orders");
        log(pipeline.intake(), "paid");
        let ledger = pipeline.shutdown_blocking(DEADLINE).ledgers.remove(0);
        assert_eq!([&ledger.traces, &ledger.metrics, &ledger.logs].map(|one| one.delivered), [1, 2, 1], "{ledger}");
        let found: Vec<_> =
            Signal::ALL.into_iter().zip(topics).map(|(s, topic)| messages(&brokers, topic, s)).collect();
        assert!(found.iter().all(|of_topic| of_topic.len() == 1 && of_topic[0].key.is_none()), "{found:?}");
        assert_eq!([&found[0][0].names, &found[1][0].names], [&["pay".to_owned()], &["orders".to_owned()]]);
        assert!(found[2][0].names[0].contains("paid"), "{found:?}");
    }
}

#[test]
fn by_trace_each_trace_is_a_message_in_the_partition_of_its_id() {
    let cluster = cluster();
    cluster.create_topic("otlp_spans", 8, 1).unwrap();
    let brokers = cluster.bootstrap_servers();
    let pipeline = start(KafkaConfig::new(&brokers).with_partition_traces_by_id(true));
    // Twice, for each flush is a batch.
    for round in ["first", "second"] {
        for trace in [1, 2, 3, 4, 1, 2] {
            span_of(pipeline.intake(), trace, &format!("{round} {trace}"));
        }
        assert!(pipeline.flush_blocking(DEADLINE).complete);
    }
    metric(pipeline.intake(), "orders");
    let ledger = pipeline.shutdown_blocking(DEADLINE).ledgers.remove(0);
    assert_eq!((ledger.traces.delivered, ledger.metrics.delivered), (12, 2), "{ledger}");
    let mut found = messages(&brokers, "otlp_spans", Signal::Traces);
    assert_eq!(found.len(), 8, "{found:?}");
    found.sort_by_key(|message| message.key.clone());
    for (trace, pair) in found.chunks(2).enumerate() {
        let trace = trace + 1;
        assert_eq!(pair[0].partition, pair[1].partition, "{pair:?}");
        let spans = if trace < 3 { 2 } else { 1 };
        for message in pair {
            assert_eq!(message.key, Some(format!("{trace:02x}").repeat(16)));
            assert_eq!(message.names.len(), spans, "{message:?}");
            assert!(message.names.iter().all(|name| name.ends_with(&trace.to_string())), "{message:?}");
        }
    }
    // The hash of Java clients and Collectors, murmur2: known partitions of eight for these keys.
    let partitions: Vec<i32> = found.chunks(2).map(|pair| pair[0].partition).collect();
    assert_eq!(partitions, [1, 2, 3, 4].map(|trace| java_partition(&format!("{trace:02x}").repeat(16), 8)));
    assert_eq!(messages(&brokers, "otlp_metrics", Signal::Metrics)[0].key, None);
}

/// Where a Java client puts a key (`org.apache.kafka.common.utils.Utils.murmur2`).
fn java_partition(key: &str, partitions: u32) -> i32 {
    const M: u32 = 0x5bd1_e995;
    let mix = |word: u32| {
        let word = word.wrapping_mul(M);
        (word ^ (word >> 24)).wrapping_mul(M)
    };
    let bytes = key.as_bytes();
    assert_eq!(bytes.len() % 4, 0, "keys are 32 digits");
    let mut hash = 0x9747_b28c ^ bytes.len() as u32;
    for word in bytes.chunks(4) {
        hash = hash.wrapping_mul(M) ^ mix(u32::from_le_bytes(word.try_into().unwrap()));
    }
    hash = (hash ^ (hash >> 13)).wrapping_mul(M);
    hash ^= hash >> 15;
    ((hash & 0x7fff_ffff) % partitions) as i32
}

#[test]
fn a_batch_that_is_larger_than_a_message_may_be_is_split_and_delivered_once() {
    let cluster = cluster();
    let brokers = cluster.bootstrap_servers();
    let pipeline = start(KafkaConfig::new(&brokers).with_max_message_bytes(1_000));
    let names: Vec<String> = (0..50).map(|span| format!("span {span:02}")).collect();
    names.iter().for_each(|name| span(pipeline.intake(), name));
    let ledger = pipeline.shutdown_blocking(DEADLINE).ledgers.remove(0);
    assert_eq!((ledger.traces.delivered, ledger.lost()), (50, 0), "{ledger}");
    let found = messages(&brokers, "otlp_spans", Signal::Traces);
    assert!(found.len() > 3 && found.iter().all(|Found { bytes, .. }| *bytes <= 1_000), "{found:?}");
    assert_eq!(names_in(&brokers, "otlp_spans"), names);
}

#[test]
fn each_compression_arrives() {
    let cluster = cluster();
    let brokers = cluster.bootstrap_servers();
    for (compression, topic) in
        [(KafkaCompression::None, "none"), (KafkaCompression::Snappy, "snappy"), (KafkaCompression::Lz4, "lz4")]
    {
        let pipeline = start(KafkaConfig::new(&brokers).with_traces_topic(topic).with_compression(compression));
        span(pipeline.intake(), topic);
        let ledger = pipeline.shutdown_blocking(DEADLINE).ledgers.remove(0);
        assert_eq!(ledger.traces.delivered, 1, "{ledger}");
        assert_eq!(names_in(&brokers, topic), [topic]);
    }
}

#[test]
fn a_property_acts_or_is_refused_without_its_value() {
    let refusal = |name: &str, value: &str| {
        let config = KafkaConfig::new("127.0.0.1:9").with_property(name, value);
        KafkaExporter::new(config).err().map(|error| (error.to_string(), error))
    };
    assert!(refusal("reconnect.backoff.ms", "250").is_none());
    for (name, value) in [("no.such.property", "hunter2"), ("queue.buffering.max.messages", "hunter2")] {
        let (text, error) = refusal(name, value).unwrap();
        assert!(matches!(error, KafkaConfigError::Property { .. }), "{error:?}");
        assert!(text.contains(name) && !text.contains("hunter2"), "{text}");
    }
    let tls = KafkaConfig::new("127.0.0.1:9").with_property("security.protocol", "ssl");
    let error = KafkaExporter::new(tls).err().unwrap().to_string();
    assert!(error.contains("OpenSSL not available"), "plaintext is never spoken instead: {error}");
}

#[test]
fn the_name_tells_where_it_writes() {
    assert_eq!(KafkaExporter::new(KafkaConfig::new("127.0.0.1:9")).unwrap().name(), "kafka 127.0.0.1:9");
}
