//! All three signals over all three transports and all compressions, read back at the receiver.

use otlp_core::{
    Signal, Value,
    data::{MetricPoints, Number, Severity, SpanKind, StatusCode, Temporality},
};
use otlp_sdk::metrics::Unit;
use otlp_transport::{Compression, Protocol};

use crate::setup::{DEADLINE, builder, receiver};

fn arrives(protocol: Protocol, compression: Compression) {
    let receiver = receiver();
    let endpoint = match protocol {
        Protocol::Grpc => receiver.grpc_endpoint(),
        _ => receiver.http_endpoint(),
    };
    let (builder, said) = builder(endpoint);
    let client = builder.with_protocol(protocol).with_compression(compression).build_blocking().unwrap();

    let tracer = client.tracer("orders");
    let mut parent = tracer.start_with_kind("POST /orders", SpanKind::Server);
    parent.set_attribute("http.request.method", "POST").set_attribute("order.items", 3);
    let context = parent.context();
    let mut child = tracer.start_with_context("charge", SpanKind::Client, &context);
    child.set_status(StatusCode::Error, "card declined");
    child.end();
    {
        let _active = parent.enter();
        client.logger("orders").record(Severity::Warn).body("declined").attribute("attempt", 1).emit();
    }
    parent.end();
    let meter = client.meter("orders");
    meter.u64_counter("orders").with_unit(Unit::new("{order}")).init().add(2, &[("region", "eu")]);
    meter.f64_histogram("latency").with_unit("s").init().record(0.25, &[("region", "eu")]);

    let report = client.shutdown_blocking(DEADLINE);
    assert!(report.complete && report.ledgers[0].balances() && report.ledgers[0].lost() == 0, "{report} {said:?}");
    let delivered = Signal::ALL.map(|signal| report.ledgers[0].signal(signal).delivered);
    assert_eq!(delivered, [2, 2, 1], "{report} {said:?}");

    let store = receiver.store();
    let spans = store.spans_of_trace(context.trace_id);
    let (parent, child) = (&store.spans_named("POST /orders")[0], &store.spans_named("charge")[0]);
    assert_eq!(spans.len(), 2);
    assert_eq!(child.parent_span_id, Some(parent.span_id));
    assert_eq!((parent.kind, child.kind), (SpanKind::Server, SpanKind::Client));
    assert_eq!((child.status.code, child.status.message.as_str()), (StatusCode::Error, "card declined"));
    assert_eq!(parent.attributes.get("order.items"), Some(&Value::I64(3)));
    assert!(parent.start_time <= child.start_time && child.end_time <= parent.end_time);
    assert_eq!(parent.resource.service_name(), Some("test"));
    assert_eq!(parent.scope.name, "orders");

    let log = &store.logs()[0];
    assert_eq!((log.trace_id, log.span_id), (Some(parent.trace_id), Some(parent.span_id)));
    assert_eq!((log.severity, &log.body), (Severity::Warn, &Value::String("declined".into())));

    let MetricPoints::Sum { points, temporality, monotonic } = &store.metrics_named("orders")[0].points else {
        panic!("a counter is a sum");
    };
    assert_eq!((points[0].value, *temporality, *monotonic), (Some(Number::I64(2)), Temporality::Cumulative, true));
    let MetricPoints::Histogram { points, .. } = &store.metrics_named("latency")[0].points else {
        panic!("a histogram is a histogram");
    };
    assert_eq!((points[0].count, points[0].sum), (1, Some(0.25)));
}

macro_rules! transports {
    ($($name:ident: $protocol:ident, $compression:expr;)*) => {$(
        #[test]
        fn $name() {
            arrives(Protocol::$protocol, $compression);
        }
    )*};
}

transports! {
    grpc: Grpc, Compression::None;
    grpc_with_gzip: Grpc, Compression::Gzip;
    grpc_with_zstd: Grpc, Compression::Zstd;
    http_protobuf: HttpProtobuf, Compression::None;
    http_protobuf_with_gzip: HttpProtobuf, Compression::Gzip;
    http_protobuf_with_zstd: HttpProtobuf, Compression::Zstd;
    http_json: HttpJson, Compression::None;
    http_json_with_gzip: HttpJson, Compression::Gzip;
    http_json_with_zstd: HttpJson, Compression::Zstd;
}

#[test]
fn the_environment_is_enough() {
    let receiver = receiver();
    let endpoint = receiver.http_endpoint();
    let environment = otlp_client::Environment::read(|name| {
        let value = match name {
            "OTEL_EXPORTER_OTLP_ENDPOINT" => endpoint.as_str(),
            "OTEL_EXPORTER_OTLP_PROTOCOL" => "http/json",
            "OTEL_EXPORTER_OTLP_COMPRESSION" => "gzip",
            "OTEL_EXPORTER_OTLP_HEADERS" => "x-tenant=seven%20seas",
            "OTEL_SERVICE_NAME" => "from the environment",
            "OTEL_RESOURCE_ATTRIBUTES" => "service.name=beaten,host.name=h",
            "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE" => "delta",
            _ => return None,
        };
        Some(value.to_owned())
    });
    let client = otlp_client::EnhancedOtlpClient::builder().with_environment(environment).build_blocking().unwrap();
    client.tracer("test").start("work").end();
    client.meter("test").u64_counter("count").init().add(1, &());
    assert_eq!(client.shutdown_blocking(DEADLINE).ledgers[0].lost(), 0);

    let span = &receiver.store().spans()[0];
    assert_eq!(span.resource.service_name(), Some("from the environment"));
    assert_eq!(span.resource.attributes.get("host.name"), Some(&Value::from("h")));
    let MetricPoints::Sum { temporality, .. } = receiver.store().metrics()[0].points else {
        panic!("a counter is a sum");
    };
    assert_eq!(temporality, Temporality::Delta);
    let request = receiver.requests().last().unwrap();
    assert_eq!(request.content_type(), Some("application/json"));
    assert_eq!(request.header("x-tenant"), Some("seven seas"));
    assert_eq!(request.header("content-encoding"), Some("gzip"));
}
