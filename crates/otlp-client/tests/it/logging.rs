//! What the client says about itself, and the form in which log records reach the receiver.

use std::{process::Command, sync::Arc, time::Duration};

use otlp_batch::{BatchConfig, Fate};
use otlp_client::{
    Diagnostic, DiagnosticSeverity, EnhancedOtlpClient, Environment, LogFormat, LogLevel, LoggingConfig,
};
use otlp_core::{Signal, Value, data::Severity};
use otlp_sdk::logs::LogAggregation;
use parking_lot::Mutex;

use crate::setup::{DEADLINE, builder, receiver, spans};

/// Which kind of output a child process is asked for.
const FORMAT: &str = "OTLP_TEST_LOG_FORMAT";

fn logging(log_level: LogLevel, log_format: LogFormat) -> LoggingConfig {
    LoggingConfig { log_level, log_format, ..LoggingConfig::default() }
}

/// What a client of this level says while it delivers three spans to a receiver and loses two more.
fn said(level: impl Fn(otlp_client::ClientBuilder) -> otlp_client::ClientBuilder) -> Vec<Diagnostic> {
    let receiver = receiver();
    let said = Arc::new(Mutex::new(Vec::new()));
    let sink = Arc::clone(&said);
    let (builder, _) = builder(receiver.http_endpoint());
    let builder = builder.with_diagnostics(move |one| sink.lock().push(one.clone()));
    let client = level(builder).build_blocking().unwrap();
    for _ in 0..3 {
        spans(&client, 1);
        assert!(client.flush_blocking(DEADLINE).complete);
    }
    client.shutdown_blocking(DEADLINE);
    spans(&client, 2);
    Arc::try_unwrap(said).map_or_else(|shared| shared.lock().clone(), Mutex::into_inner)
}

fn count(said: &[Diagnostic], severity: DiagnosticSeverity) -> usize {
    said.iter().filter(|one| one.severity == severity).count()
}

#[test]
fn a_level_decides_what_is_said() {
    use DiagnosticSeverity::{Debug, Error, Trace};
    let at = |level| said(|builder| builder.with_logging(logging(level, LogFormat::Text)));
    let error = at(LogLevel::Error);
    assert_eq!((error.len(), count(&error, Error)), (1, 1), "{error:?}");
    assert!(at(LogLevel::Off).is_empty());
    let debug = at(LogLevel::Debug);
    // It is built; a delivery, at a limited rate; three flushes and a shutdown.
    assert_eq!((count(&debug, Debug), count(&debug, Trace), count(&debug, Error)), (6, 0, 1), "{debug:?}");
    let trace = at(LogLevel::Trace);
    assert_eq!((count(&trace, Trace), count(&trace, Debug)), (3, 5), "each batch: {trace:?}");
}

#[test]
fn the_level_of_the_environment_acts_unless_code_says_otherwise() {
    let environment =
        |value: &'static str| Environment::read(move |name| (name == "OTEL_LOG_LEVEL").then(|| value.to_owned()));
    let off = said(|builder| builder.with_environment(environment("off")));
    assert!(off.is_empty(), "{off:?}");
    let both = said(|builder| {
        builder.with_environment(environment("off")).with_logging(logging(LogLevel::Error, LogFormat::Text))
    });
    assert_eq!(both.len(), 1, "{both:?}");
    let bad = said(|builder| builder.with_environment(environment("loud")));
    let warning = bad.iter().find(|one| one.severity == DiagnosticSeverity::Warning).unwrap();
    assert!(warning.message.contains("OTEL_LOG_LEVEL: \"loud\" is not known; accepted: trace, debug"), "{warning}");
}

#[test]
fn messages_have_fields_for_programs() {
    let said = said(|builder| builder.with_logging(logging(LogLevel::Debug, LogFormat::Text)));
    let delivered = said.iter().find(|one| one.message.contains("took 1 spans")).unwrap();
    assert_eq!(delivered.fields.get("signal"), Some(&Value::from("traces")));
    assert_eq!(delivered.fields.get("destination"), Some(&Value::from("otlp (http/protobuf)")));
    assert_eq!(delivered.fields.get("items"), Some(&Value::from(1)));
    let lost = said.iter().find(|one| one.severity == DiagnosticSeverity::Error).unwrap();
    assert_eq!(lost.fields.get("reason"), Some(&Value::from("shut_down")), "{lost:?}");
}

#[test]
fn the_level_can_change_while_the_client_runs() {
    let receiver = receiver();
    let (builder, said) = builder(receiver.http_endpoint());
    let client = builder.build_blocking().unwrap();
    client.flush_blocking(DEADLINE);
    assert!(said.lock().is_empty(), "{said:?}");
    client.set_log_output(LogLevel::Debug, LogFormat::Text);
    client.flush_blocking(DEADLINE);
    assert_eq!(said.lock().len(), 1, "{said:?}");
}

/// Not a test of its own: what the next one looks at from outside, for only a process has a standard error.
#[test]
fn speaks_on_standard_error_if_asked_to() {
    let Ok(format) = std::env::var(FORMAT) else { return };
    let format = if format == "json" { LogFormat::Json } else { LogFormat::Text };
    let client = EnhancedOtlpClient::builder()
        .without_environment()
        .with_endpoint("http://127.0.0.1:9")
        .with_logging(logging(LogLevel::Error, format))
        .build_blocking()
        .unwrap();
    client.shutdown_blocking(Duration::ZERO);
    spans(&client, 1);
}

/// The lines that a process with this format prints.
fn lines(format: &str) -> Vec<String> {
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "logging::speaks_on_standard_error_if_asked_to", "--nocapture"])
        .env(FORMAT, format)
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stderr).unwrap().lines().map(str::to_owned).collect()
}

#[test]
fn standard_error_gets_a_line_of_text_or_an_object_of_json_per_message() {
    let text = lines("text");
    assert_eq!(text.len(), 1, "{text:?}");
    assert!(text[0].starts_with("otlp: error: dropped 1 spans: the client was shut down"), "{text:?}");

    let json = lines("json");
    assert_eq!(json.len(), 1, "{json:?}");
    let object: serde_json::Value = serde_json::from_str(&json[0]).unwrap();
    assert_eq!(object["level"], "error");
    assert_eq!(object["target"], "otlp");
    assert_eq!(object["signal"], "traces");
    assert_eq!(object["items"], 1);
    assert_eq!(object["reason"], "shut_down");
    assert!(object["message"].as_str().unwrap().starts_with("dropped 1 spans"));
    let timestamp = object["timestamp"].as_str().unwrap();
    assert!(timestamp.ends_with('Z') && timestamp.len() == "2026-01-01T00:00:00.000Z".len(), "{timestamp}");
}

#[test]
fn without_structure_records_arrive_as_text() {
    let receiver = receiver();
    let (builder, _) = builder(receiver.http_endpoint());
    let config = LoggingConfig { enable_structured_logging: false, ..LoggingConfig::default() };
    let client = builder.with_logging(config).build_blocking().unwrap();
    client.logger("shop").record(Severity::Warn).body("card declined").attribute("attempt", 2).emit();
    client.shutdown_blocking(DEADLINE);
    let log = &receiver.store().logs()[0];
    assert_eq!(log.body, Value::from("card declined attempt=2"));
    assert!(log.attributes.is_empty());
}

#[test]
fn with_structure_attributes_arrive_as_attributes() {
    let receiver = receiver();
    let (builder, _) = builder(receiver.http_endpoint());
    let client = builder.with_logging(LoggingConfig::default()).build_blocking().unwrap();
    client.logger("shop").record(Severity::Warn).body("card declined").attribute("attempt", 2).emit();
    client.shutdown_blocking(DEADLINE);
    let log = &receiver.store().logs()[0];
    assert_eq!((&log.body, log.attributes.get("attempt")), (&Value::from("card declined"), Some(&Value::I64(2))));
}

#[test]
fn identical_records_arrive_as_one_with_a_count_if_asked_for() {
    for (is_enabled, expected) in [(true, vec![Some(100)]), (false, vec![None; 100])] {
        let receiver = receiver();
        let (builder, _) = builder(receiver.http_endpoint());
        let config = LoggingConfig { enable_log_aggregation: is_enabled, ..LoggingConfig::default() };
        // An interval that no test outlasts, so that only the shutdown ends it.
        let aggregation = LogAggregation { interval: Duration::from_secs(3600), ..LogAggregation::default() };
        let builder = builder.with_logging(config);
        let builder = if is_enabled { builder.with_log_aggregation(aggregation) } else { builder };
        let client = builder.build_blocking().unwrap();
        for _ in 0..100 {
            client.logger("shop").record(Severity::Warn).body("card declined").attribute("attempt", 2).emit();
        }
        let report = client.shutdown_blocking(DEADLINE);
        let counts: Vec<Option<i64>> = receiver.store().logs().iter().map(|log| count_of(&log.attributes)).collect();
        assert_eq!(counts, expected);
        let logs = report.ledgers[0].signal(Signal::Logs);
        assert_eq!(logs.delivered as usize, expected.len());
        assert_eq!(client.folded_log_records() + logs.accepted, 100);
        assert!(report.ledgers[0].balances());
    }
}

fn count_of(attributes: &otlp_core::Attributes) -> Option<i64> {
    match attributes.get("log_count") {
        Some(Value::I64(count)) => Some(*count),
        _ => None,
    }
}

/// Hears of the first batch of logs that is delivered.
struct Delivered(std::sync::mpsc::SyncSender<u64>);

impl otlp_batch::DeliveryObserver for Delivered {
    fn settled(&self, settled: &otlp_batch::Settled<'_>) {
        if let (Signal::Logs, Fate::Delivered(_)) = (settled.signal, &settled.fate) {
            let _ = self.0.try_send(settled.items);
        }
    }
}

#[test]
fn what_is_held_back_goes_out_by_itself_after_the_interval() {
    let receiver = receiver();
    let (builder, _) = builder(receiver.http_endpoint());
    let (sender, delivered) = std::sync::mpsc::sync_channel(8);
    let aggregation = LogAggregation { interval: Duration::from_millis(5), ..LogAggregation::default() };
    let client = builder
        .with_batch_config(BatchConfig { batch_timeout: Duration::from_millis(5), ..BatchConfig::default() })
        .with_log_aggregation(aggregation)
        .with_delivery_observer(Arc::new(Delivered(sender)))
        .build_blocking()
        .unwrap();
    client.logger("shop").info("again");
    assert_eq!(delivered.recv_timeout(DEADLINE), Ok(1));
    assert_eq!(receiver.store().logs().len(), 1);
}

#[test]
fn a_flush_hands_on_what_is_held_back() {
    let receiver = receiver();
    let (builder, _) = builder(receiver.http_endpoint());
    let aggregation = LogAggregation { interval: Duration::from_secs(3600), ..LogAggregation::default() };
    let folding = builder.with_log_aggregation(aggregation).build_blocking().unwrap();
    folding.logger("shop").info("again");
    folding.flush_blocking(DEADLINE);
    assert_eq!(receiver.store().logs().len(), 1);
    // And so it is for a client that is asked to persist, which without a disk queue means to deliver.
    folding.logger("shop").info("again");
    folding.persist_blocking(DEADLINE);
    assert_eq!(receiver.store().logs().len(), 2);
}
