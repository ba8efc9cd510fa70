//! Jaeger, which takes traces and answers questions about them.

use std::{collections::HashMap, fs, path::Path};

use otlp_core::{
    Signal,
    data::{SpanKind, StatusCode},
};
use otlp_transport::Protocol;
use serde_json::{Value, json};

use crate::{
    client::{DEADLINE, builder},
    http,
    server::{Server, Start, program, until},
};

/// Starts one that keeps traces in memory; `None` if there is none.
fn jaeger() -> Option<Server> {
    let program = program("JAEGER_BIN")?;
    Some(Server::start(program, |folder: &Path, [health, grpc, http, query, query_grpc]: [u16; 5]| {
        let at = |port: u16| json!({ "endpoint": format!("127.0.0.1:{port}") });
        let config = json!({
            "extensions": {
                "jaeger_storage": { "backends": { "memory": { "memory": { "max_traces": 10_000 } } } },
                "jaeger_query": { "storage": { "traces": "memory" }, "grpc": at(query_grpc), "http": at(query) },
                "healthcheckv2": { "use_v2": true, "http": at(health) },
            },
            "receivers": { "otlp": { "protocols": { "grpc": at(grpc), "http": at(http) } } },
            "exporters": { "jaeger_storage_exporter": { "trace_storage": "memory" } },
            "service": {
                "extensions": ["jaeger_storage", "jaeger_query", "healthcheckv2"],
                "telemetry": { "metrics": { "level": "none" } },
                "pipelines": { "traces": { "receivers": ["otlp"], "exporters": ["jaeger_storage_exporter"] } },
            },
        });
        // JSON is YAML.
        let path = folder.join("config.yaml");
        fs::write(&path, config.to_string()).unwrap();
        Start { arguments: vec!["--config".to_owned(), path.display().to_string()], health: (health, "/status") }
    }))
}

fn endpoint(server: &Server, protocol: Protocol) -> String {
    format!("http://127.0.0.1:{}", server.port(if protocol == Protocol::Grpc { 1 } else { 2 }))
}

/// The value of a tag or of a field of an event.
fn tag<'a>(of: &'a Value, key: &str) -> &'a Value {
    let tags = of.get("tags").or_else(|| of.get("fields")).and_then(Value::as_array);
    let found = tags.and_then(|tags| tags.iter().find(|tag| tag["key"] == key));
    found.map_or(&Value::Null, |tag| &tag["value"])
}

#[test]
fn a_trace_has_its_parents_links_events_and_attributes() {
    let Some(server) = jaeger() else { return };
    for protocol in [Protocol::Grpc, Protocol::HttpProtobuf, Protocol::HttpJson] {
        let (builder, _) = builder(endpoint(&server, protocol));
        let client = builder.with_protocol(protocol).with_otlp_signals([Signal::Traces]).build_blocking().unwrap();
        let tracer = client.tracer("shop");
        let mut other = tracer.start("an earlier order");
        let mut root = tracer.start_with_kind("POST /orders", SpanKind::Server);
        root.set_attribute("order.items", 3).add_event("reserved", [("places", 2)]);
        let mut child = tracer.start_with_context("charge", SpanKind::Client, &root.context());
        child.add_link(&other.context(), ()).set_status(StatusCode::Error, "card declined");
        let (root_is, child_is, other_is) = (root.context(), child.context(), other.context());
        child.end();
        root.end();
        other.end();
        let report = client.shutdown_blocking(DEADLINE);
        assert_eq!((report.ledgers[0].traces.delivered, report.ledgers[0].lost()), (3, 0), "{report}");

        let path = format!("/api/traces/{}", root_is.trace_id);
        let spans: HashMap<String, Value> = until("the trace can be asked for", || {
            let (status, body) = http::get(server.port(3), &path).ok()?;
            let answer: Value = serde_json::from_str(&body).ok().filter(|_| status == 200)?;
            let spans = answer["data"][0]["spans"].as_array().filter(|spans| spans.len() == 2)?;
            Some(spans.iter().map(|span| (span["spanID"].as_str().unwrap().to_owned(), span.clone())).collect())
        });
        let (root, child) = (&spans[&root_is.span_id.to_string()], &spans[&child_is.span_id.to_string()]);
        assert_eq!((&root["operationName"], &child["operationName"]), (&json!("POST /orders"), &json!("charge")));
        assert_eq!((tag(root, "order.items"), tag(root, "span.kind")), (&json!(3), &json!("server")));
        assert_eq!(
            (tag(child, "error"), tag(child, "otel.status_description")),
            (&json!(true), &json!("card declined"))
        );
        assert_eq!(tag(&root["logs"][0], "event"), "reserved");
        assert_eq!(tag(&root["logs"][0], "places"), &json!(2));
        let references: Vec<(&Value, &Value)> =
            child["references"].as_array().unwrap().iter().map(|one| (&one["traceID"], &one["spanID"])).collect();
        let of = |context: &otlp_core::TraceContext| {
            (json!(context.trace_id.to_string()), json!(context.span_id.to_string()))
        };
        let (parent, link) = (of(&root_is), of(&other_is));
        assert!(references.contains(&(&parent.0, &parent.1)), "the parent is missing: {child}");
        assert!(references.contains(&(&link.0, &link.1)), "the link is missing: {child}");
        assert_eq!(references.len(), 2, "{child}");
    }
}

#[test]
fn what_it_does_not_take_is_refused_and_not_called_delivered() {
    let Some(server) = jaeger() else { return };
    for protocol in [Protocol::Grpc, Protocol::HttpProtobuf] {
        let (builder, said) = builder(endpoint(&server, protocol));
        let client = builder.with_protocol(protocol).build_blocking().unwrap();
        client.tracer("shop").start("pay").end();
        client.logger("shop").info("paid");
        let report = client.shutdown_blocking(DEADLINE);
        let ledger = &report.ledgers[0];
        assert_eq!((ledger.traces.delivered, ledger.logs.delivered, ledger.logs.rejected), (1, 0, 1), "{report}");
        assert!(said.lock().join("\n").contains("log"), "{said:?}");
    }
}
