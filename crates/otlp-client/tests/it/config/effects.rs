//! What the fields of a configuration do, seen at a receiver, on a disk, and in what the client says.

use std::{fs, path::PathBuf, sync::Arc, time::Duration};

use otlp_batch::{BatchConfig, DiskQueueConfig, DropReason, Durability};
use otlp_client::{
    ClientBuilder, EnhancedOtlpClient,
    config::{ClientConfig, ErrorType, LogLevel, ProductionConfig, RetryConfig, TlsConfig, TransportProtocol},
};
use otlp_core::{Signal, data::Severity};
use otlp_receiver::{Encoding, Fault, GrpcCode, Protocol, Receiver};
use otlp_transport::Compression;
use parking_lot::Mutex;

use crate::setup::{DEADLINE, receiver, spans};

/// 32 bytes.
const KEY: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

pub(super) fn config(receiver: &Receiver) -> ProductionConfig {
    let mut config = ProductionConfig::new(receiver.grpc_endpoint(), "shop");
    config.transport.protocol = TransportProtocol::Grpc;
    config.logging.log_level = LogLevel::Off;
    // What the client tells of itself would be among the requests that are counted.
    config.monitoring.enable_performance_metrics = false;
    config.monitoring.enable_resource_metrics = false;
    config.retry.initial_interval = Duration::from_millis(1);
    config.retry.max_interval = Duration::from_millis(10);
    config
}

pub(super) fn builder(config: ProductionConfig) -> ClientBuilder {
    EnhancedOtlpClient::builder().without_environment().with_production_config(config)
}

pub(super) fn client(config: ProductionConfig) -> EnhancedOtlpClient {
    builder(config).build_blocking().unwrap()
}

fn refused(builder: ClientBuilder) -> String {
    builder.build_blocking().unwrap_err().to_string()
}

fn folder(name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("otlp-config-{name}-{}", std::process::id()));
    let _ = fs::remove_dir_all(&folder);
    folder
}

#[tokio::test]
async fn name_version_and_environment_are_in_the_resource() {
    let receiver = Receiver::builder().start().await.unwrap();
    let config =
        ProductionConfig { service_version: "1.4.0".into(), environment: "production".into(), ..config(&receiver) };
    let client = EnhancedOtlpClient::with_production_config(config).await.unwrap();
    spans(&client, 1);
    assert!(client.shutdown(DEADLINE).await.complete);
    let spans = receiver.store().spans();
    let attribute =
        |name: &str| spans[0].resource.attributes.get(name).and_then(|value| value.as_str().map(str::to_owned));
    assert_eq!(attribute("service.name").as_deref(), Some("shop"));
    assert_eq!(attribute("service.version").as_deref(), Some("1.4.0"));
    assert_eq!(attribute("deployment.environment.name").as_deref(), Some("production"));
}

#[test]
fn protocol_and_compression_are_those_of_the_requests() {
    let receiver = receiver();
    for (protocol, endpoint, expected) in [
        (TransportProtocol::Grpc, receiver.grpc_endpoint(), Protocol::Grpc),
        (TransportProtocol::Http, receiver.http_endpoint(), Protocol::HttpProtobuf),
        (TransportProtocol::HttpJson, receiver.http_endpoint(), Protocol::HttpJson),
    ] {
        let mut config = ProductionConfig { endpoint, ..config(&receiver) };
        config.transport.protocol = protocol;
        config.transport.compression = Compression::Gzip;
        let client = client(config);
        spans(&client, 1);
        assert!(client.shutdown_blocking(DEADLINE).complete);
        let request = receiver.requests().last().unwrap();
        assert_eq!((request.protocol, request.encoding), (Some(expected), Some(Encoding::Gzip)));
    }
}

#[test]
fn the_token_is_on_every_request_also_if_a_file_has_it() {
    let receiver = receiver();
    let file = folder("token");
    fs::write(&file, "from-a-file\n").unwrap();
    for (token, expected) in
        [("plain".to_owned(), "Bearer plain"), (format!("${{file:{}}}", file.display()), "Bearer from-a-file")]
    {
        let mut config = config(&receiver);
        config.security.enable_authentication = true;
        config.security.auth_token = token;
        let client = client(config);
        spans(&client, 1);
        client.logger("test").record(Severity::Info).body("work").emit();
        assert!(client.shutdown_blocking(DEADLINE).complete);
        let requests = receiver.requests().recent();
        assert!(requests.iter().rev().take(2).all(|request| request.header("authorization") == Some(expected)));
    }
    fs::remove_file(&file).unwrap();
}

#[test]
fn batches_close_as_the_configuration_says() {
    let receiver = receiver();
    let batch = BatchConfig { max_batch_size: 5, ..BatchConfig::default() };
    let client = client(ProductionConfig { batch, ..config(&receiver) });
    spans(&client, 20);
    assert!(client.shutdown_blocking(DEADLINE).complete);
    let requests = receiver.requests().recent();
    assert!(requests.len() >= 4 && requests.iter().all(|request| request.items <= 5), "{}", requests.len());
    assert_eq!(receiver.store().spans().len(), 20);
}

#[test]
fn only_failures_in_the_list_are_repeated() {
    for (errors, delivered, attempts) in
        [(vec![ErrorType::Network, ErrorType::Timeout], 0, 1), (vec![ErrorType::Unavailable], 3, 3)]
    {
        let receiver = receiver();
        receiver.faults().inject(Fault::grpc(GrpcCode::Unavailable).times(2));
        let mut config = config(&receiver);
        config.retry.retryable_errors = errors;
        let client = client(config);
        spans(&client, 3);
        client.shutdown_blocking(DEADLINE);
        let ledger = client.ledger();
        assert_eq!(ledger.traces.delivered, delivered);
        assert_eq!(ledger.traces.dropped[DropReason::RetriesExhausted], 3 - delivered);
        assert_eq!(receiver.requests().totals().requests, attempts);
    }
}

#[test]
fn attempts_are_as_many_as_the_configuration_says() {
    let receiver = receiver();
    receiver.faults().inject(Fault::grpc(GrpcCode::Unavailable));
    let mut config = config(&receiver);
    config.retry.max_attempts = 4;
    let client = builder(config).without_circuit_breaker().build_blocking().unwrap();
    spans(&client, 3);
    client.flush_blocking(DEADLINE);
    assert_eq!(client.ledger().traces.dropped[DropReason::RetriesExhausted], 3);
    assert_eq!(receiver.requests().totals().requests, 4);
}

#[test]
fn an_attempt_takes_no_longer_than_the_request_timeout() {
    let receiver = receiver();
    receiver.faults().inject(Fault::BlackHole { stored: false });
    let mut config = config(&receiver);
    config.connection.request_timeout = Duration::from_millis(50);
    config.retry.max_attempts = 1;
    let client = client(config);
    spans(&client, 1);
    client.flush_blocking(DEADLINE);
    assert_eq!(client.ledger().traces.dropped[DropReason::RetriesExhausted], 1);
}

#[test]
fn metrics_are_sent_at_the_interval_of_the_configuration() {
    let receiver = receiver();
    let mut config = config(&receiver);
    config.monitoring.metrics_export_interval = Duration::from_millis(20);
    let client = client(config);
    client.meter("test").u64_counter("work").init().add(1, &[("region", "eu")]);
    receiver.requests().wait_for_blocking(|requests| requests.totals().requests >= 2, DEADLINE).unwrap();
}

#[test]
fn health_is_served_and_custom_metrics_are_recorded_if_the_configuration_says_so() {
    for is_enabled in [true, false] {
        let receiver = receiver();
        let mut config = config(&receiver);
        config.monitoring.enable_custom_metrics = is_enabled;
        config.monitoring.health_check_endpoint = is_enabled.then(|| "http://127.0.0.1:0/health".to_owned());
        let client = client(config);
        assert_eq!(client.monitoring_address().is_some(), is_enabled);
        client.meter("test").u64_counter("work").init().add(1, &[("region", "eu")]);
        assert!(client.shutdown_blocking(DEADLINE).complete);
        assert_eq!(receiver.store().metrics().is_empty(), !is_enabled);
    }
}

#[test]
fn attributes_of_log_records_are_text_unless_they_are_structured() {
    for is_structured in [true, false] {
        let receiver = receiver();
        let mut config = config(&receiver);
        config.logging.enable_structured_logging = is_structured;
        let client = client(config);
        client.logger("test").record(Severity::Info).body("work").attribute("number", 7).emit();
        assert!(client.shutdown_blocking(DEADLINE).complete);
        let logs = receiver.store().logs();
        assert_eq!(logs[0].attributes.get("number").is_some(), is_structured);
    }
}

#[test]
fn identical_log_records_are_one_if_the_configuration_says_so() {
    let receiver = receiver();
    let mut config = config(&receiver);
    config.logging.enable_log_aggregation = true;
    let client = client(config);
    (0..5).for_each(|_| client.logger("test").record(Severity::Info).body("work").emit());
    assert!(client.shutdown_blocking(DEADLINE).complete);
    assert_eq!(receiver.store().logs().len() as u64 + client.folded_log_records(), 5);
    assert!(client.folded_log_records() > 0);
}

#[test]
fn messages_below_the_level_are_not_said_and_what_is_set_in_vain_is() {
    let said = |level| {
        let said = Arc::new(Mutex::new(Vec::new()));
        let sink = Arc::clone(&said);
        let mut config = config(&receiver());
        config.logging.log_level = level;
        config.security.auth_token = "hunter2".into();
        config.security.encryption_key = "hunter2".into();
        let client = builder(config).with_diagnostics(move |diagnostic| sink.lock().push(diagnostic.to_string()));
        drop(client.build_blocking().unwrap());
        let said: Vec<String> = said.lock().clone();
        said
    };
    let warnings = said(LogLevel::Warn).join("\n");
    assert!(warnings.contains("security.auth_token is set and not used"), "{warnings}");
    assert!(warnings.contains("security.encryption_key is set and not used"), "{warnings}");
    assert!(!warnings.contains("hunter2"), "{warnings}");
    assert_eq!(said(LogLevel::Error), Vec::<String>::new());
}

#[test]
fn a_key_encrypts_the_disk_queue() {
    let stored = |name: &str, key: &str| {
        let folder = folder(name);
        let mut config = ProductionConfig::new("https://127.0.0.1:1", "shop");
        config.transport.protocol = TransportProtocol::Http;
        config.security.enable_encryption = !key.is_empty();
        config.security.encryption_key = key.to_owned();
        let queue = DiskQueueConfig::new(&folder).with_durability(Durability::Always);
        let client = builder(config).with_disk_queue(queue).build_blocking().unwrap();
        client.logger("test").record(Severity::Info).body("a-body-to-look-for").emit();
        assert!(client.shutdown_blocking(Duration::from_secs(2)).durable);
        let mut bytes = Vec::new();
        let mut folders = vec![folder.clone()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() { folders.push(path) } else { bytes.extend(fs::read(path).unwrap()) }
            }
        }
        fs::remove_dir_all(&folder).unwrap();
        bytes.windows(18).any(|window| window == b"a-body-to-look-for")
    };
    assert!(stored("plain", ""), "the control: without a key it is there");
    assert!(!stored("hex", KEY));
    assert!(!stored("base64", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="));
}

#[test]
fn a_key_that_can_encrypt_nothing_is_refused_with_the_reason() {
    let mut config = ProductionConfig::new("https://127.0.0.1:1", "shop");
    config.security.enable_encryption = true;
    config.security.encryption_key = KEY.into();
    let error = refused(builder(config.clone()));
    assert!(error.starts_with("security.encryption_key: it encrypts the disk queue, and there is none"), "{error}");

    let queue = || DiskQueueConfig::new(folder("refused"));
    config.security.encryption_key = String::new();
    let error = refused(builder(config.clone()).with_disk_queue(queue()));
    assert!(error.contains("security.encryption_key: it is empty, enable_encryption is true"), "{error}");

    for key in ["your-encryption-key", &KEY[1..], &format!("{KEY}00"), &KEY.replace('0', "g"), "hunter2="] {
        config.security.encryption_key = key.to_owned();
        let error = refused(builder(config.clone()).with_disk_queue(queue()));
        let length = format!("security.encryption_key is text of {} characters, which is not shown", key.len());
        assert!(error.contains(&length) && error.contains("64 hexadecimal digits") && !error.contains(key), "{error}");
    }
}

#[test]
fn plaintext_is_refused_also_for_the_endpoint_of_one_signal() {
    let mut config = ProductionConfig::new("https://127.0.0.1:1", "shop");
    config.security.enable_encryption = true;
    let error = refused(builder(config).with_signal_endpoint(Signal::Logs, "http://127.0.0.1:1/v1/logs"));
    assert!(error.contains("http://127.0.0.1:1"), "{error}");
}

#[test]
fn files_of_certificates_that_are_missing_are_named() {
    for (name, tls) in [
        ("/no/such/ca.pem", TlsConfig { ca_file: "/no/such/ca.pem".into(), ..TlsConfig::default() }),
        (
            "/no/such/client.pem",
            TlsConfig {
                cert_file: "/no/such/client.pem".into(),
                key_file: "/no/such/client.key".into(),
                ..TlsConfig::default()
            },
        ),
    ] {
        let mut config = ProductionConfig::new("https://127.0.0.1:1", "shop");
        config.transport.tls_config = Some(tls);
        let error = refused(builder(config));
        assert!(error.contains(name), "{error}");
    }
}

#[test]
fn what_is_set_after_the_configuration_beats_it_and_the_first_refusal_is_told() {
    let receiver = receiver();
    let client = builder(config(&receiver)).with_service_name("other").build_blocking().unwrap();
    spans(&client, 1);
    assert!(client.shutdown_blocking(DEADLINE).complete);
    assert_eq!(receiver.store().spans()[0].resource.service_name(), Some("other"));

    let mut bad = config(&receiver);
    bad.batch.max_batch_size = 0;
    let error = refused(builder(bad).with_production_config(config(&receiver)));
    assert_eq!(error, "batch.max_batch_size is 0, but takes 1 to 1000000 items");
    let retry = RetryConfig { max_attempts: 0, ..RetryConfig::default() };
    assert!(refused(EnhancedOtlpClient::builder().with_retry_config(retry)).starts_with("retry.max_attempts is 0"));
    let endpoint = ProductionConfig::new("http://user:hunter2@a:4318", "shop");
    let error = refused(builder(endpoint));
    assert!(error.contains("http://a:4318") && !error.contains("hunter2"), "{error}");
}

#[test]
fn the_parts_beside_production_act() {
    let receiver = receiver();
    let folder = folder("beside");
    let mut config = ClientConfig::from(config(&receiver));
    config.resource_attributes.insert("service.namespace".into(), "${OTLP_TEST_NO_SUCH_VARIABLE:-shops}".into());
    config.batch_limits.max_in_flight = 1;
    (config.memory_pool.initial_size, config.memory_pool.max_size) = (128 << 10, 512 << 10);
    config.disk_queue =
        Some(DiskQueueConfig::new(format!("${{OTLP_TEST_NO_SUCH_VARIABLE:-{}}}/queue", folder.display())));
    let client = EnhancedOtlpClient::builder()
        .without_environment()
        .with_client_config(config.clone())
        .build_blocking()
        .unwrap();
    spans(&client, 1);
    assert!(folder.join("queue").is_dir());
    assert!(client.shutdown_blocking(DEADLINE).complete);
    assert_eq!(
        receiver.store().spans()[0].resource.attributes.get("service.namespace").and_then(otlp_core::Value::as_str),
        Some("shops")
    );
    fs::remove_dir_all(&folder).unwrap();

    config.disk_queue = None;
    config.memory_pool.max_size = 1;
    let error = refused(EnhancedOtlpClient::builder().with_client_config(config));
    assert!(error.contains("memory_pool.max_size is 1"), "{error}");
}
