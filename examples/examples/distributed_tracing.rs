//! One trace across four services: the context and the baggage travel in the headers of real HTTP requests, and every
//! service has a client, and so a resource, of its own.

#![allow(clippy::print_stdout, reason = "a program for the terminal")]

use std::{error::Error, net::SocketAddr, time::Duration};

use axum::{Router, extract::State, http::HeaderMap, routing::post};
use otlp::{
    TraceContext,
    core::EnhancedOtlpClient,
    data::{SpanKind, StatusCode},
    propagation::Baggage,
    trace::Tracer,
};
use otlp_receiver::Receiver;

/// A service that does one thing, and one thing within it.
#[derive(Clone)]
struct Service {
    name: &'static str,
    client: EnhancedOtlpClient,
}

impl Service {
    async fn start(name: &'static str, endpoint: String) -> Result<(Service, SocketAddr), Box<dyn Error>> {
        let service = Service { name, client: client(name, endpoint).await? };
        let routes = Router::new().route("/work", post(Service::handle)).with_state(service.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        tokio::spawn(async move { axum::serve(listener, routes).await });
        Ok((service, address))
    }

    /// Continues the trace whose context the request carries.
    async fn handle(State(service): State<Service>, headers: HeaderMap) -> String {
        let (context, baggage) = service.client.propagator().extract(&headers);
        let tracer = service.client.tracer(service.name);
        // Whoever calls without a context begins a trace.
        let mut span = match context {
            Some(context) => tracer.start_with_context("POST /work", SpanKind::Server, &context),
            None => tracer.start_with_kind("POST /work", SpanKind::Server),
        };
        span.set_attribute("tenant", baggage.get("tenant").unwrap_or("none"));
        transform(&tracer, &span.context()).await;
        span.set_status(StatusCode::Ok, "");
        span.end();
        format!("{} is done", service.name)
    }
}

async fn client(name: &str, endpoint: String) -> Result<EnhancedOtlpClient, Box<dyn Error>> {
    Ok(EnhancedOtlpClient::builder()
        .with_endpoint(endpoint)
        .with_grpc_transport()
        .with_service_name(name)
        .with_trace_context_propagation(true)
        .build()
        .await?)
}

/// Work within a service: a child of whatever context it is given.
async fn transform(tracer: &Tracer, parent: &TraceContext) {
    let mut span = tracer.start_with_context("transform", SpanKind::Internal, parent);
    span.set_attribute("operation.type", "data_transformation");
    tokio::time::sleep(Duration::from_millis(5)).await;
    span.end();
}

/// Calls a service, with a client span whose context the request carries.
async fn call(
    http: &reqwest::Client,
    client: &EnhancedOtlpClient,
    parent: &TraceContext,
    to: SocketAddr,
) -> Result<String, Box<dyn Error>> {
    let tracer = client.tracer("main-service");
    let mut span = tracer.start_with_context("POST /work", SpanKind::Client, parent);
    span.set_attribute("server.port", i64::from(to.port()));
    let mut headers = HeaderMap::new();
    client.propagator().inject(&span.context(), &Baggage::default().with("tenant", "seven"), &mut headers);
    let request = http.post(format!("http://{to}/work")).headers(headers);
    let answer = request.send().await?.error_for_status()?.text().await?;
    span.set_status(StatusCode::Ok, "");
    span.end();
    Ok(answer)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let receiver = Receiver::builder().start().await?;
    let gateway = client("main-service", receiver.grpc_endpoint()).await?;
    let mut services = Vec::new();
    for name in ["service-a", "service-b", "service-c"] {
        services.push(Service::start(name, receiver.grpc_endpoint()).await?);
    }

    let http = reqwest::Client::new();
    let tracer = gateway.tracer("main-service");
    let mut root = tracer.start_with_kind("distributed-operation", SpanKind::Server);
    root.set_attribute("operation.id", "distributed-op-001");
    let trace_id = root.context().trace_id;
    for (_, address) in &services {
        println!("{}", call(&http, &gateway, &root.context(), *address).await?);
    }
    root.set_status(StatusCode::Ok, "All distributed operations completed");
    root.end();

    print!("{}", gateway.shutdown(Duration::from_secs(5)).await);
    for (service, _) in &services {
        service.client.shutdown(Duration::from_secs(5)).await;
    }

    let store = receiver.store();
    let spans = store.spans();
    assert_eq!(spans.len(), 1 + 3 * 3);
    assert!(spans.iter().all(|span| span.trace_id == trace_id), "everything is one trace");
    let parent_of = |span: &otlp::data::SpanData| {
        spans
            .iter()
            .find(|other| Some(other.span_id) == span.parent_span_id)
            .map(|parent| (parent.name.clone(), parent.kind))
    };
    for name in ["service-a", "service-b", "service-c"] {
        let of_service = store.spans_of_service(name);
        let server = of_service.iter().find(|span| span.kind == SpanKind::Server).ok_or("the server span arrived")?;
        assert_eq!(parent_of(server), Some(("POST /work".to_owned(), SpanKind::Client)), "across the network");
        assert_eq!(server.attributes.get("tenant").and_then(|value| value.as_str()), Some("seven"), "by the baggage");
        let inner = of_service.iter().find(|span| span.kind == SpanKind::Internal).ok_or("its child arrived")?;
        assert_eq!(parent_of(inner), Some(("POST /work".to_owned(), SpanKind::Server)));
    }
    Ok(())
}
