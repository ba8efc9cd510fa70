//! `notification`: takes messages for users and sends them after it has answered. The sending is a trace of its own,
//! linked to the request that caused it.

use std::sync::Arc;

use axum::{Extension, Json, extract::State, http::StatusCode, response::Response, routing::post};
use otlp::context::ContextFuture;
use otlp::{
    TraceContext,
    data::{Severity, SpanKind},
    propagation::Baggage,
};
use tokio::sync::mpsc;

use super::{
    Served,
    observe::route,
    shop::{Purchase, Shop, answer, work},
};

/// So many messages wait to be sent; with more, new ones are refused.
const WAITING: usize = 256;

/// A message to a user, and the request that caused it.
struct Mail {
    purchase: Purchase,
    cause: TraceContext,
    tier: String,
}

#[derive(Clone)]
struct Outbox(mpsc::Sender<Mail>);

pub(super) fn served(shop: &Arc<Shop>) -> Served {
    let (sender, outbox) = mpsc::channel(WAITING);
    let router = route(shop, "/notifications", post(notify)).layer(Extension(Outbox(sender)));
    Served { router, work: Some(tokio::spawn(send_all(shop.clone(), outbox))) }
}

async fn notify(
    State(shop): State<Arc<Shop>>,
    Extension(outbox): Extension<Outbox>,
    Extension(baggage): Extension<Baggage>,
    Json(purchase): Json<Purchase>,
) -> Response {
    let mut span = shop.telemetry.tracer.start_with_kind("send outbox", SpanKind::Producer);
    span.set_attribute("messaging.destination.name", "outbox").set_attribute("messaging.operation.type", "send");
    let announced = shop.telemetry.announce(&span).await;
    let tier = baggage.get("shop.tier").unwrap_or("none").to_owned();
    let cause = span.context();
    let sent = outbox.0.try_send(Mail { purchase, cause, tier });
    span.end();
    shop.telemetry.recorded(announced);
    match sent {
        Ok(()) => answer(StatusCode::ACCEPTED, "will be sent"),
        Err(_) => {
            let (uid, announced) = shop.telemetry.announce_log().await;
            shop.telemetry.log_as(uid, Severity::Warn, "the outbox is full").emit();
            shop.telemetry.recorded(announced);
            answer(StatusCode::SERVICE_UNAVAILABLE, "the outbox is full")
        }
    }
}

/// Sends until the outbox is closed and empty.
async fn send_all(shop: Arc<Shop>, mut outbox: mpsc::Receiver<Mail>) {
    while let Some(mail) = outbox.recv().await {
        let mut span = shop
            .telemetry
            .tracer
            .span_builder("process outbox")
            .kind(SpanKind::Consumer)
            .root()
            .link(mail.cause, [("shop.cause", "order placed")])
            .attributes([("messaging.destination.name", "outbox"), ("messaging.operation.type", "process")])
            .start();
        let announced = shop.telemetry.announce(&span).await;
        let number = mail.purchase.number;
        work(&mut shop.chance(number), 4).in_span(&span).await;
        let (uid, announced_log) = shop.telemetry.announce_log().await;
        let active = span.enter();
        shop.telemetry
            .log_as(uid, Severity::Info, "user notified")
            .attribute("shop.order.number", number)
            .attribute("shop.tier", mail.tier)
            .emit();
        drop(active);
        span.end();
        shop.telemetry.recorded(announced);
        shop.telemetry.recorded(announced_log);
    }
}
