//! Alerts of a file: watched from the start, told to whom it names, and replaced by a reload.

use std::sync::Arc;

use parking_lot::Mutex;

use super::from_yaml::{builder, read};
use crate::{
    http_server::{next, serve},
    setup::DEADLINE,
};

fn text(rule: &str, webhook: &str) -> String {
    format!(
        "
endpoint: http://127.0.0.1:1
alerts:
  rules:
  - {{name: {rule}, metric: pending_items, comparison: at_least, threshold: 0, severity: critical, summary: look}}
  - {{name: never, metric: queue_utilization, comparison: above, threshold: 0.9, clear_threshold: 0.5,
      for: 1m, keep_firing_for: 30s}}
  webhooks:
  - url: {webhook}
    headers: {{x-token: '${{OTLP_TEST_NO_SUCH_VARIABLE:-hunter2}}'}}
    timeout: 20s
    max_attempts: 3
    initial_interval: 1ms
    max_interval: 10ms"
    )
}

#[test]
fn an_alert_is_told_to_the_log_and_the_webhook_without_a_call_and_rules_are_reloaded() {
    let (server, asked) = serve(|_| Some((String::new(), String::new())));
    let webhook = format!("http://{server}/hook");
    let said = Arc::new(Mutex::new(Vec::new()));
    let sink = Arc::clone(&said);
    let mut config = read(&text("first", &webhook));
    config.production.logging.log_level = otlp_client::LogLevel::Info;
    let client = otlp_client::EnhancedOtlpClient::builder()
        .without_environment()
        .with_client_config(config.clone())
        .with_diagnostics(move |one| sink.lock().push(one.to_string()))
        .build_blocking()
        .unwrap();
    let posted = next(&asked, "POST /hook ");
    assert!(posted.head.to_lowercase().contains("x-token: hunter2"), "{}", posted.head);
    let body: serde_json::Value = serde_json::from_str(&posted.body).unwrap();
    assert_eq!((&body["alert"], &body["severity"]), (&"first".into(), &"critical".into()));
    assert_eq!((&body["summary"], &body["service"]), (&"look".into(), &"shop".into()));
    assert!(said.lock().iter().any(|line| line.contains("alert \"first\" (critical) is firing")), "{said:?}");

    let mut other = read(&text("second", &webhook));
    other.production.logging = config.production.logging.clone();
    let reloaded = client.reload_client_config(&other).unwrap();
    assert_eq!((reloaded.applied, reloaded.needs_restart), (vec!["alerts.rules".to_owned()], Vec::new()));
    let body = |asked| -> serde_json::Value { serde_json::from_str(&next(asked, "POST /hook ").body).unwrap() };
    let notices = [body(&asked), body(&asked)].map(|body| (body["alert"].to_string(), body["state"].to_string()));
    assert!(notices.contains(&("\"first\"".into(), "\"resolved\"".into())), "{notices:?}");
    assert!(notices.contains(&("\"second\"".into(), "\"firing\"".into())), "{notices:?}");
    assert_eq!(client.reload_client_config(&other).unwrap(), Default::default());
    client.shutdown_blocking(DEADLINE);
}

#[test]
fn the_default_rules_are_watched_if_the_file_names_none() {
    let client = builder("endpoint: http://127.0.0.1:1\nalerts:").build_blocking().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let alerts = runtime.block_on(client.get_alert_manager()).unwrap();
    assert!(!alerts.is_running(), "a part that is empty says nothing");
    let client = builder("endpoint: http://127.0.0.1:1\nalerts: {}").build_blocking().unwrap();
    let alerts = runtime.block_on(client.get_alert_manager()).unwrap();
    assert!(alerts.is_running());
    assert_eq!(alerts.rules().len(), 4);
}
