//! Reloading: what changes, what waits for a restart, and what is refused.

use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use otlp_batch::DropReason;
use otlp_client::{
    EnhancedOtlpClient, Environment, ReloadError,
    config::{BreakerConfig, ClientConfig, ErrorType, LogLevel, ProductionConfig, SecretValues},
};
use otlp_receiver::{Fault, GrpcCode};
use parking_lot::Mutex;

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
    config.receivers.signals = Some(Vec::new());
    config.circuit_breaker.as_mut().unwrap().enabled = false;
    config.circuit_breaker.as_mut().unwrap().consecutive_failures = Some(5);
    config.telemetry.cardinality_limit = Some(5);
    config.memory_pool.max_size *= 2;
    for applied in [&["retry.max_attempts"][..], &[]] {
        let reloaded = client.reload_client_config(&config).unwrap();
        assert_eq!(reloaded.applied, applied);
        assert_eq!(
            reloaded.needs_restart,
            [
                "circuit_breaker.consecutive_failures",
                "circuit_breaker.enabled",
                "memory_pool.max_size",
                "receivers.signals",
                "telemetry"
            ]
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

/// What a configuration says of receivers, beside the rest.
fn receivers_of(urls: &[String], more: &str) -> ClientConfig {
    from_yaml::read(&format!("receivers: {{endpoints: [{}]}}\n{more}", urls.join(", ")))
}

#[test]
fn headers_change_from_the_next_request_on_also_over_several_receivers() {
    let [a, b] = [receiver(), receiver()];
    let file = std::env::temp_dir().join(format!("otlp-reload-header-{}", std::process::id()));
    std::fs::write(&file, "first").unwrap();
    let headers = format!("receivers: {{headers: {{x-api-key: '${{file:{}}}', x-old: old}}}}", file.display());
    let one = from_yaml::read(&format!("endpoint: {}\n{headers}", a.grpc_endpoint()));
    let mut several = receivers_of(&[a.grpc_endpoint(), b.grpc_endpoint()], "");
    several.receivers.headers = one.receivers.headers.clone();
    for config in [one, several] {
        std::fs::write(&file, "first").unwrap();
        let client = EnhancedOtlpClient::builder()
            .without_environment()
            .with_client_config(config.clone())
            .with_header("x-code", "code")
            .build_blocking()
            .unwrap();
        let sent = |name: &str| {
            let all = [&a, &b].map(|receiver| (receiver, receiver.requests().recent().len()));
            from_yaml::batches(&client, 2);
            let new = all.iter().flat_map(|(receiver, before)| receiver.requests().recent().split_off(*before));
            let values: BTreeSet<Option<String>> = new.map(|one| one.header(name).map(str::to_owned)).collect();
            assert_eq!(values.len(), 1, "{values:?}");
            values.into_iter().next().unwrap()
        };
        std::fs::write(&file, "not\none").unwrap();
        let refused = client.reload_client_config(&config);
        assert!(matches!(refused, Err(ReloadError::Headers(_))), "also before anything was sent: {refused:?}");
        assert_eq!(sent("x-api-key").as_deref(), Some("first"));
        std::fs::write(&file, "second").unwrap();
        let mut new = config.clone();
        new.receivers.headers.0.remove("x-old");
        new.receivers.headers.0.insert("x-new".to_owned(), "new".to_owned());
        let reloaded = client.reload_client_config(&new).unwrap();
        let headers = ["receivers.headers.x-api-key", "receivers.headers.x-new", "receivers.headers.x-old"];
        assert_eq!((reloaded.applied, reloaded.needs_restart), (headers.map(str::to_owned).to_vec(), Vec::new()));
        assert_eq!(sent("x-api-key").as_deref(), Some("second"));
        assert_eq!((sent("x-new").as_deref(), sent("x-old")), (Some("new"), None));
        assert_eq!(sent("x-code").as_deref(), Some("code"), "what code adds stays");

        std::fs::write(&file, "not\none").unwrap();
        new.production.retry.max_attempts = 7;
        let error = client.reload_client_config(&new).unwrap_err().to_string();
        assert!(error.starts_with("receivers.headers: header \"x-api-key\"") && !error.contains("one"), "{error}");
        assert_eq!(sent("x-api-key").as_deref(), Some("second"), "as it was");
        std::fs::write(&file, "second").unwrap();
        assert_eq!(client.reload_client_config(&new).unwrap().applied, ["retry.max_attempts"], "had not been applied");
    }
    std::fs::remove_file(&file).unwrap();
}

#[test]
fn an_authorization_beside_the_token_is_refused_and_nothing_changes() {
    let receiver = receiver();
    let config = from_yaml::read(&format!(
        "endpoint: {}\nsecurity: {{enable_authentication: true, auth_token: first}}",
        receiver.grpc_endpoint()
    ));
    let client = EnhancedOtlpClient::builder()
        .without_environment()
        .with_client_config(config.clone())
        .build_blocking()
        .unwrap();
    let mut new = config;
    new.production.security.auth_token = "second".to_owned();
    new.receivers.headers = SecretValues::from([("authorization", "hunter2")]);
    let error = client.reload_client_config(&new).unwrap_err().to_string();
    assert!(error.contains("beside a bearer token") && !error.contains("hunter2"), "{error}");
    from_yaml::batches(&client, 1);
    assert_eq!(receiver.requests().last().unwrap().header("authorization"), Some("Bearer first"));
}

#[test]
fn named_receivers_come_and_go_while_the_client_runs() {
    let [a, b] = [receiver(), receiver()];
    let client_config = receivers_of(&[a.grpc_endpoint()], "");
    let client = EnhancedOtlpClient::builder()
        .without_environment()
        .with_client_config(client_config.clone())
        .build_blocking()
        .unwrap();
    let got = || [&a, &b].map(|receiver| receiver.store().spans().len());
    from_yaml::batches(&client, 2);
    assert_eq!(got(), [2, 0]);
    let both = receivers_of(&[a.grpc_endpoint(), b.grpc_endpoint()], "");
    assert_eq!(client.reload_client_config(&both).unwrap().applied, ["receivers.endpoints"]);
    from_yaml::batches(&client, 2);
    assert_eq!(got(), [3, 1]);
    let other = receivers_of(&[b.grpc_endpoint()], "");
    assert_eq!(client.reload_client_config(&other).unwrap().applied, ["receivers.endpoints"]);
    from_yaml::batches(&client, 2);
    assert_eq!(got(), [3, 3]);

    let elsewhere = receivers_of(&[format!("https://{}", b.grpc_address())], "");
    let reloaded = client.reload_client_config(&elsewhere).unwrap();
    assert_eq!(reloaded.applied, Vec::<String>::new(), "TLS is settled when the client is built");
    assert_eq!(reloaded.needs_restart, ["receivers.endpoints"]);
    let mut bad = both;
    bad.receivers.endpoints.push("http://nowhere:x".to_owned());
    bad.production.retry.max_attempts = 7;
    let error = client.reload_client_config(&bad).unwrap_err().to_string();
    assert!(error.starts_with("receivers.endpoints is \"http://nowhere:x\", but takes URLs"), "{error}");
    assert_eq!(client.reload_client_config(&other).unwrap(), Default::default(), "nothing had been applied");
}

#[test]
fn listed_endpoints_of_a_service_change_while_the_client_runs() {
    let receiver = receiver();
    let config = |endpoints: &str| {
        let services = format!("services: {{payments: {{endpoints: [{endpoints}]}}, a: {{dns: 'a.test:1'}}}}");
        from_yaml::read(&format!("endpoint: {}\nservice_discovery: {{{services}}}", receiver.grpc_endpoint()))
    };
    let client = EnhancedOtlpClient::builder()
        .without_environment()
        .with_client_config(config("'x:1'"))
        .build_blocking()
        .unwrap();
    let payments = client.service_discovery().unwrap().discover("payments").unwrap();
    let reloaded = client.reload_client_config(&config("{address: 'y:1', weight: 3}")).unwrap();
    assert_eq!(reloaded.applied, ["service_discovery.services.payments.endpoints"]);
    let picked = payments.pick().unwrap();
    assert_eq!((picked.endpoint().host.as_str(), picked.endpoint().weight), ("y", 3));
    let error = client.reload_client_config(&config("'${OTLP_TEST_NO_SUCH_VARIABLE:-z}'")).unwrap_err().to_string();
    assert!(error.starts_with("service_discovery.services.payments.endpoints[0] is \"z\", but takes"), "{error}");
    let mut dns = config("'y:1'");
    let services = &mut dns.service_discovery.as_mut().unwrap().services;
    services.insert("payments".to_owned(), services["a"].clone());
    let needs = client.reload_client_config(&dns).unwrap().needs_restart;
    assert_eq!(
        needs,
        ["service_discovery.services.payments.dns", "service_discovery.services.payments.endpoints"],
        "another source is no other list"
    );
}

#[test]
fn the_circuit_breaker_changes_while_the_client_runs() {
    let receiver = receiver();
    for several in [false, true] {
        let said = Arc::new(Mutex::new(Vec::new()));
        let sink = Arc::clone(&said);
        let endpoint = receiver.grpc_endpoint();
        let mut config = match several {
            false => from_yaml::read(&format!("endpoint: {endpoint}")),
            true => receivers_of(&[endpoint], ""),
        };
        config.production.logging.log_level = LogLevel::Warn;
        config.production.retry.max_attempts = 2;
        config.production.retry.initial_interval = Duration::from_millis(1);
        config.circuit_breaker = Some(BreakerConfig { initial_break: Duration::from_secs(3600), ..breaker(1000) });
        let client = EnhancedOtlpClient::builder()
            .without_environment()
            .with_client_config(config.clone())
            .with_diagnostics(move |one| sink.lock().push(one.message.clone()))
            .build_blocking()
            .unwrap();
        let lost = || client.ledger().traces.dropped.total();
        receiver.faults().inject(Fault::grpc(GrpcCode::Unavailable));
        spans(&client, 1);
        client.flush_blocking(DEADLINE);
        assert_eq!(lost(), 1, "so many failures are no endpoint that is down: the attempts are used up");
        config.circuit_breaker = Some(BreakerConfig { initial_break: Duration::from_secs(3600), ..breaker(1) });
        assert_eq!(
            client.reload_client_config(&config).unwrap().applied,
            ["circuit_breaker.consecutive_failures"],
            "{several}"
        );
        spans(&client, 1);
        client.flush_blocking(Duration::from_millis(200));
        assert_eq!((lost(), client.ledger().traces.pending), (1, 1), "one failure is one now, and the batch waits");
        let opened = said.lock().iter().any(|line| line.contains("opened after a failure"));
        assert!(opened || several, "{said:?}");

        config.circuit_breaker = Some(BreakerConfig { enabled: false, ..BreakerConfig::default() });
        let reloaded = client.reload_client_config(&config).unwrap();
        assert_eq!(reloaded.applied, Vec::<String>::new(), "none comes or goes");
        assert!(reloaded.needs_restart.contains(&"circuit_breaker.enabled".to_owned()), "{reloaded:?}");
        config.circuit_breaker = None;
        assert_eq!(
            client.reload_client_config(&config).unwrap().applied,
            ["circuit_breaker"],
            "the default is another"
        );
        receiver.faults().clear();
        drop(client);
    }
}

fn breaker(failures: u32) -> BreakerConfig {
    BreakerConfig { consecutive_failures: Some(failures), max_break: Duration::from_secs(7200), ..Default::default() }
}

#[test]
fn a_client_that_a_variable_disables_says_so() {
    let config = from_yaml::read("endpoint: http://127.0.0.1:1");
    let environment = Environment::read(|name| (name == "OTEL_SDK_DISABLED").then(|| "true".to_owned()));
    let client = EnhancedOtlpClient::builder()
        .with_environment(environment)
        .with_client_config(config.clone())
        .build_blocking()
        .unwrap();
    let error = client.reload_client_config(&config).unwrap_err();
    assert!(matches!(error, ReloadError::Disabled), "{error}");
}
