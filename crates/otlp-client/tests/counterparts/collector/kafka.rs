//! A Collector that reads from Kafka what our client wrote there: real brokers, and a reader of somebody else's.

use std::time::SystemTime;

use otlp_client::EnhancedOtlpClient;
use otlp_exporters::kafka::KafkaConfig;

use super::{Collector, configured};
use crate::{
    client::{DEADLINE, Kept},
    server::{Server, named, program, until},
    telemetry::record,
};

#[test]
fn it_reads_what_the_client_wrote_to_kafka() {
    let (Some(program), Some(brokers)) = (program("COLLECTOR_BIN"), named("KAFKA_BROKERS")) else { return };
    // Topics that no other run has.
    let run = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_micros();
    let topic = |signal: &str| format!("otlp_counterparts_{signal}_{run}");
    for is_by_trace in [false, true] {
        let topic = |signal: &str| format!("{}_{is_by_trace}", topic(signal));
        let kept = Kept::default();
        let client = EnhancedOtlpClient::builder()
            .without_environment()
            .with_service_name("shop")
            .with_otlp_signals([])
            .with_custom_exporter(Box::new(kept.clone()))
            .with_kafka_exporter(
                KafkaConfig::new(&brokers)
                    .with_traces_topic(topic("traces"))
                    .with_metrics_topic(topic("metrics"))
                    .with_logs_topic(topic("logs"))
                    .with_partition_traces_by_id(is_by_trace),
            )
            .build_blocking()
            .unwrap();
        record(&client, 100);
        let report = client.shutdown_blocking(DEADLINE);
        assert!(report.complete && report.ledgers.iter().all(|ledger| ledger.lost() == 0), "{report}");
        let sent = kept.take();

        let of = |signal: &str| format!("{signal}: {{ topics: [{:?}] }}", topic(signal));
        let settings = format!(
            "{{ brokers: [{brokers:?}], group_id: \"{run}\", initial_offset: earliest, {}, {}, {} }}",
            of("traces"),
            of("metrics"),
            of("logs")
        );
        let server = Server::start(program.clone(), |folder, [health]| configured(folder, health, "kafka", &settings));
        let mut collector = Collector { server };
        // It says nothing of having read everything; what it has written grows until it has.
        until("the Collector has read all messages", || (collector.written().counts() == sent.counts()).then_some(()));
        sent.assert_equals(&collector.received());
    }
}
