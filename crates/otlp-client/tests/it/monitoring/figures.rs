//! The performance monitor.

use std::time::Duration;

use otlp_batch::{BatchConfig, DropReason};
use otlp_client::{
    EnhancedOtlpClient,
    monitoring::{MonitoringError, PerformanceMonitor},
};
use otlp_core::Signal;
use otlp_exporters::{ExportResult, Exporter, async_trait};
use otlp_receiver::{Fault, GrpcCode};

use super::wait_until;
use crate::setup::{DEADLINE, builder, client, receiver, spans};

fn on_a_runtime<T>(act: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(act)
}

fn monitor(client: &EnhancedOtlpClient) -> PerformanceMonitor {
    on_a_runtime(client.get_performance_monitor()).unwrap()
}

#[test]
fn totals_and_latencies_are_those_of_what_was_delivered() {
    let receiver = receiver();
    let client = client(&receiver);
    let monitor = monitor(&client);
    assert_eq!(monitor.snapshot().destinations[0].traces.latency, None);
    spans(&client, 70);
    assert!(client.flush_blocking(DEADLINE).complete);
    let figures = monitor.snapshot();
    assert_eq!((figures.sampled_for, figures.destinations.len()), (None, 1));
    let otlp = figures.destination("otlp (grpc)").unwrap();
    let traces = otlp.signal(Signal::Traces);
    assert_eq!((traces.ledger.accepted, traces.ledger.delivered), (70, 70));
    assert_eq!((traces.attempts.delivered, traces.attempts.failed, traces.attempts.refused), (1, 0, 0));
    let latency = traces.latency.unwrap();
    assert_eq!(latency.count, 1);
    assert!(latency.max > Duration::ZERO && latency.max < DEADLINE, "{latency:?}");
    assert_eq!((traces.queue.waiting_items, traces.queued_in_memory, traces.queue_capacity), (0, 0, 262_144));
    assert_eq!(traces.delivered.minute, None, "nothing was sampled");
    assert_eq!(otlp.signal(Signal::Logs).latency, None);
    assert_eq!(otlp.disk_queue, None);
    assert!(figures.memory.budget >= 32 << 20);
    assert_eq!(figures.circuit_breakers.len(), 1);
    assert!(!figures.circuit_breakers[0].is_down());
}

#[test]
fn failed_attempts_retries_and_drops_are_told_apart() {
    let receiver = receiver();
    receiver.faults().inject(Fault::grpc(GrpcCode::Unavailable).times(1));
    let config = BatchConfig { max_batch_size: 10, max_queue_size: 10, ..BatchConfig::default() };
    let client =
        builder(receiver.grpc_endpoint()).0.with_grpc_transport().with_batch_config(config).build_blocking().unwrap();
    spans(&client, 5);
    assert!(client.flush_blocking(DEADLINE).complete);
    receiver.kill_blocking();
    for _ in 0..100 {
        spans(&client, 1);
        client.flush_blocking(Duration::ZERO);
    }
    let figures = monitor(&client).snapshot();
    let traces = &figures.destinations[0].traces;
    assert_eq!(traces.attempts.delivered, 1);
    assert!(traces.attempts.failed >= 1 && figures.destinations[0].retries >= 1, "{figures:?}");
    assert!(traces.ledger.dropped[DropReason::QueueFull] > 0, "{figures:?}");
}

type Answer = Result<ExportResult, Box<dyn std::error::Error + Send + Sync>>;

/// Exporters of one name, of which some fail.
struct Namesake {
    is_failing: bool,
}

impl Namesake {
    fn answer(&self) -> Answer {
        if self.is_failing { Err("scripted".into()) } else { Ok(ExportResult::Success) }
    }
}

#[async_trait]
impl Exporter for Namesake {
    fn name(&self) -> String {
        "namesake".to_owned()
    }

    async fn export_spans(&self, _: Vec<otlp_core::data::SpanData>) -> Answer {
        self.answer()
    }

    async fn export_metrics(&self, _: Vec<otlp_core::data::MetricData>) -> Answer {
        self.answer()
    }

    async fn export_logs(&self, _: Vec<otlp_core::data::LogData>) -> Answer {
        self.answer()
    }
}

#[test]
fn destinations_of_one_name_have_retries_of_their_own() {
    let receiver = receiver();
    let client = builder(receiver.grpc_endpoint())
        .0
        .with_grpc_transport()
        .with_custom_exporter(Box::new(Namesake { is_failing: false }))
        .with_custom_exporter(Box::new(Namesake { is_failing: true }))
        .build_blocking()
        .unwrap();
    let monitor = monitor(&client);
    spans(&client, 5);
    client.shutdown_blocking(DEADLINE);
    let retries: Vec<_> = monitor.snapshot().destinations.into_iter().map(|one| (one.name, one.retries > 0)).collect();
    let expected = [("otlp (grpc)", false), ("namesake", false), ("namesake", true)];
    assert_eq!(retries, expected.map(|(name, retries)| (name.to_owned(), retries)));
}

#[test]
fn once_started_it_knows_rates_and_recent_latencies_and_forgets_them_when_stopped() {
    let receiver = receiver();
    let client = client(&receiver);
    let monitor = monitor(&client);
    on_a_runtime(async {
        monitor.start().await.unwrap();
        monitor.start().await.unwrap();
    });
    assert!(monitor.is_running());
    wait_until("a first sample", || monitor.snapshot().sampled_for.is_some());
    spans(&client, 1_000);
    assert!(client.flush_blocking(DEADLINE).complete);
    wait_until("a sample after the delivery", || {
        let traces = &monitor.snapshot().destinations[0].traces;
        traces.accepted.minute.is_some_and(|rate| rate > 0.0) && traces.delivered.minute.is_some_and(|rate| rate > 0.0)
    });
    let figures = monitor.snapshot();
    let traces = &figures.destinations[0].traces;
    // All of them are in the window, whatever its length is by now.
    let items = traces.delivered.minute.unwrap() * figures.sampled_for.unwrap().as_secs_f64();
    assert!((items - 1_000.0).abs() < 1.0, "{items} {figures:?}");
    assert_eq!(traces.recent_latency.unwrap().count, traces.attempts.delivered);
    assert_eq!(figures.destinations[0].logs.delivered.second, Some(0.0));
    monitor.stop();
    assert!(!monitor.is_running());
    let figures = monitor.snapshot();
    assert_eq!((figures.sampled_for, figures.destinations[0].traces.delivered.minute), (None, None));
}

#[test]
fn a_monitor_outlives_its_client_without_keeping_it_alive() {
    let receiver = receiver();
    let client = client(&receiver);
    let monitor = monitor(&client);
    on_a_runtime(monitor.start()).unwrap();
    spans(&client, 3);
    drop(client);
    assert_eq!(monitor.snapshot().destinations[0].traces.ledger.delivered, 3);
    assert!(!monitor.is_running());
    assert!(matches!(on_a_runtime(monitor.start()), Err(MonitoringError::ShutDown)));
}

#[test]
fn a_disk_queue_has_a_state() {
    let directory = std::env::temp_dir().join(format!("otlp-monitoring-{}", std::process::id()));
    let receiver = receiver();
    let client = builder(receiver.grpc_endpoint())
        .0
        .with_grpc_transport()
        .with_disk_queue(otlp_client::DiskQueueConfig::new(&directory))
        .build_blocking()
        .unwrap();
    let figures = monitor(&client).snapshot();
    assert_eq!(figures.destinations[0].disk_queue, Some(otlp_client::monitoring::DiskQueueState::Working));
    client.shutdown_blocking(DEADLINE);
    std::fs::remove_dir_all(directory).unwrap();
}
