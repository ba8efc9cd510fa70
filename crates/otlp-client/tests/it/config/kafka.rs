//! Kafka in a file: a destination with the feature, and an error that names the feature without it.

use otlp_client::config::ClientConfig;

const TEXT: &str = "
endpoint: http://127.0.0.1:1
service_name: shop
logging: {log_level: off}
kafka:
  brokers: ['127.0.0.1:1', '${OTLP_TEST_NO_SUCH_VARIABLE:-localhost:2}']
  traces_topic: spans
  metrics_topic: points
  logs_topic: records
  client_id: shop
  partition_traces_by_id: true
  compression: snappy
  max_message_bytes: 2MB
  delivery_timeout: 10s
  properties: {sasl.password: hunter2}
";

#[cfg(not(feature = "kafka"))]
#[test]
fn without_the_feature_the_part_is_refused_by_its_name() {
    let error = ClientConfig::from_yaml_str(TEXT).unwrap_err();
    assert!(error.to_string().contains("kafka: this build has no Kafka exporter: build with the feature \"kafka\""));
    assert_eq!(error.place().map(|place| place.line), Some(6));
}

#[cfg(feature = "kafka")]
#[test]
fn kafka_is_a_destination_with_the_settings_of_the_file() {
    use std::time::Duration;

    use otlp_client::{EnhancedOtlpClient, config::MessageCompression};

    let config = ClientConfig::from_yaml_str(TEXT).unwrap();
    let kafka = config.kafka.clone().unwrap();
    assert_eq!(kafka.brokers.len(), 2);
    assert_eq!((kafka.traces_topic.as_str(), kafka.logs_topic.as_str()), ("spans", "records"));
    assert_eq!((kafka.compression, kafka.max_message_bytes), (MessageCompression::Snappy, 2_000_000));
    assert!(!format!("{config:?}").contains("hunter2"));
    let yaml = config.to_yaml().unwrap();
    assert_eq!(ClientConfig::from_yaml_str(&yaml).unwrap(), config);

    let build = |config: ClientConfig| {
        EnhancedOtlpClient::builder().without_environment().with_client_config(config).build_blocking()
    };
    let client = build(config.clone()).unwrap();
    let destinations: Vec<String> =
        client.shutdown_blocking(Duration::ZERO).ledgers.into_iter().map(|ledger| ledger.destination).collect();
    assert!(destinations.iter().any(|name| name.contains("kafka")), "{destinations:?}");

    let refused = |change: fn(&mut otlp_client::config::KafkaSettings)| {
        let mut config = config.clone();
        change(config.kafka.as_mut().unwrap());
        build(config).unwrap_err().to_string()
    };
    assert!(refused(|kafka| kafka.brokers.clear()).starts_with("kafka.brokers is empty"));
    assert!(refused(|kafka| kafka.brokers[0] = "nowhere".into()).starts_with("kafka.brokers is \"nowhere\""));
    assert!(refused(|kafka| kafka.traces_topic = "a b".into()).starts_with("kafka.traces_topic is \"a b\""));
    assert!(refused(|kafka| kafka.max_message_bytes = 1).starts_with("kafka.max_message_bytes is 1"));
    let error = refused(|kafka| drop(kafka.properties.0.insert("acks".into(), "hunter2".into())));
    assert!(error.starts_with("kafka.properties: ") && error.contains("acks") && !error.contains("hunter2"), "{error}");
}
