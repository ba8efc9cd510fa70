//! A client that writes to Kafka, from its tracer, meter and logger to the messages in the topics of librdkafka's mock
//! cluster, which runs in this process.

mod topics;

use std::{
    collections::HashSet,
    time::{Duration, Instant},
};

use otlp_batch::{DropReason, Ledger, Report};
use otlp_client::{ClientBuilder, DiskQueueConfig, EnhancedOtlpClient};
use otlp_core::Signal;
use otlp_exporters::kafka::KafkaConfig;
use otlp_receiver::{Identity, Receiver};
use otlp_reliability::RetryPolicy;
use rdkafka::{
    mocking::MockCluster,
    producer::DefaultProducerContext,
    types::{RDKafkaApiKey, RDKafkaRespErr},
};

use self::topics::{messages, read_back, telemetry};
use crate::{
    disk::Directory,
    setup::{DEADLINE, builder, receiver, spans},
    telemetry::record,
};

const TOPICS: [&str; 3] = ["otlp_spans", "otlp_metrics", "otlp_logs"];

fn cluster() -> MockCluster<'static, DefaultProducerContext> {
    MockCluster::new(1).unwrap()
}

/// A client of an OTLP receiver and of Kafka, which tries again for as long as it takes.
fn of_both(receiver: &Receiver, kafka: KafkaConfig) -> ClientBuilder {
    let retry = RetryPolicy::new()
        .with_max_attempts(None)
        .with_initial_delay(Duration::from_millis(5))
        .with_max_delay(Duration::from_millis(50));
    let (builder, _) = builder(receiver.grpc_endpoint());
    builder.with_grpc_transport().with_retry_policy(retry).with_kafka_exporter(kafka)
}

/// The ledger of the destination of this kind; its name goes on with where that is.
fn ledger<'a>(report: &'a Report, destination: &str) -> &'a Ledger {
    let found = report.ledgers.iter().find(|ledger| ledger.destination.split(' ').next() == Some(destination));
    found.unwrap_or_else(|| panic!("no {destination} in {report}"))
}

fn delivered(ledger: &Ledger) -> [u64; 3] {
    assert!(ledger.balances(), "{ledger}");
    Signal::ALL.map(|signal| ledger.signal(signal).delivered)
}

/// The spans that a receiver has.
fn ids(receiver: &Receiver) -> HashSet<Identity> {
    receiver.store().arrivals(Signal::Traces).into_keys().collect()
}

#[test]
fn every_item_of_all_signals_is_in_kafka_as_it_is_at_the_receiver() {
    for is_by_trace in [false, true] {
        let (receiver, cluster) = (receiver(), cluster());
        cluster.create_topic(TOPICS[0], 4, 1).unwrap();
        let brokers = cluster.bootstrap_servers();
        let kafka = KafkaConfig::new(&brokers).with_partition_traces_by_id(is_by_trace);
        let client = of_both(&receiver, kafka).build_blocking().unwrap();
        record(&client, 40);
        let report = client.shutdown_blocking(DEADLINE);
        assert!(report.complete, "{report}");
        let sent = telemetry(&receiver);
        assert_eq!(sent.counts(), [120, 8, 40], "{report}");
        assert_eq!([delivered(ledger(&report, "otlp")), delivered(ledger(&report, "kafka"))], [sent.counts(); 2]);
        sent.assert_equals(&telemetry(&read_back(&brokers, &TOPICS)));
    }
}

#[test]
fn kafka_alone_needs_no_otlp_receiver() {
    let cluster = cluster();
    let brokers = cluster.bootstrap_servers();
    let named = KafkaConfig::new(&brokers).with_traces_topic("shop.spans").with_logs_topic("shop.logs");
    let client = EnhancedOtlpClient::builder()
        .without_environment()
        .with_service_name("test")
        .with_otlp_signals([])
        .with_kafka_exporter(named)
        .build_blocking()
        .unwrap();
    record(&client, 2);
    let report = client.shutdown_blocking(DEADLINE);
    assert_eq!(delivered(ledger(&report, "otlp")), [0; 3]);
    let found = telemetry(&read_back(&brokers, &["shop.spans", "otlp_metrics", "shop.logs"]));
    assert_eq!((delivered(ledger(&report, "kafka")), found.counts()), ([6, 8, 2], [6, 8, 2]), "{report}");
    assert_eq!(found.spans[0].resource.service_name(), Some("test"));
}

#[test]
fn while_the_broker_is_away_the_receiver_gets_everything_and_kafka_the_rest_when_it_is_back() {
    let (receiver, cluster) = (receiver(), cluster());
    let brokers = cluster.bootstrap_servers();
    let kafka = KafkaConfig::new(&brokers).with_delivery_timeout(Duration::from_millis(100));
    let client = of_both(&receiver, kafka).build_blocking().unwrap();
    spans(&client, 10);
    assert!(client.flush_blocking(DEADLINE).complete);
    cluster.broker_down(1).unwrap();
    spans(&client, 20);
    // The receiver does not wait for the broker, and the broker's items wait for it.
    receiver.store().wait_for_items_blocking(Signal::Traces, 30, DEADLINE).unwrap();
    let report = client.flush_blocking(Duration::from_secs(1));
    assert!(!report.complete, "{report}");
    let traces = &ledger(&report, "kafka").traces;
    assert_eq!((traces.delivered, traces.pending, traces.dropped.total()), (10, 20, 0), "{report}");
    cluster.broker_up(1).unwrap();
    spans(&client, 5);
    let report = client.shutdown_blocking(DEADLINE);
    assert_eq!([delivered(ledger(&report, "otlp"))[0], delivered(ledger(&report, "kafka"))[0]], [35, 35], "{report}");
    let in_kafka = read_back(&brokers, &TOPICS[..1]);
    assert_eq!(ids(&in_kafka), ids(&receiver));
    // What was sent a second time is what the ledger says may be there twice.
    let doubled: u64 = in_kafka.store().duplicates(Signal::Traces).iter().map(|(_, times)| times - 1).sum();
    assert!(doubled <= ledger(&report, "kafka").traces.acknowledgements_lost, "{doubled} twice: {report}");
}

#[test]
fn what_the_broker_refuses_is_rejected_there_and_delivered_elsewhere() {
    let (receiver, cluster) = (receiver(), cluster());
    let forbidden = RDKafkaRespErr::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED;
    cluster.request_errors(RDKafkaApiKey::Produce, &[forbidden]);
    let client = of_both(&receiver, KafkaConfig::new(cluster.bootstrap_servers())).build_blocking().unwrap();
    spans(&client, 7);
    let report = client.shutdown_blocking(DEADLINE);
    let (otlp, kafka) = (&ledger(&report, "otlp").traces, &ledger(&report, "kafka").traces);
    assert_eq!((otlp.delivered, kafka.delivered, kafka.rejected), (7, 0, 7), "{report}");
}

#[test]
fn a_shutdown_keeps_its_deadline_without_a_broker_and_counts_what_is_lost() {
    let (receiver, cluster) = (receiver(), cluster());
    cluster.broker_down(1).unwrap();
    let client = of_both(&receiver, KafkaConfig::new(cluster.bootstrap_servers())).build_blocking().unwrap();
    spans(&client, 10);
    receiver.store().wait_for_items_blocking(Signal::Traces, 10, DEADLINE).unwrap();
    let begun = Instant::now();
    let report = client.shutdown_blocking(Duration::from_millis(300));
    assert!(begun.elapsed() < DEADLINE, "the delivery timeout of 30 s is nothing to wait for");
    let (otlp, kafka) = (&ledger(&report, "otlp").traces, &ledger(&report, "kafka").traces);
    assert!(kafka.balances() && otlp.balances(), "{report}");
    assert_eq!((otlp.delivered, otlp.pending), (10, 0), "{report}");
    assert_eq!((kafka.delivered, kafka.dropped[DropReason::ShutDown], kafka.pending), (0, 10, 0), "{report}");
}

#[test]
fn a_topic_that_takes_nothing_holds_up_no_other() {
    let (receiver, cluster) = (receiver(), cluster());
    let brokers = cluster.bootstrap_servers();
    for topic in TOPICS {
        cluster.create_topic(topic, 1, 1).unwrap();
    }
    // A partition without a leader, as after the last replica was lost.
    cluster.partition_leader(TOPICS[0], 0, None).unwrap();
    let kafka = KafkaConfig::new(&brokers).with_delivery_timeout(Duration::from_millis(100));
    let client = of_both(&receiver, kafka).build_blocking().unwrap();
    record(&client, 3);
    let report = client.flush_blocking(Duration::from_secs(2));
    let kafka = ledger(&report, "kafka");
    assert_eq!((delivered(kafka), kafka.traces.pending), ([0, 8, 3], 9), "{report}");
    assert_eq!(messages(&brokers, TOPICS[2]).len(), 1);
    cluster.partition_leader(TOPICS[0], 0, Some(1)).unwrap();
    let report = client.shutdown_blocking(DEADLINE);
    assert_eq!(ledger(&report, "kafka").traces.delivered, 9, "{report}");
    assert_eq!(ids(&read_back(&brokers, &TOPICS[..1])), ids(&receiver));
}

#[test]
fn what_a_disk_queue_kept_goes_to_other_brokers_of_the_next_process() {
    let (receiver, cluster, directory) = (receiver(), cluster(), Directory::new());
    let client = |cluster: &MockCluster<'_, DefaultProducerContext>| {
        let kafka = KafkaConfig::new(cluster.bootstrap_servers()).with_delivery_timeout(Duration::from_millis(100));
        of_both(&receiver, kafka).with_disk_queue(DiskQueueConfig::new(&directory.0)).build_blocking().unwrap()
    };
    cluster.broker_down(1).unwrap();
    let first = client(&cluster);
    spans(&first, 10);
    receiver.store().wait_for_items_blocking(Signal::Traces, 10, DEADLINE).unwrap();
    let report = first.shutdown_blocking(Duration::from_secs(3));
    assert_eq!((ledger(&report, "kafka").traces.pending, report.durable), (10, true), "{report}");
    let another = self::cluster();
    let report = client(&another).shutdown_blocking(DEADLINE);
    let traces = &ledger(&report, "kafka").traces;
    assert_eq!((traces.recovered, traces.delivered, traces.pending), (10, 10, 0), "{report}");
    assert_eq!(ids(&read_back(&another.bootstrap_servers(), &TOPICS[..1])), ids(&receiver));
}
