//! What is recorded around each request that a service serves: a server span, metrics, and the caller's context.

use std::{sync::Arc, time::Instant};

use axum::{
    Router,
    extract::{Request, State},
    http::Method,
    middleware::{Next, from_fn_with_state},
    response::Response,
    routing::MethodRouter,
};
use otlp::context::ContextFuture;
use otlp::{
    data::{SpanKind, StatusCode},
    metrics::UpDownCounter,
    propagation::{CompositePropagator, Propagator},
};

use super::shop::Shop;

/// A route, and what is recorded with.
#[derive(Clone)]
struct Route {
    shop: Arc<Shop>,
    template: &'static str,
}

/// A router of this one route, observed. Handlers find the caller's baggage in an extension, and the server span active.
pub(super) fn route(shop: &Arc<Shop>, template: &'static str, method: MethodRouter<Arc<Shop>>) -> Router {
    let observed = Route { shop: shop.clone(), template };
    Router::new().route(template, method).route_layer(from_fn_with_state(observed, observe)).with_state(shop.clone())
}

async fn observe(State(route): State<Route>, mut request: Request, next: Next) -> Response {
    let Route { shop, template } = route;
    let telemetry = &shop.telemetry;
    let (caller, baggage) = CompositePropagator::default().extract(request.headers());
    let method = request.method().clone();
    let name = format!("{method} {template}");
    let mut span = match &caller {
        Some(caller) => telemetry.tracer.start_with_context(&name, SpanKind::Server, caller),
        None => telemetry.tracer.span_builder(&name).kind(SpanKind::Server).root().start(),
    };
    span.set_attribute("http.request.method", method.as_str())
        .set_attribute("http.route", template)
        .set_attribute("url.path", request.uri().path())
        .set_attribute("url.scheme", "http")
        .set_attribute("network.protocol.version", "1.1");
    for entry in baggage.iter() {
        span.set_attribute(entry.key(), entry.value());
    }
    request.extensions_mut().insert(baggage);
    let announced = telemetry.announce(&span).await;

    let active = Active::begin(&telemetry.active_requests, &method);
    let started = Instant::now();
    let response = next.run(request).in_span(&span).await;
    drop(active);

    let status = response.status();
    span.set_attribute("http.response.status_code", status.as_u16());
    let error_type = status.is_server_error().then(|| status.as_u16().to_string());
    if let Some(error_type) = &error_type {
        // Only what is the server's own fault is an error of its span.
        span.set_attribute("error.type", error_type).set_status(StatusCode::Error, "");
    }
    let code = i64::from(status.as_u16());
    let mut attributes = vec![
        ("http.request.method", method.as_str().into()),
        ("url.scheme", "http".into()),
        ("http.route", template.into()),
        ("http.response.status_code", otlp::Value::from(code)),
    ];
    attributes.extend(error_type.map(|error_type| ("error.type", error_type.into())));
    let within = span.enter();
    telemetry.server_durations.record(started.elapsed().as_secs_f64(), &attributes);
    telemetry
        .requests
        .add(1, &[("http.route", template.into()), ("http.response.status_code", otlp::Value::from(code))]);
    drop(within);
    span.end();
    telemetry.recorded(announced);
    response
}

/// A request under way; also one that is abandoned ends.
struct Active<'a> {
    requests: &'a UpDownCounter<i64>,
    method: String,
}

impl<'a> Active<'a> {
    fn begin(requests: &'a UpDownCounter<i64>, method: &Method) -> Self {
        let active = Active { requests, method: method.to_string() };
        active.add(1);
        active
    }

    fn add(&self, requests: i64) {
        let attributes = [("http.request.method", self.method.as_str()), ("url.scheme", "http")];
        self.requests.add(requests, &attributes);
    }
}

impl Drop for Active<'_> {
    fn drop(&mut self) {
        self.add(-1);
    }
}
