//! YAML files: read, written, and read back.

use std::{fs, time::Duration};

use otlp_batch::{BatchStrategy, DiskQueueConfig, Durability, MemoryPoolConfig, OnFull};
use otlp_client::config::{
    ClientConfig, ErrorType, LogFormat, LogLevel, ProductionConfig, RetryConfig, TlsConfig, TransportProtocol,
};
use otlp_transport::Compression;
use proptest::{collection::btree_map, option, prelude::*, sample::select};

use super::full;

#[test]
fn every_field_is_read_as_people_write_it() {
    let text = "
endpoint: https://otel-collector:4317
service_name: production-app
service_version: '1.0.0'
environment: production
transport:
  protocol: grpc
  compression: gzip
  tls_config:
    cert_file: /etc/ssl/certs/client.crt
    key_file: /etc/ssl/private/client.key
    ca_file: /etc/ssl/certs/ca.crt
connection: {connect_timeout: 10s, request_timeout: 1m, keep_alive_timeout: 60s,
  max_idle_connections: 100, max_connections: 200}
batch: {max_batch_size: 1000, batch_timeout: 200ms, max_queue_size: 50000, strategy: hybrid}
retry:
  max_attempts: 3
  initial_interval: 100ms
  max_interval: 5s
  multiplier: 2
  randomization_factor: 0.1
  retryable_errors: [network, timeout]
monitoring:
  enable_performance_metrics: true
  metrics_export_interval: 10s
  health_check_endpoint: http://localhost:8080/health
security:
  enable_authentication: true
  auth_token: your-production-token
  enable_encryption: true
  encryption_key: your-encryption-key
logging: {log_level: info, enable_structured_logging: true, enable_log_aggregation: true, log_format: json}
";
    assert_eq!(ProductionConfig::from_yaml_str(text).unwrap(), full());
}

#[test]
fn what_is_left_out_has_the_defaults_and_the_protocol_of_the_port() {
    for (endpoint, protocol) in [
        ("http://a:4317", TransportProtocol::Grpc),
        ("http://a:4318", TransportProtocol::Http),
        ("http://a", TransportProtocol::Http),
    ] {
        let text = format!("endpoint: {endpoint}\nservice_name: shop\nbatch:\nretry: {{}}\nlogging: # nothing\n");
        let config = ProductionConfig::from_yaml_str(&text).unwrap();
        assert_eq!(config, ProductionConfig::new(endpoint, "shop"));
        assert_eq!(config.transport.protocol, protocol);
    }
    let said = "endpoint: http://a:4317\nservice_name: shop\ntransport: {protocol: http}";
    let config = ProductionConfig::from_yaml_str(said).unwrap();
    assert_eq!(config.transport.protocol, TransportProtocol::Http, "what is said beats the port");
}

#[test]
fn a_batch_fits_into_the_queue_where_only_the_queue_is_said() {
    for (batch, expected) in
        [("max_queue_size: 100", 100), ("max_queue_size: 9000", 8192), ("strategy: time_based, max_queue_size: 5", 5)]
    {
        let text = format!("endpoint: http://a\nservice_name: shop\nbatch: {{{batch}}}");
        assert_eq!(ProductionConfig::from_yaml_str(&text).unwrap().batch.max_batch_size, expected, "{batch}");
    }
}

#[test]
fn a_port_that_a_reference_hides_chooses_no_protocol() {
    for (endpoint, protocol) in [
        ("http://${HOST}:4317", Some(TransportProtocol::Grpc)),
        ("http://${HOST:-a}:4318/", Some(TransportProtocol::Http)),
        ("${ENDPOINT}", None),
        ("${ENDPOINT:-http://a:4317}", None),
        ("http://a:${PORT}", None),
    ] {
        let text = format!("endpoint: {endpoint}\nservice_name: shop\n");
        let read = ProductionConfig::from_yaml_str(&text);
        match protocol {
            Some(protocol) => assert_eq!(read.unwrap().transport.protocol, protocol),
            None => {
                let error = read.unwrap_err().to_string();
                assert!(error.contains("transport.protocol: it is missing"), "{error}");
                let said = format!("{text}transport: {{protocol: grpc}}\n");
                assert!(ProductionConfig::from_yaml_str(&said).is_ok());
            }
        }
    }
}

#[test]
fn json_is_read_as_well() {
    let config = ProductionConfig::from_yaml_str(
        r#"{"endpoint": "http://a:4318", "service_name": "shop", "batch": {"max_batch_size": 7}}"#,
    );
    assert_eq!(config.unwrap().batch.max_batch_size, 7);
}

#[test]
fn a_file_is_private_and_replaces_the_old_one() {
    let folder = std::env::temp_dir().join(format!("otlp-config-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let path = folder.join("telemetry.yaml");
    fs::write(&path, "old").unwrap();
    full().to_yaml_file(&path).unwrap();
    assert_eq!(ProductionConfig::from_yaml_file(&path).unwrap(), full());
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }
    // What a process of the same id left that was killed, as in a container each first one has.
    for number in 0..200 {
        fs::write(folder.join(format!(".telemetry.yaml.{}-{number}", std::process::id())), "left").unwrap();
    }
    std::thread::scope(|threads| {
        let write = || (0..20).for_each(|_| full().to_yaml_file(&path).unwrap());
        (0..2).for_each(|_| drop(threads.spawn(write)));
    });
    assert_eq!(ProductionConfig::from_yaml_file(&path).unwrap(), full());
    assert!(fs::read_dir(&folder).unwrap().count() <= 201, "nothing is left beside it but what was");
    let error = full().to_yaml_file(folder.join("no/such/folder.yaml")).unwrap_err().to_string();
    assert!(error.contains("no/such/folder.yaml"), "{error}");
    fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn a_key_that_a_disk_queue_has_of_its_own_is_not_lost_in_silence() {
    let key = otlp_batch::EncryptionKey::from_bytes([7; 32]);
    let mut config = ClientConfig::from(full());
    config.disk_queue = Some(DiskQueueConfig::new("/var/spool").with_encryption_key(key));
    let error = config.to_yaml().unwrap_err().to_string();
    assert!(error.contains("security.encryption_key"), "{error}");
}

/// Text that means something else to YAML, or nothing.
pub(super) fn text() -> impl Strategy<Value = String> {
    let special = [
        "",
        "1.0",
        "true",
        "null",
        "~",
        "yes",
        "#",
        "a: b",
        "- a",
        "'",
        "\"",
        "\\",
        " a ",
        "\t",
        "é",
        "%",
        "@",
        "|",
        "${A:-b}",
        "$${",
        "2020-01-01",
        ".nan",
        "0x10",
        "*a",
        "&a",
        "!a",
        "---",
        "\u{feff}",
        "\u{85}",
    ];
    prop_oneof![select(special.to_vec()).prop_map(str::to_owned), "[ -~]{0,24}", "\\PC{0,12}", "(?s).{0,6}"]
}

pub(super) fn name() -> impl Strategy<Value = String> {
    text().prop_filter("not empty", |text| !text.trim().is_empty())
}

pub(super) fn duration(range: std::ops::RangeInclusive<u64>) -> impl Strategy<Value = Duration> {
    prop_oneof![
        range.clone().prop_map(Duration::from_nanos),
        range.prop_map(|nanos| Duration::from_millis((nanos / 1_000_000).max(1)))
    ]
}

/// Where a health endpoint may be.
const HEALTH: [&str; 3] = ["http://localhost:0", "http://[::1]:8080/live", "${HEALTH:-http://0.0.0.0:80}"];

pub(super) const MS: u64 = 1_000_000;
pub(super) const HOUR: u64 = 3_600_000 * MS;

prop_compose! {
    fn production()(
        texts in (name(), text(), text(), text(), option::of(select(HEALTH.to_vec()).prop_map(str::to_owned))),
        protocol in select(vec![TransportProtocol::Http, TransportProtocol::HttpJson, TransportProtocol::Grpc]),
        compression in select(vec![Compression::None, Compression::Gzip, Compression::Zstd]),
        tls in option::of((any::<bool>(), name())),
        waits in (duration(MS..=HOUR), duration(MS..=HOUR), duration(MS..=24 * HOUR), duration(MS..=HOUR)),
        connections in (1..=10_000usize).prop_flat_map(|most| (0..=most, Just(most))),
        batch in (1..=1_000_000usize, 1..=1_000_000_000usize),
        strategy in select(vec![BatchStrategy::SizeBased, BatchStrategy::TimeBased, BatchStrategy::Hybrid]),
        attempts in prop_oneof![1..100u32, Just(RetryConfig::UNLIMITED)],
        intervals in (duration(MS..=HOUR), duration(0..=HOUR)),
        factors in (1.0..=1000.0f64, 0.0..=1.0f64),
        errors in proptest::sample::subsequence(ErrorType::ALL.to_vec(), 0..=5),
        flags in any::<[bool; 7]>(),
        secrets in (name(), text()),
        level in select({
            use LogLevel::{Debug, Error, Info, Off, Trace, Warn};
            vec![Trace, Debug, Info, Warn, Error, Off]
        }),
        format in select(vec![LogFormat::Json, LogFormat::Text]),
    ) -> ProductionConfig {
        let mut config = full();
        (config.service_name, config.service_version, config.environment, _, _) = texts.clone();
        (_, _, _, config.security.encryption_key, config.monitoring.health_check_endpoint) = texts;
        config.transport.protocol = protocol;
        config.transport.compression = compression;
        config.transport.tls_config = tls.map(|(has_identity, file)| TlsConfig {
            enabled: true,
            cert_file: if has_identity { file.clone() } else { String::new() },
            key_file: if has_identity { file.clone() } else { String::new() },
            ca_file: file,
        });
        (config.connection.connect_timeout, config.connection.request_timeout, _, _) = waits;
        (_, _, config.connection.keep_alive_timeout, config.batch.batch_timeout) = waits;
        (config.connection.max_idle_connections, config.connection.max_connections) = connections;
        (config.batch.max_batch_size, config.batch.max_queue_size) = batch;
        if strategy != BatchStrategy::TimeBased {
            // In a smaller queue no batch would ever be complete: it is refused.
            config.batch.max_queue_size = config.batch.max_queue_size.max(config.batch.max_batch_size);
        }
        config.batch.strategy = strategy;
        config.retry.max_attempts = attempts;
        config.retry.initial_interval = intervals.0;
        config.retry.max_interval = intervals.0 + intervals.1;
        (config.retry.multiplier, config.retry.randomization_factor) = factors;
        config.retry.retryable_errors = errors;
        let [performance, resource, custom, authentication, encryption, structured, aggregation] = flags;
        config.monitoring.enable_performance_metrics = performance;
        config.monitoring.enable_resource_metrics = resource;
        config.monitoring.enable_custom_metrics = custom;
        config.security.enable_authentication = authentication;
        config.security.enable_encryption = encryption;
        (config.security.auth_token, _) = secrets;
        config.logging.enable_structured_logging = structured;
        config.logging.enable_log_aggregation = aggregation;
        (config.logging.log_level, config.logging.log_format) = (level, format);
        config
    }
}

prop_compose! {
    fn disk_queue()(
        directory in name(),
        durability in prop_oneof![
            Just(Durability::Always),
            Just(Durability::None),
            duration(10 * MS..=60_000 * MS).prop_map(Durability::Interval),
        ],
        segment in (64u64 << 10)..=(1 << 20),
        max in (4u64 << 20)..=(1 << 50),
        age in option::of(duration(1000 * MS..=HOUR)),
        dead in prop_oneof![Just(0u64), (1u64 << 20)..=(1 << 40)],
    ) -> DiskQueueConfig {
        let config = DiskQueueConfig::new(directory)
            .with_durability(durability)
            .with_segment_bytes(segment)
            .with_max_bytes(max)
            .with_dead_letter_bytes(dead);
        match age {
            // An interval may be one of less than a second when it is cut to milliseconds.
            Some(age) => config.with_max_age(age.max(Duration::from_secs(1))),
            None => config,
        }
    }
}

proptest! {
    #[test]
    fn what_is_written_reads_back_as_the_same(config in production()) {
        let yaml = config.to_yaml().unwrap();
        let read = ProductionConfig::from_yaml_str(&yaml);
        prop_assert_eq!(read.map_err(|error| format!("{error}\n{yaml}")), Ok(config));
    }

    #[test]
    fn so_does_what_is_beside_it(
        attributes in btree_map(name(), text(), 0..4),
        weights in ((1usize << 10)..=(64 << 20), 1..=1024usize, (1usize << 10)..=(64 << 20)),
        catch_up in option::of(110..=100_000u32),
        on_full in select(vec![OnFull::DropNewest, OnFull::DropOldest, OnFull::Block]),
        sizes in ((4usize << 10)..=(64 << 10), (256usize << 10)..=(64 << 30)),
        factors in (1.001..=16.0f64, 0.001..=1.0f64),
        disk_queue in option::of(disk_queue()),
    ) {
        let mut config = ClientConfig::from(full());
        config.resource_attributes = attributes;
        let limits = &mut config.batch_limits;
        (limits.max_batch_bytes, limits.max_in_flight, limits.max_record_bytes) = weights;
        (config.batch_limits.catch_up_percent, config.batch_limits.on_full) = (catch_up, on_full);
        config.memory_pool = MemoryPoolConfig {
            initial_size: 256 << 10,
            max_size: sizes.1,
            chunk_size: sizes.0,
            growth_factor: factors.0,
            gc_threshold: factors.1,
        };
        config.disk_queue = disk_queue;
        let yaml = config.to_yaml().unwrap();
        let read = ClientConfig::from_yaml_str(&yaml);
        prop_assert_eq!(read.map_err(|error| format!("{error}\n{yaml}")), Ok(config));
    }
}
