//! The metrics of the client itself, at the receiver.

use std::{collections::BTreeSet, time::Duration};

use otlp_client::{EnhancedOtlpClient, MonitoringConfig};
use otlp_core::{
    Signal, Value,
    data::{MetricData, MetricPoints, Number, NumberPoint},
};
use otlp_receiver::{Fault, GrpcCode, Receiver};

use super::served;
use crate::setup::{DEADLINE, builder, receiver, spans};

fn config() -> MonitoringConfig {
    MonitoringConfig { health_check_endpoint: None, ..served() }
}

fn client(receiver: &Receiver, config: MonitoringConfig) -> EnhancedOtlpClient {
    builder(receiver.grpc_endpoint()).0.with_grpc_transport().with_monitoring(config).build_blocking().unwrap()
}

/// The names of all metrics that arrived.
fn names(receiver: &Receiver) -> BTreeSet<String> {
    receiver.store().metrics().iter().map(|metric| metric.name.clone()).collect()
}

/// The last points of a metric that arrived.
fn points(receiver: &Receiver, name: &str) -> Vec<NumberPoint> {
    let metrics = receiver.store().metrics_named(name);
    let metric: &MetricData = metrics.last().unwrap_or_else(|| panic!("no {name} in {:?}", names(receiver)));
    match &metric.points {
        MetricPoints::Sum { points, .. } | MetricPoints::Gauge { points } => points.clone(),
        other => panic!("{other:?}"),
    }
}

fn text<'a>(point: &'a NumberPoint, key: &str) -> Option<&'a str> {
    match point.attributes.get(key) {
        Some(Value::String(text)) => Some(text),
        _ => None,
    }
}

/// The value of the point whose error is `error`.
fn value(points: &[NumberPoint], error: Option<&str>) -> Option<i64> {
    let point = points.iter().find(|point| text(point, "error.type") == error)?;
    match point.value {
        Some(Number::I64(value)) => Some(value),
        _ => None,
    }
}

#[test]
fn the_pipeline_reports_what_it_exported_by_the_names_of_the_conventions() {
    let receiver = receiver();
    let client = client(&receiver, MonitoringConfig { enable_performance_metrics: true, ..config() });
    spans(&client, 12);
    client.logger("test").info("hello");
    assert!(client.flush_blocking(DEADLINE).complete);
    // What was delivered by then is in the next collection.
    assert!(client.flush_blocking(DEADLINE).complete);
    let exported = points(&receiver, "otel.sdk.exporter.span.exported");
    assert_eq!(value(&exported, None), Some(12));
    let port = i64::from(receiver.grpc_address().port());
    let point = &exported[0];
    assert_eq!(text(point, "otel.component.type"), Some("otlp_grpc_span_exporter"));
    assert_eq!(text(point, "otel.component.name"), Some("otlp_grpc_span_exporter/0"));
    assert_eq!(text(point, "server.address"), Some("127.0.0.1"));
    assert_eq!(point.attributes.get("server.port"), Some(&Value::I64(port)));
    assert_eq!(value(&points(&receiver, "otel.sdk.exporter.log.exported"), None), Some(1));
    assert_eq!(value(&points(&receiver, "otel.sdk.log.created"), None), Some(1));
    assert_eq!(value(&points(&receiver, "otel.sdk.processor.span.processed"), None), Some(12));
    assert_eq!(value(&points(&receiver, "otel.sdk.processor.span.queue.size"), None), Some(0));
    let capacity = points(&receiver, "otel.sdk.processor.span.queue.capacity");
    assert_eq!(value(&capacity, None), Some(262_144));
    assert_eq!(text(&capacity[0], "otel.component.type"), Some("batching_span_processor"));
    assert_eq!(value(&points(&receiver, "otel.sdk.exporter.log.inflight"), None), Some(0));
    assert!(value(&points(&receiver, "otel.sdk.exporter.metric_data_point.exported"), None) > Some(0));
    let metrics = receiver.store().metrics_named("otel.sdk.exporter.operation.duration");
    let MetricPoints::Histogram { points, .. } = &metrics.last().unwrap().points else { panic!("{metrics:?}") };
    assert_eq!(metrics[0].unit, "s");
    let spans = points.iter().find(|point| {
        point.attributes.get("otel.component.type") == Some(&Value::String("otlp_grpc_span_exporter".into()))
    });
    assert_eq!(spans.unwrap().count, 1);
    assert!(!names(&receiver).iter().any(|name| name.starts_with("process.")));
}

#[test]
fn failures_have_the_type_of_their_error() {
    let receiver = receiver();
    receiver.faults().inject(Fault::grpc(GrpcCode::InvalidArgument).times(1));
    let client = client(&receiver, MonitoringConfig { enable_performance_metrics: true, ..config() });
    spans(&client, 7);
    // The spans alone, so that the fault is theirs.
    let started = std::time::Instant::now();
    while client.ledger().traces.rejected == 0 {
        assert!(started.elapsed() < DEADLINE);
        std::thread::yield_now();
    }
    assert!(client.flush_blocking(DEADLINE).complete);
    assert_eq!(value(&points(&receiver, "otel.sdk.exporter.span.exported"), Some("rejected")), Some(7));
    let metrics = receiver.store().metrics_named("otel.sdk.exporter.operation.duration");
    let MetricPoints::Histogram { points, .. } = &metrics[0].points else { panic!("{metrics:?}") };
    assert_eq!(points[0].attributes.get("error.type"), Some(&Value::String("refused".into())));
}

#[test]
fn exporting_metrics_makes_no_more_series_each_time() {
    let receiver = receiver();
    let client = client(
        &receiver,
        MonitoringConfig { enable_performance_metrics: true, enable_resource_metrics: true, ..config() },
    );
    let mut sizes = Vec::new();
    for _ in 0..6 {
        let before = receiver.store().count(Signal::Metrics);
        assert!(client.flush_blocking(DEADLINE).complete);
        sizes.push(receiver.store().count(Signal::Metrics) - before);
    }
    assert!(sizes[2..].iter().all(|size| *size == sizes[1]), "{sizes:?}");
    assert_eq!(receiver.store().count(Signal::Traces) + receiver.store().count(Signal::Logs), 0);
}

#[cfg(target_os = "linux")]
#[test]
fn the_process_reports_itself() {
    let receiver = receiver();
    let client = client(&receiver, MonitoringConfig { enable_resource_metrics: true, ..config() });
    assert!(client.flush_blocking(DEADLINE).complete);
    let expected = [
        "process.cpu.time",
        "process.memory.usage",
        "process.memory.virtual",
        "process.thread.count",
        "process.unix.file_descriptor.count",
        "process.uptime",
    ];
    assert_eq!(names(&receiver), expected.map(str::to_owned).into());
    assert_eq!(points(&receiver, "process.cpu.time").len(), 2);
    assert!(value(&points(&receiver, "process.memory.usage"), None) > Some(1 << 20));
}

#[test]
fn the_programs_metrics_can_be_switched_off() {
    for is_enabled in [true, false] {
        let receiver = receiver();
        let client = client(&receiver, MonitoringConfig { enable_custom_metrics: is_enabled, ..config() });
        let counter = client.meter("shop").u64_counter("orders").init();
        counter.add(1, &[("kind", "book")]);
        counter.bind(&[("kind", "pen")]).add(1);
        assert!(client.flush_blocking(DEADLINE).complete);
        assert_eq!(client.read_metrics().is_empty(), !is_enabled);
        assert_eq!(names(&receiver).contains("orders"), is_enabled);
        assert_eq!(client.ledger().metrics.accepted, if is_enabled { 2 } else { 0 });
    }
    let receiver = receiver();
    let config = MonitoringConfig { enable_custom_metrics: false, enable_performance_metrics: true, ..config() };
    let client = client(&receiver, config);
    client.meter("shop").u64_counter("orders").init().add(1, &());
    spans(&client, 1);
    assert!(client.flush_blocking(DEADLINE).complete);
    let names = names(&receiver);
    assert!(!names.contains("orders") && names.contains("otel.sdk.exporter.span.exported"), "{names:?}");
    let receiver = self::receiver();
    let client = builder(receiver.grpc_endpoint()).0.with_grpc_transport().with_custom_metrics_enabled(false);
    let client = client.build_blocking().unwrap();
    client.meter("shop").u64_counter("orders").init().add(1, &());
    assert!(client.read_metrics().is_empty());
}

#[test]
fn metrics_leave_at_the_interval_without_a_flush() {
    let receiver = receiver();
    let interval = Duration::from_millis(20);
    let config = MonitoringConfig { metrics_export_interval: interval, enable_resource_metrics: true, ..config() };
    let client = builder(receiver.grpc_endpoint()).0.with_grpc_transport().with_monitoring(config);
    let config = otlp_batch::BatchConfig { batch_timeout: interval, ..Default::default() };
    let _client = client.with_batch_config(config).build_blocking().unwrap();
    receiver.store().wait_for_items_blocking(Signal::Metrics, 1, DEADLINE).unwrap();
}
