//! Reloading: what changes, what waits for a restart, and what is refused.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use otlp_batch::DropReason;
use otlp_client::{
    EnhancedOtlpClient, ReloadError,
    config::{ErrorType, LogLevel, ProductionConfig, SecretValues},
};
use otlp_receiver::{Fault, GrpcCode};

use super::{
    effects::{builder, client, config},
    from_yaml,
};
use crate::setup::{DEADLINE, receiver, spans};

#[test]
fn retry_changes_while_the_client_runs() {
    let receiver = receiver();
    let rejected = || receiver.faults().inject(Fault::grpc(GrpcCode::Unavailable).times(2));
    let mut config = config(&receiver);
    config.retry.retryable_errors = vec![ErrorType::Network];
    let client = client(config.clone());
    rejected();
    spans(&client, 1);
    client.flush_blocking(DEADLINE);
    assert_eq!(client.ledger().traces.dropped[DropReason::RetriesExhausted], 1);

    config.retry.retryable_errors.push(ErrorType::Unavailable);
    config.retry.max_attempts = 5;
    let reloaded = client.reload(&config).unwrap();
    assert_eq!(reloaded.applied, ["retry.max_attempts", "retry.retryable_errors"]);
    assert_eq!(reloaded.needs_restart, Vec::<String>::new());
    spans(&client, 1);
    client.flush_blocking(DEADLINE);
    assert_eq!(client.ledger().traces.delivered, 1);

    config.retry.max_attempts = 1;
    assert_eq!(client.reload(&config).unwrap().applied, ["retry.max_attempts"]);
    receiver.faults().clear();
    rejected();
    spans(&client, 1);
    client.flush_blocking(DEADLINE);
    assert_eq!(client.ledger().traces.dropped[DropReason::RetriesExhausted], 2);
}

#[test]
fn the_interval_of_metrics_changes_while_the_client_runs() {
    let receiver = receiver();
    let mut config = config(&receiver);
    config.monitoring.metrics_export_interval = Duration::from_secs(3600);
    let client = client(config.clone());
    client.meter("test").u64_counter("work").init().add(1, &[("region", "eu")]);
    config.monitoring.metrics_export_interval = Duration::from_millis(10);
    assert_eq!(client.reload(&config).unwrap().applied, ["monitoring.metrics_export_interval"]);
    receiver.requests().wait_for_blocking(|requests| requests.totals().requests >= 2, DEADLINE).unwrap();
    assert!(client.shutdown_blocking(DEADLINE).complete);
    assert_eq!(client.reload(&config).unwrap(), Default::default(), "nothing has changed, and nothing fails");
}

#[test]
fn the_token_changes_while_the_client_runs_also_if_its_file_does() {
    let receiver = receiver();
    let file = std::env::temp_dir().join(format!("otlp-reload-token-{}", std::process::id()));
    let sent = |client: &EnhancedOtlpClient| {
        spans(client, 1);
        assert!(client.flush_blocking(DEADLINE).complete);
        receiver.requests().last().unwrap().header("authorization").map(str::to_owned)
    };
    std::fs::write(&file, "first").unwrap();
    let mut config = config(&receiver);
    config.security.enable_authentication = true;
    config.security.auth_token = format!("${{file:{}}}", file.display());
    let client = client(config.clone());
    assert_eq!(sent(&client).as_deref(), Some("Bearer first"));
    std::fs::write(&file, "second").unwrap();
    assert_eq!(client.reload(&config).unwrap().applied, ["security.auth_token"]);
    assert_eq!(sent(&client).as_deref(), Some("Bearer second"));

    std::fs::write(&file, "not one").unwrap();
    config.retry.max_attempts = 7;
    let error = client.reload(&config).unwrap_err().to_string();
    assert!(error.starts_with("security.auth_token: ") && !error.contains("not one"), "{error}");
    assert_eq!(sent(&client).as_deref(), Some("Bearer second"), "as it was");
    std::fs::write(&file, "second").unwrap();
    assert_eq!(client.reload(&config).unwrap().applied, ["retry.max_attempts"], "had not been applied");

    config.security.enable_authentication = false;
    let waits = client.reload(&config).unwrap().needs_restart;
    assert!(waits.contains(&"security.enable_authentication".to_owned()), "{waits:?}");
    assert_eq!(sent(&client).as_deref(), Some("Bearer second"));
    std::fs::remove_file(&file).unwrap();
}

#[test]
fn the_level_of_messages_changes_while_the_client_runs() {
    let receiver = receiver();
    let count = Arc::new(AtomicUsize::new(0));
    let said = Arc::clone(&count);
    let mut config = config(&receiver);
    config.logging.log_level = LogLevel::Off;
    config.retry.max_attempts = 1;
    let client = builder(config.clone()).with_diagnostics(move |_| {
        said.fetch_add(1, Ordering::Relaxed);
    });
    let client = client.build_blocking().unwrap();
    let lose = || {
        receiver.faults().inject(Fault::grpc(GrpcCode::InvalidArgument).times(1));
        spans(&client, 1);
        client.flush_blocking(DEADLINE);
        count.load(Ordering::Relaxed)
    };
    assert_eq!(lose(), 0);
    config.logging.log_level = LogLevel::Error;
    assert_eq!(client.reload(&config).unwrap().applied, ["logging.log_level"]);
    assert!(lose() > 0);
}

#[test]
fn what_cannot_change_is_named_until_it_is_as_it_was() {
    let receiver = receiver();
    let built = config(&receiver);
    let client = client(built.clone());
    let mut config = built.clone();
    config.endpoint = "http://127.0.0.1:1".into();
    config.batch.max_batch_size = 7;
    config.service_version = "2".into();
    config.logging.enable_log_aggregation = true;
    for _ in 0..2 {
        let reloaded = client.reload(&config).unwrap();
        assert_eq!(reloaded.applied, Vec::<String>::new());
        assert_eq!(
            reloaded.needs_restart,
            ["batch.max_batch_size", "endpoint", "logging.enable_log_aggregation", "service_version"]
        );
    }
    spans(&client, 1);
    assert!(client.flush_blocking(DEADLINE).complete, "still the old endpoint");
    assert_eq!(client.reload(&built).unwrap(), Default::default());
}

#[test]
fn of_the_parts_beside_production_what_cannot_change_is_named() {
    let receiver = receiver();
    let text = "receivers: {headers: {x-tenant: seven}}\ncircuit_breaker: {consecutive_failures: 3}";
    let text = format!("endpoint: {}\n{text}", receiver.grpc_endpoint());
    let client = from_yaml::client(&text);
    let built = from_yaml::read(&text);
    let mut config = built.clone();
    config.production.retry.max_attempts = 7;
    config.receivers.headers = SecretValues::from([("x-tenant", "hunter2")]);
    config.circuit_breaker = None;
    config.telemetry.cardinality_limit = Some(5);
    config.memory_pool.max_size *= 2;
    for applied in [&["retry.max_attempts"][..], &[]] {
        let reloaded = client.reload_client_config(&config).unwrap();
        assert_eq!(reloaded.applied, applied);
        assert_eq!(
            reloaded.needs_restart,
            ["circuit_breaker", "memory_pool.max_size", "receivers.headers.x-tenant", "telemetry"]
        );
    }
    assert_eq!(client.reload(&built.production).unwrap().applied, ["retry.max_attempts"], "production alone");
    from_yaml::batches(&client, 1);
    assert_eq!(receiver.requests().last().unwrap().header("x-tenant"), Some("seven"));
    config.receivers.endpoints = vec!["http://b:1".to_owned()];
    let error = client.reload_client_config(&config).unwrap_err().to_string();
    assert!(error.starts_with("receivers.endpoints: endpoint is set as well"), "{error}");
}

#[test]
fn a_configuration_that_cannot_be_changes_nothing_and_loses_nothing() {
    let receiver = receiver();
    let config = config(&receiver);
    let client = client(config.clone());
    spans(&client, 5);
    let mut bad = config.clone();
    bad.retry.max_attempts = 1;
    bad.monitoring.metrics_export_interval = Duration::ZERO;
    let error = client.reload(&bad).unwrap_err().to_string();
    assert!(error.starts_with("monitoring.metrics_export_interval is 0ns"), "{error}");
    bad = config.clone();
    bad.retry.max_attempts = 1;
    bad.security.enable_authentication = true;
    bad.security.auth_token = "${file:/no/such/token}".into();
    let error = client.reload(&bad).unwrap_err().to_string();
    assert!(error.starts_with("security.auth_token: cannot read the file"), "{error}");
    assert_eq!(client.reload(&config).unwrap(), Default::default(), "nothing had been applied");
    let report = client.shutdown_blocking(DEADLINE);
    assert!(report.complete);
    assert_eq!(client.ledger().traces.delivered, 5);
}

#[test]
fn a_client_without_a_configuration_says_so() {
    let client = EnhancedOtlpClient::builder().without_environment().build_blocking().unwrap();
    let error = client.reload(&ProductionConfig::new("http://127.0.0.1:1", "shop")).unwrap_err();
    assert!(matches!(error, ReloadError::NotConfigured), "{error}");
}
