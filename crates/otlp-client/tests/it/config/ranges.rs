//! Every number, size and duration of a configuration at both ends of its range, and one beyond each: what is within is
//! accepted, what is beyond is refused by an error that names the field, the value and the range.
//!
//! A field that is new makes `every_number_is_in_the_table` fail until its range is here.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use otlp_batch::DiskQueueConfig;
use otlp_client::{
    EnhancedOtlpClient,
    config::{
        AlertRuleConfig, AlertsConfig, BreakerConfig, ClientConfig, ConsulAgent, DeliveryConfig, DiscoveryConfig,
        KafkaSettings, LoadBalancerConfig, ProductionConfig, ServiceSource, StaticEndpoint, TelemetryConfig,
        WebhookConfig,
    },
    monitoring::{AlertMetric, Comparison},
};
use serde_json::Value;

/// What is accepted, what is refused, and what the error says of the range.
type Range = (&'static [&'static str], &'static [&'static str], &'static str);

/// A field, what has to stand beside it in its part, and its range.
type Row = (&'static str, &'static str, Range);

const TO_A_DAY: Range = (&["1ms", "1day"], &["0s", "999999ns", "1day 1ns"], "1 ms to 1 day");
const TO_AN_HOUR: Range = (&["1ms", "1h"], &["0s", "999999ns", "1h 1ns"], "1 ms to 1 h");
const TO_FIVE_MINUTES: Range = (&["1ms", "5m"], &["0s", "999999ns", "5m 1ns"], "1 ms to 5 min");
const NONE_TO_A_DAY: Range = (&["0s", "1day"], &["1day 1ns"], "0 to 1 day");
/// What is not even of the type is refused as a number of any size would be.
const COUNT: Range = (&["0", "4294967295"], &["-1", "4294967296"], "0 to ");
const SHARE: Range = (&["0", "1"], &["-0.1", "1.1", ".nan"], "0.0 to 1.0");
const PORT: Range = (&["1", "65535"], &["0", "65536"], "65535");
const SIXTEEN_BITS: Range = (&["0", "65535"], &["-1", "65536"], "0 to ");
const BATCH_BYTES: Range = (&["1KiB", "64MiB"], &["1023", "67108865"], "1024 to 67108864 bytes");

const RULE: &str = "name: a, metric: dropped_items, comparison: above, ";
const ABOVE_ONE: &str = "name: a, metric: dropped_items, comparison: above, threshold: 1, ";
const WEBHOOK: &str = "url: 'http://a', ";

#[rustfmt::skip]
const ROWS: &[Row] = &[
    ("connection.connect_timeout", "", TO_AN_HOUR),
    ("connection.request_timeout", "", TO_AN_HOUR),
    ("connection.keep_alive_timeout", "", TO_A_DAY),
    ("connection.max_idle_connections", "max_connections: 9, ", (&["0", "9"], &["-1", "10"], "0 to ")),
    ("connection.max_connections", "max_idle_connections: 0, ", (&["1", "10000"], &["0", "10001"], "1 to 10000")),
    ("batch.max_batch_size", "max_queue_size: 1000000, ", (&["1", "1000000"], &["0", "1000001"], "1 to 1000000 items")),
    ("batch.batch_timeout", "", TO_AN_HOUR),
    ("batch.max_queue_size", "max_batch_size: 1, ", (&["1", "1000000000"], &["0", "1000000001"], "1 to 1000000000 items")),
    ("retry.max_attempts", "", (&["1", "4294967294", "unlimited"], &["0", "4294967295", "-1"], "1 ")),
    ("retry.initial_interval", "max_interval: 1day, ", TO_A_DAY),
    ("retry.max_interval", "initial_interval: 2ms, ", (&["2ms", "1day"], &["1ms", "1day 1ns"], "initial_interval to 1 day")),
    ("retry.multiplier", "", (&["1", "1000"], &["0.999", "1000.1", ".nan"], "1.0 to 1000.0")),
    ("retry.randomization_factor", "", SHARE),
    ("monitoring.metrics_export_interval", "", TO_A_DAY),
    ("batch_limits.max_batch_bytes", "", BATCH_BYTES),
    ("batch_limits.max_in_flight", "", (&["1", "1024"], &["0", "1025"], "1 to 1024 batches")),
    ("batch_limits.max_record_bytes", "", BATCH_BYTES),
    ("batch_limits.catch_up_percent", "", (&["110", "100000", "null"], &["109", "100001"], "110 to 100000 percent")),
    ("memory_pool.initial_size", "max_size: 1MiB, chunk_size: 64KiB, ",
        (&["64KiB", "1MiB"], &["65535", "1048577"], "chunk_size to max_size")),
    ("memory_pool.max_size", "initial_size: 64KiB, ",
        (&["256KiB", "64GiB"], &["262143", "68719476737"], "262144 to 68719476736 bytes")),
    ("memory_pool.chunk_size", "initial_size: 64MiB, max_size: 64MiB, ",
        (&["4KiB", "16MiB"], &["4095", "16777217"], "4096 to 16777216 bytes")),
    ("memory_pool.growth_factor", "", (&["1.001", "16"], &["1", "16.1", ".nan"], "more than 1, at most 16")),
    ("memory_pool.gc_threshold", "", (&["0.001", "1"], &["0", "1.001", ".nan"], "more than 0, at most 1")),
    ("disk_queue.durability", "directory: /q, ",
        (&["10ms", "1m", "always", "none"], &["9ms", "1m 1ns"], "10 ms to 1 minute")),
    ("disk_queue.max_bytes", "directory: /q, segment_bytes: 64KiB, ",
        (&["4MiB", "1024TiB"], &["4194303", "1125899906842625"], "4194304 bytes to 1 PiB")),
    ("disk_queue.segment_bytes", "directory: /q, max_bytes: 4GiB, ",
        (&["64KiB", "1GiB"], &["65535", "1073741825"], "65536 to 1073741824 bytes")),
    ("disk_queue.max_age", "directory: /q, ", (&["1s", "100years"], &["999ms"], "1 second or more")),
    ("disk_queue.dead_letter_bytes", "directory: /q, ",
        (&["0", "1MiB", "1TiB"], &["1048575", "1099511627777"], "0, or 1048576 bytes to 1 TiB")),
    ("receivers.keep_alive.min_connections", "", (&["0", "100"], &["-1", "101", "201"], "0 to ")),
    ("receivers.keep_alive.ping_interval", "", TO_A_DAY),
    ("receivers.keep_alive.ping_timeout", "", TO_A_DAY),
    ("service_discovery.services.a.endpoints[0].weight", "address: 'b:1', ", SIXTEEN_BITS),
    ("service_discovery.services.a.endpoints[0].priority", "address: 'b:1', ", SIXTEEN_BITS),
    ("service_discovery.dns.min_ttl", "max_ttl: 1day, ", TO_A_DAY),
    ("service_discovery.dns.max_ttl", "min_ttl: 2s, ", (&["2s", "1day"], &["1s", "1day 1ns"], "min_ttl to 1 day")),
    ("service_discovery.dns.timeout", "", TO_FIVE_MINUTES),
    ("service_discovery.consul.max_staleness", "endpoint: 'http://a', stale_reads: true, ",
        (&["0s", "1day"], &["1day 1ns"], "0 s to 1 day")),
    ("service_discovery.consul.wait", "endpoint: 'http://a', ", (&["1s", "10m"], &["999ms", "10m 1ns"], "1 s to 10 min")),
    ("load_balancer.health_check_interval", "", TO_A_DAY),
    ("load_balancer.health_check_timeout", "health_check_interval: 1s, ", TO_A_DAY),
    ("load_balancer.health_check_port", "health_check_interval: 1s, health_check_path: /a, ", PORT),
    ("circuit_breaker.consecutive_failures", "", (&["1", "4294967295", ], &["0", "4294967296"], "")),
    ("circuit_breaker.failure_rate", "", (&["0.000001", "1"], &["0", "1.1", ".nan"], "0.000001 to 1.0")),
    ("circuit_breaker.minimum_calls", "failure_rate: 0.5, ", (&["1", "100"], &["0", "101"], "1 to 100 attempts")),
    ("circuit_breaker.half_open_probes", "", (&["1", "1023"], &["0", "1024"], "1 to 1023 attempts")),
    ("circuit_breaker.initial_break", "max_break: 1day, ", TO_A_DAY),
    ("circuit_breaker.max_break", "", (&["1s", "1day"], &["999ms", "1day 1ns"], "initial_break to 1 day")),
    ("circuit_breaker.break_jitter", "", SHARE),
    ("telemetry.sampler_ratio", "sampler: traceidratio, ", SHARE),
    ("telemetry.span_limits.attribute_count", "", COUNT),
    ("telemetry.span_limits.event_count", "", COUNT),
    ("telemetry.span_limits.link_count", "", COUNT),
    ("telemetry.span_limits.attributes_per_event", "", COUNT),
    ("telemetry.span_limits.attributes_per_link", "", COUNT),
    ("telemetry.span_limits.value_length", "", COUNT),
    ("telemetry.log_limits.attribute_count", "", COUNT),
    ("telemetry.log_limits.value_length", "", COUNT),
    ("telemetry.cardinality_limit", "", (&["1", "1000000"], &["0", "1000001"], "1 to 1000000 series")),
    ("telemetry.log_aggregation.interval", "", TO_AN_HOUR),
    ("telemetry.log_aggregation.max_records", "", (&["1", "1000000"], &["0", "1000001"], "1 to 1000000 records")),
    ("telemetry.log_aggregation.max_bytes", "", (&["1KiB", "1GiB"], &["1023", "1073741825"], "1 KiB to 1 GiB")),
    ("delivery.drop_deadline", "", (&["0s", "1h"], &["1h 1ns"], "0 ms to 1 h")),
    ("alerts.rules[0].threshold", RULE, (&["-1e308", "1e308"], &[".nan", "-.inf", "1e400"], "a finite number")),
    ("alerts.rules[0].clear_threshold", ABOVE_ONE, (&["-1e308", "1"], &["-.inf", "1.1"], "not above the threshold")),
    ("alerts.rules[0].for", ABOVE_ONE, NONE_TO_A_DAY),
    ("alerts.rules[0].keep_firing_for", ABOVE_ONE, NONE_TO_A_DAY),
    ("alerts.webhooks[0].timeout", WEBHOOK, TO_FIVE_MINUTES),
    ("alerts.webhooks[0].max_attempts", WEBHOOK, (&["1", "100"], &["0", "101"], "1 to 100 attempts")),
    ("alerts.webhooks[0].initial_interval", "url: 'http://a', max_interval: 1day, ", TO_A_DAY),
    ("alerts.webhooks[0].max_interval", "url: 'http://a', initial_interval: 2s, ",
        (&["2s", "1day"], &["1s", "1day 1ns"], "initial_interval to 1 day")),
    ("kafka.max_message_bytes", "brokers: ['a:1'], ",
        (&["1000", "1000000000"], &["999", "1000000001"], "1000 to 1000000000 bytes")),
    ("kafka.delivery_timeout", "brokers: ['a:1'], ", (&["100ms", "15m"], &["99ms", "15m 1ns"], "100 ms to 15 min")),
];

/// A file that says `value` of a field, and of its part what stands `beside`.
fn file(field: &str, beside: &str, value: &str) -> String {
    let (part, name) = field.rsplit_once('.').unwrap();
    let mut text = format!("{{{beside}{name}: {value}}}");
    for part in part.rsplit('.') {
        let (name, is_list) = part.strip_suffix("[0]").map_or((part, false), |name| (name, true));
        let inner = if is_list { format!("[{text}]") } else { text };
        // Who is asked by DNS.
        let service = if name == "dns" { "services: {a: {dns: 'b:1'}}, " } else { "" };
        text = format!("{{{service}{name}: {inner}}}");
    }
    let text = text.strip_prefix('{').and_then(|text| text.strip_suffix('}')).unwrap();
    // A balancer needs something to balance over.
    let found = if field.starts_with("load_balancer") { "service_discovery: {}\n" } else { "" };
    format!("endpoint: https://a:4318\nservice_name: shop\n{found}{text}\n")
}

#[test]
fn what_is_within_a_range_is_accepted_and_what_is_beyond_it_refused_by_name() {
    for (field, beside, (accepted, refused, range)) in ROWS {
        if field.starts_with("kafka") && !cfg!(feature = "kafka") {
            continue;
        }
        for value in *accepted {
            let read = ClientConfig::from_yaml_str(&file(field, beside, value));
            assert!(read.is_ok(), "{field}: {value}: {}", read.unwrap_err());
        }
        for value in *refused {
            let Err(error) = ClientConfig::from_yaml_str(&file(field, beside, value)) else {
                panic!("{field}: {value}")
            };
            let error = error.to_string();
            assert!(error.contains(&format!(": {field} is ")), "{field}: {value}: {error}");
            let (_, accepted) = error.split_once(", but takes ").unwrap_or_else(|| panic!("{field}: {error}"));
            assert!(accepted.contains(range) && !accepted.is_empty(), "{field}: {value}: {error}");
        }
    }
}

/// A configuration in which every number is said.
fn full() -> ClientConfig {
    let mut config = ClientConfig::from(ProductionConfig::new("https://a:4318", "shop"));
    config.production.retry.max_attempts = 1;
    let age = Duration::from_secs(60);
    config.disk_queue = Some(DiskQueueConfig::new("/q").with_max_age(age));
    config.receivers.auth_token_file = Some("/t".into());
    let endpoint = StaticEndpoint { weight: 2, ..StaticEndpoint::from("b:1") };
    let source = ServiceSource { endpoints: Some(vec![endpoint]), ..ServiceSource::default() };
    config.service_discovery = Some(DiscoveryConfig {
        services: [("a".to_owned(), source)].into(),
        consul: Some(ConsulAgent::new("http://a")),
        ..DiscoveryConfig::default()
    });
    config.load_balancer = Some(LoadBalancerConfig {
        health_check_interval: Some(age),
        health_check_port: Some(1),
        ..LoadBalancerConfig::default()
    });
    config.circuit_breaker =
        Some(BreakerConfig { failure_rate: Some(0.5), minimum_calls: Some(5), ..BreakerConfig::default() });
    config.telemetry = TelemetryConfig {
        sampler_ratio: Some(0.5),
        span_limits: Some(otlp_sdk::trace::SpanLimits { value_length: Some(5), ..Default::default() }),
        log_limits: Some(otlp_sdk::logs::LogLimits { value_length: Some(5), ..Default::default() }),
        cardinality_limit: Some(5),
        log_aggregation: Some(Default::default()),
        ..TelemetryConfig::default()
    };
    config.delivery = Some(DeliveryConfig::default());
    let mut rule = AlertRuleConfig::new("a", AlertMetric::PendingItems, Comparison::Above, 1.0);
    rule.clear_threshold = Some(0.5);
    config.alerts = Some(AlertsConfig {
        rules: Some(vec![rule]),
        webhooks: vec![WebhookConfig::new("http://a")],
        ..AlertsConfig::default()
    });
    config.kafka = Some(KafkaSettings::new(["a:1"]));
    config
}

/// The numbers, sizes and durations of a document, by their fields.
fn numbers(path: &str, value: &Value, found: &mut BTreeMap<String, Value>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                let inner = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                numbers(&inner, value, found);
            }
        }
        Value::Array(entries) => {
            entries.iter().enumerate().for_each(|(at, entry)| numbers(&format!("{path}[{at}]"), entry, found));
        }
        Value::Number(_) => drop(found.insert(path.to_owned(), value.clone())),
        Value::String(text) => {
            // `64KiB`, `500ms`, `1m 30s`, and no names or addresses.
            let units = ["B", "KiB", "MiB", "GiB", "TiB", "ns", "us", "ms", "s", "m", "h", "day", "days"];
            let is_measured = |word: &str| {
                let digits = word.bytes().take_while(u8::is_ascii_digit).count();
                digits > 0 && units.contains(&&word[digits..])
            };
            if text.split(' ').all(is_measured) {
                found.insert(path.to_owned(), value.clone());
            }
        }
        Value::Null | Value::Bool(_) => {}
    }
}

#[test]
fn every_number_is_in_the_table() {
    let mut found = BTreeMap::new();
    numbers("", &serde_json::to_value(full()).unwrap(), &mut found);
    let found: BTreeSet<&str> = found.keys().map(String::as_str).collect();
    let table: BTreeSet<&str> = ROWS.iter().map(|(field, ..)| *field).collect();
    assert_eq!(table.difference(&found).collect::<Vec<_>>(), [&""; 0], "no field any more");
    assert_eq!(found.difference(&table).collect::<Vec<_>>(), [&""; 0], "not in the table");
    assert_eq!(table.len(), ROWS.len(), "twice in the table");
}

/// Nothing that changes is passed over in silence, whether or not it can change while a client runs.
#[test]
fn a_reload_names_every_number_that_changes() {
    let read = |text: &str| ClientConfig::from_yaml_str(text).unwrap();
    let base = "endpoint: https://a:4318\nservice_name: shop\nmonitoring: {enable_performance_metrics: false}";
    let client = EnhancedOtlpClient::builder()
        .without_environment()
        .with_diagnostics(|_| {})
        .with_drop_deadline(Duration::ZERO)
        .with_client_config(read(base))
        .build_blocking()
        .unwrap();
    for (field, beside, (accepted, ..)) in ROWS {
        if field.starts_with("kafka") && !cfg!(feature = "kafka") {
            continue;
        }
        let mut named = Vec::new();
        // One of the two may be what is in force.
        for value in [accepted[0], accepted[1]] {
            let reloaded = client.reload_client_config(&read(&file(field, beside, value))).unwrap();
            assert!(reloaded.applied.iter().all(|path| !reloaded.needs_restart.contains(path)), "{field}");
            named.extend(reloaded.applied.into_iter().chain(reloaded.needs_restart));
        }
        let is_it = |path: &String| {
            field.strip_prefix(path.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
        };
        assert!(named.iter().any(is_it), "{field}: {named:?}");
    }
}
