//! The client's policies: what is said of them, where they are shown, and which settings are refused.

use std::time::{Duration, Instant};

use otlp_client::EnhancedOtlpClient;
use otlp_core::Signal;
use otlp_exporters::{ExportResult, Exporter, async_trait};
use otlp_receiver::{Fault, GrpcCode};
use otlp_reliability::{CircuitBreakerConfig, Snapshot};

use crate::setup::{DEADLINE, builder, receiver, spans};

struct Sink;

type Answer = Result<ExportResult, Box<dyn std::error::Error + Send + Sync>>;

#[async_trait]
impl Exporter for Sink {
    fn name(&self) -> String {
        "sink".to_owned()
    }

    async fn export_spans(&self, _: Vec<otlp_core::data::SpanData>) -> Answer {
        Ok(ExportResult::Success)
    }

    async fn export_metrics(&self, _: Vec<otlp_core::data::MetricData>) -> Answer {
        Ok(ExportResult::Success)
    }

    async fn export_logs(&self, _: Vec<otlp_core::data::LogData>) -> Answer {
        Ok(ExportResult::Success)
    }
}

fn names(client: &EnhancedOtlpClient) -> Vec<String> {
    client.policies().into_iter().map(|policy| policy.name).collect()
}

#[test]
fn each_endpoint_and_each_custom_exporter_has_its_policies() {
    let client = builder("http://127.0.0.1:1/")
        .0
        .with_signal_endpoint(Signal::Logs, "http://127.0.0.1:2/v1/logs?key=secret")
        .with_custom_exporter(Box::new(Sink))
        .build_blocking()
        .unwrap();
    assert_eq!(
        names(&client),
        [
            "otlp (http/protobuf)/retry",
            "sink/retry",
            "sink/timeout",
            "http://127.0.0.1:1/circuit_breaker",
            "http://127.0.0.1:2/v1/logs/circuit_breaker",
            "sink/circuit_breaker",
            "otlp (http/protobuf)/traces/bulkhead",
            "otlp (http/protobuf)/metrics/bulkhead",
            "otlp (http/protobuf)/logs/bulkhead",
            "sink/traces/bulkhead",
            "sink/metrics/bulkhead",
            "sink/logs/bulkhead",
        ]
    );
}

#[test]
fn the_limit_of_batches_in_flight_is_a_bulkhead() {
    let receiver = receiver();
    receiver.faults().inject(Fault::BlackHole { stored: false });
    let config = otlp_batch::BatchConfig { max_batch_size: 1, ..Default::default() };
    let limits = otlp_batch::BatchLimits { max_in_flight: 2, ..Default::default() };
    let client = builder(receiver.grpc_endpoint()).0.with_grpc_transport();
    let client = client.with_batch_config(config).with_batch_limits(limits);
    let client = client.build_blocking().unwrap();
    spans(&client, 10);
    assert!(!client.flush_blocking(Duration::from_millis(100)).complete);
    let policies = client.policies();
    let bulkhead = policies.iter().find(|policy| policy.name == "otlp (grpc)/traces/bulkhead").unwrap();
    let Snapshot::Bulkhead(figures) = &bulkhead.snapshot else { panic!("{bulkhead:?}") };
    assert_eq!((figures.max_concurrent, figures.in_flight), (2, 2));
    assert_eq!(client.queue_depth(Signal::Traces).in_flight_batches, 2);
}

#[test]
fn what_the_breaker_does_is_said_in_a_line_each() {
    let receiver = receiver();
    let endpoint = receiver.grpc_endpoint();
    receiver.faults().inject(Fault::grpc(GrpcCode::Unavailable).times(2));
    let (builder, said) = builder(endpoint.as_str());
    let breaker = CircuitBreakerConfig::new()
        .with_failure_rate(None)
        .with_consecutive_failures(2)
        .with_half_open_probes(1)
        .with_break_duration(Duration::from_secs(3600));
    let client = builder.with_grpc_transport().with_circuit_breaker(breaker).build_blocking().unwrap();
    spans(&client, 1);
    assert!(!client.flush_blocking(Duration::from_millis(200)).complete);
    let started = Instant::now();
    while !said.lock().iter().any(|line| line.contains("opened")) {
        assert!(started.elapsed() < DEADLINE, "{said:?}");
        std::thread::yield_now();
    }
    assert!(client.flush_blocking(DEADLINE).complete);
    let said: Vec<String> = said.lock().iter().filter(|line| line.contains("circuit breaker")).cloned().collect();
    assert_eq!(said.len(), 3, "{said:#?}");
    let opened = format!(
        "otlp: warning: the circuit breaker of {endpoint} opened after 2 failures in a row; batches wait in the queue; \
         next attempt in 3"
    );
    assert!(said[0].starts_with(&opened), "{}", said[0]);
    assert_eq!(
        said[1..],
        [
            format!("otlp: info: the circuit breaker of {endpoint} is half open: the next batch is a probe"),
            format!("otlp: info: the circuit breaker of {endpoint} closed: batches flow again"),
        ]
    );
}

#[test]
fn settings_of_the_breaker_that_cannot_work_are_named() {
    let breaker = CircuitBreakerConfig::new().with_half_open_probes(0);
    let error = builder("http://127.0.0.1:1").0.with_circuit_breaker(breaker).build_blocking().unwrap_err();
    assert!(error.to_string().starts_with("circuit breaker: half_open_probes = 0 is not accepted"), "{error}");
}

/// One test for all of it: the registry is the process's.
#[test]
fn the_registry_of_the_process_lists_the_policies_by_name_if_it_is_wanted_and_there_is_one() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let build = |is_integrated, port: u16| {
            let (builder, said) = builder(format!("http://127.0.0.1:{port}"));
            (builder.with_reliability_framework_integration(is_integrated).build_blocking().unwrap(), said)
        };
        let (_client, said) = build(true, 1);
        assert!(said.lock()[0].contains("otlp_reliability::init()"), "{said:?}");

        otlp_reliability::init().await.unwrap();
        let (_unnamed, said) = build(false, 2);
        let (client, _) = build(true, 3);
        let listed = otlp_reliability::get_metrics().await.unwrap();
        for name in ["http://127.0.0.1:3/circuit_breaker", "otlp (http/protobuf)/retry"] {
            assert!(listed.policy(name).is_some(), "{listed:?}");
        }
        assert!(listed.policy("http://127.0.0.1:2/circuit_breaker").is_none(), "{listed:?}");
        assert!(said.lock().is_empty());
        client.shutdown(DEADLINE).await;
        drop(client);
        // Gone with the client, once its thread has ended.
        let started = Instant::now();
        while otlp_reliability::get_metrics().await.unwrap().policy("http://127.0.0.1:3/circuit_breaker").is_some() {
            assert!(started.elapsed() < DEADLINE);
            std::thread::yield_now();
        }
        otlp_reliability::shutdown().await.unwrap();
    });
}
