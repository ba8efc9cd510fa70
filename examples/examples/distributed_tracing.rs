//! One trace across two services: the context crosses the process boundary in W3C headers.

#![allow(clippy::print_stdout, reason = "a program for the terminal")]

use std::{collections::HashMap, error::Error, time::Duration};

use otlp::{
    core::EnhancedOtlpClient,
    data::SpanKind,
    propagation::{Baggage, CompositePropagator, Propagator},
};
use otlp_receiver::Receiver;

fn service(name: &str, endpoint: &str) -> Result<EnhancedOtlpClient, Box<dyn Error>> {
    Ok(EnhancedOtlpClient::builder()
        .with_endpoint(endpoint)
        .with_grpc_transport()
        .with_service_name(name)
        .build_blocking()?)
}

fn main() -> Result<(), Box<dyn Error>> {
    let receiver = Receiver::builder().start_blocking()?;
    let gateway = service("gateway", &receiver.grpc_endpoint())?;
    let orders = service("orders", &receiver.grpc_endpoint())?;
    let propagator = CompositePropagator::default();

    // The caller puts the context of its client span into the headers of its request.
    let mut call = gateway.tracer("gateway").start_with_kind("GET /orders", SpanKind::Client);
    let mut headers: HashMap<String, String> = HashMap::new();
    let baggage = Baggage::default().with("tenant", "seven");
    propagator.inject(&call.context(), &baggage, &mut headers);
    println!("{headers:#?}");

    // The callee continues the trace from the headers that it received.
    let (context, baggage) = propagator.extract(&headers);
    let context = context.ok_or("the headers carry a context")?;
    let mut handled = orders.tracer("orders").start_with_context("GET /orders", SpanKind::Server, &context);
    handled.set_attribute("tenant", baggage.get("tenant").unwrap_or("none"));
    handled.end();
    call.end();

    for client in [&gateway, &orders] {
        print!("{}", client.shutdown_blocking(Duration::from_secs(5)));
    }
    let spans = receiver.store().spans();
    let server = spans.iter().find(|span| span.kind == SpanKind::Server).ok_or("the server span arrived")?;
    let caller = spans.iter().find(|span| span.kind == SpanKind::Client).ok_or("the client span arrived")?;
    assert_eq!(server.trace_id, caller.trace_id);
    assert_eq!(server.parent_span_id, Some(caller.span_id));
    assert_eq!(server.attributes.get("tenant").and_then(|value| value.as_str()), Some("seven"));
    Ok(())
}
