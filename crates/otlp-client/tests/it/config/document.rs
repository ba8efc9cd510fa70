//! `docs/configuration.md`: the file in it says every field there is, with the default that it has. A field that is new,
//! renamed or has another default makes these tests fail until the page says so.

use std::{collections::BTreeMap, fs, path::Path};

use otlp_batch::DiskQueueConfig;
use otlp_client::{
    EnhancedOtlpClient,
    config::{
        AlertRuleConfig, AlertsConfig, BreakerConfig, ClientConfig, ConfigFileError, ConsulAgent, DeliveryConfig,
        DiscoveryConfig, FieldProblem, KafkaSettings, LoadBalancerConfig, ProductionConfig, Registration,
        ServiceSource, TlsConfig, WebhookConfig,
    },
    monitoring::{AlertMetric, Comparison},
};
use otlp_receiver::Receiver;
use serde_json::Value;

use super::from_yaml::batches;
use crate::setup::receiver;

/// What has no default. All else has one, and the page names it.
const REQUIRED: [&str; 10] = [
    "alerts.rules[].comparison",
    "alerts.rules[].metric",
    "alerts.rules[].name",
    "alerts.rules[].threshold",
    "alerts.webhooks[].url",
    "disk_queue.directory",
    "endpoint",
    "kafka.brokers",
    "service_discovery.consul.endpoint",
    "service_name",
];

/// The lines of the file on the page.
fn lines() -> Vec<String> {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/configuration.md");
    let page = fs::read_to_string(page).unwrap();
    let (_, begins) = page.split_once("```yaml\n").unwrap();
    begins.split_once("```").unwrap().0.lines().map(str::to_owned).collect()
}

/// A line that is part of the file once its `#` is taken away: prose has a space behind it, and no field is indented by
/// one.
fn uncommented(line: &str) -> Option<&str> {
    let field = line.strip_prefix('#')?;
    let is_prose = field.starts_with(' ') && !field.starts_with("  ");
    (!is_prose && !field.is_empty()).then_some(field)
}

/// A configuration in which every part is there and says nothing.
fn defaults() -> ClientConfig {
    let mut config = ClientConfig::from(ProductionConfig::new("http://localhost:4317", "shop"));
    config.production.transport.tls_config = Some(TlsConfig::default());
    config.disk_queue = Some(DiskQueueConfig::new("/var/spool/shop"));
    config.service_discovery = Some(DiscoveryConfig {
        services: [("otel-collector".to_owned(), ServiceSource::default())].into(),
        consul: Some(ConsulAgent::new("http://127.0.0.1:8500")),
        registration: Some(Registration::default()),
        ..DiscoveryConfig::default()
    });
    config.load_balancer = Some(LoadBalancerConfig::default());
    config.circuit_breaker = Some(BreakerConfig::default());
    config.delivery = Some(DeliveryConfig::default());
    let rule = AlertRuleConfig::new("a", AlertMetric::PendingItems, Comparison::Above, 1.0);
    let webhooks = vec![WebhookConfig::new("https://a")];
    config.alerts = Some(AlertsConfig { rules: Some(vec![rule]), webhooks, ..AlertsConfig::default() });
    config.kafka = Some(KafkaSettings::new(["kafka-1:9092"]));
    // What says nothing is not written: a value that is no default makes it so, and has its own back below.
    config.telemetry.cardinality_limit = Some(0);
    config.telemetry.span_limits = Some(Default::default());
    config.telemetry.log_limits = Some(Default::default());
    config.telemetry.log_aggregation = Some(Default::default());
    config.receivers.tls.system_roots = true;
    config.health.public = true;
    config.resource_attributes.insert("a".into(), "b".into());
    config
}

/// The fields of a document with their values as the page writes them.
fn fields(path: &str, value: &Value, found: &mut BTreeMap<String, String>) {
    let join = |items: &[Value]| items.iter().map(written).collect::<Vec<_>>().join(", ");
    match value {
        Value::Object(inner) if !inner.is_empty() && path != "resource_attributes" => {
            for (name, value) in inner {
                let inner = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                fields(&inner, value, found);
            }
        }
        Value::Array(items) if items.first().is_some_and(Value::is_object) => {
            fields(&format!("{path}[]"), &items[0], found);
        }
        Value::Array(items) if !items.is_empty() => drop(found.insert(path.to_owned(), format!("[{}]", join(items)))),
        other => drop(found.insert(path.to_owned(), written(other))),
    }
}

fn written(value: &Value) -> String {
    match value {
        Value::String(text) if text.is_empty() => "none".to_owned(),
        Value::String(text) => text.clone(),
        Value::Bool(_) | Value::Number(_) => value.to_string(),
        _ => "none".to_owned(),
    }
}

/// The fields of the page, and what it says of each.
fn documented() -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut parents: Vec<(usize, String)> = Vec::new();
    for line in lines() {
        let line = match uncommented(&line) {
            Some(field) => field,
            None if line.starts_with('#') || line.trim().is_empty() => continue,
            None => &line,
        };
        let text = line.trim_start();
        let (mut indent, mut text) = (line.len() - text.len(), text);
        if let Some(entry) = text.strip_prefix("- ") {
            (indent, text) = (indent + 2, entry);
            if let Some((_, list)) = parents.iter_mut().rfind(|(at, _)| *at < indent)
                && !list.ends_with("[]")
            {
                list.push_str("[]");
            }
        }
        parents.retain(|(at, _)| *at < indent);
        let (name, rest) = text.split_once(':').unwrap_or_else(|| panic!("no field: {line}"));
        let path: Vec<&str> = parents.iter().map(|(_, name)| name.as_str()).chain([name]).collect();
        let (value, said) = rest.split_once("  # ").unwrap_or((rest, ""));
        if value.trim().is_empty() {
            parents.push((indent, name.to_owned()));
        } else {
            assert!(found.insert(path.join("."), said.to_owned()).is_none(), "twice: {line}");
        }
    }
    found
}

#[test]
fn the_page_names_every_field_with_its_default() {
    let mut known = BTreeMap::new();
    fields("", &serde_json::to_value(defaults()).unwrap(), &mut known);
    // Those that were set to be written, and one that is not written while there is none.
    for (field, default) in [
        ("disk_queue.max_age", "none"),
        ("telemetry.cardinality_limit", "2000"),
        ("receivers.tls.system_roots", "false"),
        ("health.public", "false"),
        ("resource_attributes", "none"),
    ] {
        known.insert(field.to_owned(), default.to_owned());
    }
    let documented = documented();
    let missing: Vec<&String> = known.keys().filter(|field| !documented.contains_key(*field)).collect();
    let unknown: Vec<&String> = documented.keys().filter(|field| !known.contains_key(*field)).collect();
    assert!(missing.is_empty() && unknown.is_empty(), "missing on the page: {missing:?}; not a field: {unknown:?}");
    let expected = |field: &String, default: &String| match REQUIRED.contains(&field.as_str()) {
        true => "required".to_owned(),
        false => format!("default {default}"),
    };
    let wrong: Vec<String> = known
        .iter()
        .map(|(field, default)| (field, expected(field, default), documented[field].split(';').next().unwrap()))
        .filter(|(_, expected, said)| said != expected)
        .map(|(field, expected, said)| format!("{field}: {said:?}, not {expected:?}"))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let vague: Vec<&String> =
        documented.iter().filter(|(_, said)| !said.contains(';')).map(|(field, _)| field).collect();
    assert!(vague.is_empty(), "without range or effect: {vague:?}");
}

/// What is not commented out is what a file of two lines means.
#[test]
fn the_file_of_the_page_means_the_defaults_and_builds_a_client_that_delivers() {
    let text = lines().join("\n");
    let config = ClientConfig::from_yaml_str(&text).unwrap();
    let mut expected = ClientConfig::from(ProductionConfig::new("http://localhost:4317", "shop"));
    expected.circuit_breaker = Some(BreakerConfig::default());
    expected.delivery = Some(DeliveryConfig::default());
    assert_eq!(config, expected);

    let receiver: Receiver = receiver();
    let mut config = config;
    config.production.endpoint = receiver.grpc_endpoint();
    let client =
        EnhancedOtlpClient::builder().without_environment().with_client_config(config).build_blocking().unwrap();
    batches(&client, 2);
    assert_eq!(receiver.store().spans().len(), 2);
}

/// Fields that exclude each other cannot all be in a file; but names and types are judged before that is.
#[test]
fn what_is_commented_out_can_be_read() {
    let all: Vec<String> = lines().iter().map(|line| uncommented(line).unwrap_or(line).to_owned()).collect();
    let error = ClientConfig::from_yaml_str(&all.join("\n")).unwrap_err();
    let ConfigFileError::Field(error) = error else { panic!("{error}") };
    assert!(matches!(error.problem(), FieldProblem::Contradiction { .. }), "{error}");
}
