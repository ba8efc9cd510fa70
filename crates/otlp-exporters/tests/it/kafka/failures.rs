//! What brokers can do to a batch: nothing is lost, and nothing is called delivered that is not.

use std::time::{Duration, Instant};

use otlp_exporters::kafka::{KafkaConfig, KafkaExporter};
use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};

use super::{DEADLINE, cluster, names_in, start};
use crate::records::span;

const MOMENT: Duration = Duration::from_millis(300);

#[test]
fn what_the_brokers_cannot_take_yet_is_repeated_and_is_there_once() {
    let cluster = cluster();
    let brokers = cluster.bootstrap_servers();
    use RDKafkaRespErr::{
        RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS as TOO_FEW, RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION as NOT_LEADER,
        RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT as TIMED_OUT,
    };
    cluster.request_errors(RDKafkaApiKey::Produce, &[TOO_FEW, NOT_LEADER, TIMED_OUT, TOO_FEW]);
    let pipeline = start(KafkaConfig::new(&brokers));
    span(pipeline.intake(), "a");
    let ledger = pipeline.shutdown_blocking(DEADLINE).ledgers.remove(0);
    assert_eq!((ledger.traces.delivered, ledger.lost()), (1, 0), "{ledger}");
    assert_eq!(names_in(&brokers, "otlp_spans"), ["a"]);
}

#[test]
fn while_no_broker_is_there_nothing_is_delivered_and_nothing_is_lost() {
    let cluster = cluster();
    let brokers = cluster.bootstrap_servers();
    let pipeline = start(KafkaConfig::new(&brokers).with_delivery_timeout(Duration::from_millis(100)));
    span(pipeline.intake(), "before");
    assert!(pipeline.flush_blocking(DEADLINE).complete);
    cluster.broker_down(1).unwrap();
    span(pipeline.intake(), "during");
    let report = pipeline.flush_blocking(Duration::from_secs(3));
    let traces = &report.ledgers[0].traces;
    assert!(!report.complete, "{report}");
    assert_eq!((traces.delivered, traces.pending), (1, 1), "{report}");
    cluster.broker_up(1).unwrap();
    span(pipeline.intake(), "after");
    let ledger = pipeline.shutdown_blocking(DEADLINE).ledgers.remove(0);
    assert_eq!((ledger.traces.delivered, ledger.lost()), (3, 0), "{ledger}");
    let mut names = names_in(&brokers, "otlp_spans");
    // What timed out may have been on its way.
    names.dedup();
    assert_eq!(names, ["after", "before", "during"]);
}

#[test]
fn a_broker_that_takes_less_than_was_said_gets_halves() {
    let cluster = cluster();
    let brokers = cluster.bootstrap_servers();
    let too_large = RDKafkaRespErr::RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE;
    cluster.request_errors(RDKafkaApiKey::Produce, &[too_large, too_large]);
    let pipeline = start(KafkaConfig::new(&brokers));
    ["a", "b", "c", "d"].iter().for_each(|name| span(pipeline.intake(), name));
    let ledger = pipeline.shutdown_blocking(DEADLINE).ledgers.remove(0);
    assert_eq!((ledger.traces.delivered, ledger.lost()), (4, 0), "{ledger}");
    assert_eq!(names_in(&brokers, "otlp_spans"), ["a", "b", "c", "d"]);
}

#[test]
fn a_record_that_is_too_large_by_itself_is_refused_and_counted_and_the_others_arrive() {
    let cluster = cluster();
    let brokers = cluster.bootstrap_servers();
    let pipeline = start(KafkaConfig::new(&brokers).with_max_message_bytes(2_000));
    for name in ["a", &"x".repeat(10_000), "b"] {
        span(pipeline.intake(), name);
    }
    let ledger = pipeline.shutdown_blocking(DEADLINE).ledgers.remove(0);
    assert_eq!((ledger.traces.delivered, ledger.traces.rejected, ledger.pending()), (2, 1, 0), "{ledger}");
    assert_eq!(names_in(&brokers, "otlp_spans"), ["a", "b"]);
}

#[test]
fn a_broker_that_takes_requests_and_does_not_answer_holds_up_neither_a_shutdown_nor_what_comes_after_it() {
    let cluster = cluster();
    let brokers = cluster.bootstrap_servers();
    let config = || KafkaConfig::new(&brokers).with_delivery_timeout(MOMENT).with_property("socket.timeout.ms", "300");
    let pipeline = start(config());
    span(pipeline.intake(), "before");
    assert!(pipeline.flush_blocking(DEADLINE).complete);
    cluster.broker_round_trip_time(1, Duration::from_secs(3600)).unwrap();
    span(pipeline.intake(), "during");
    let report = pipeline.flush_blocking(3 * MOMENT);
    assert!(!report.complete && report.ledgers[0].balances(), "{report}");
    let other = start(config());
    span(other.intake(), "given up");
    let ledger = other.shutdown_blocking(MOMENT).ledgers.remove(0);
    assert!(ledger.balances() && ledger.traces.delivered == 0 && ledger.lost() == 1, "{ledger}");
    cluster.broker_round_trip_time(1, Duration::ZERO).unwrap();
    let ledger = pipeline.shutdown_blocking(DEADLINE).ledgers.remove(0);
    assert_eq!((ledger.traces.delivered, ledger.lost()), (2, 0), "{ledger}");
}

#[test]
fn what_is_forbidden_is_refused_at_once() {
    let cluster = cluster();
    let forbidden = RDKafkaRespErr::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED;
    cluster.request_errors(RDKafkaApiKey::Produce, &[forbidden]);
    let pipeline = start(KafkaConfig::new(cluster.bootstrap_servers()));
    span(pipeline.intake(), "a");
    let ledger = pipeline.shutdown_blocking(DEADLINE).ledgers.remove(0);
    assert_eq!((ledger.traces.delivered, ledger.traces.rejected), (0, 1), "{ledger}");
}

#[test]
fn a_producer_that_failed_for_good_has_a_successor() {
    let cluster = cluster();
    let brokers = cluster.bootstrap_servers();
    let pipeline = start(KafkaConfig::new(&brokers).with_delivery_timeout(Duration::from_secs(5)));
    span(pipeline.intake(), "before");
    assert!(pipeline.flush_blocking(DEADLINE).complete);
    // No way to go on from this, for whoever promised the brokers a sequence.
    let fenced = RDKafkaRespErr::RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED;
    let gap = RDKafkaRespErr::RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER;
    cluster.request_errors(RDKafkaApiKey::InitProducerId, &[fenced]);
    cluster.request_errors(RDKafkaApiKey::Produce, &[gap]);
    span(pipeline.intake(), "after");
    let ledger = pipeline.shutdown_blocking(DEADLINE).ledgers.remove(0);
    assert_eq!((ledger.traces.delivered, ledger.lost()), (2, 0), "{ledger}");
    assert_eq!(names_in(&brokers, "otlp_spans"), ["after", "before"]);
}

#[test]
fn neither_a_shutdown_nor_a_drop_waits_for_brokers_that_are_not_there() {
    let cluster = cluster();
    let brokers = cluster.bootstrap_servers();
    cluster.broker_down(1).unwrap();
    let pipeline = start(KafkaConfig::new(&brokers));
    span(pipeline.intake(), "a");
    let report = pipeline.shutdown_blocking(MOMENT);
    let ledger = &report.ledgers[0];
    assert!(ledger.balances(), "{report}");
    assert_eq!((ledger.traces.delivered, ledger.lost(), ledger.traces.acknowledgements_lost), (0, 1, 1), "{report}");
    let begun = Instant::now();
    drop(KafkaExporter::new(KafkaConfig::new(&brokers)).unwrap());
    assert!(begun.elapsed() < DEADLINE / 2, "the delivery timeout of 30 s is nothing to wait for");
}
