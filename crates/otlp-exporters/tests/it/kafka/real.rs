//! The same against a real cluster: `KAFKA_BROKERS=host:port cargo test -p otlp-exporters --features kafka kafka::real`.

use std::{
    env, thread,
    time::{Duration, Instant, SystemTime},
};

use otlp_core::Signal;
use otlp_exporters::kafka::KafkaConfig;

use super::{DEADLINE, messages, start};
use crate::records::{log, metric, span_of};

#[test]
fn a_real_cluster_has_what_was_delivered_once() {
    let Ok(brokers) = env::var("KAFKA_BROKERS") else {
        eprintln!("skipped, no real Kafka: KAFKA_BROKERS is not set; the mock cluster is used");
        return;
    };
    let run = run();
    let topic = |signal: &str| format!("otlp_test_{signal}_{run}");
    let config = KafkaConfig::new(&brokers)
        .with_traces_topic(topic("spans"))
        .with_metrics_topic(topic("metrics"))
        .with_logs_topic(topic("logs"))
        .with_partition_traces_by_id(true)
        .with_max_message_bytes(50_000);
    let pipeline = start(config);
    let mut names: Vec<String> = (0..2_000).map(|span| format!("span {span:04}")).collect();
    names.iter().enumerate().for_each(|(at, name)| span_of(pipeline.intake(), 1 + (at % 50) as u8, name));
    metric(pipeline.intake(), "orders");
    log(pipeline.intake(), "paid");
    let ledger = pipeline.shutdown_blocking(DEADLINE).ledgers.remove(0);
    assert_eq!([&ledger.traces, &ledger.metrics, &ledger.logs].map(|one| one.delivered), [2_000, 2, 1], "{ledger}");
    let mut found: Vec<String> =
        messages(&brokers, &topic("spans"), Signal::Traces).into_iter().flat_map(|message| message.names).collect();
    found.sort_unstable();
    names.sort_unstable();
    assert_eq!(found, names);
    assert_eq!(messages(&brokers, &topic("metrics"), Signal::Metrics).len(), 1);
    assert_eq!(messages(&brokers, &topic("logs"), Signal::Logs).len(), 1);
}

/// For hands: `KAFKA_SECONDS` says how long to write, and somebody kills the brokers meanwhile and starts them again.
#[test]
fn a_real_cluster_that_goes_away_and_returns_has_everything() {
    let (Ok(brokers), Ok(seconds)) = (env::var("KAFKA_BROKERS"), env::var("KAFKA_SECONDS")) else {
        eprintln!("skipped, nobody is there to stop the brokers: KAFKA_BROKERS and KAFKA_SECONDS are not both set");
        return;
    };
    let topic = format!("otlp_test_outage_{}", run());
    let config = KafkaConfig::new(&brokers).with_traces_topic(&topic).with_delivery_timeout(Duration::from_secs(5));
    let pipeline = start(config);
    let mut names = Vec::new();
    let end = Instant::now() + Duration::from_secs(seconds.parse().unwrap());
    while Instant::now() < end {
        for _ in 0..10 {
            let name = format!("span {:06}", names.len());
            span_of(pipeline.intake(), 1, &name);
            names.push(name);
        }
        thread::sleep(Duration::from_millis(10));
    }
    let ledger = pipeline.shutdown_blocking(DEADLINE).ledgers.remove(0);
    assert_eq!((ledger.traces.delivered, ledger.lost()), (names.len() as u64, 0), "{ledger}");
    let mut found: Vec<String> =
        messages(&brokers, &topic, Signal::Traces).into_iter().flat_map(|message| message.names).collect();
    let all = found.len();
    found.sort_unstable();
    found.dedup();
    assert_eq!(found, names);
    eprintln!("{} spans, {} of them twice\n{ledger}", names.len(), all - found.len());
}

/// A number that no other run has.
fn run() -> u128 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_micros()
}
