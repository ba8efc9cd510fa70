//! `user`: knows who may buy.

use std::sync::Arc;

use axum::{
    Router,
    extract::{Path, State},
    http::StatusCode,
    response::Response,
    routing::get,
};
use otlp::context::ContextFuture;
use otlp::data::Severity;

use super::{
    observe::route,
    shop::{Shop, answer, work},
};

/// Users above have no account.
const USERS: u64 = 480;

pub(super) fn routes(shop: &Arc<Shop>) -> Router {
    route(shop, "/users/{id}", get(find))
}

async fn find(State(shop): State<Arc<Shop>>, Path(id): Path<u64>) -> Response {
    let telemetry = &shop.telemetry;
    let mut chance = shop.chance(id);
    let mut span = telemetry.tracer.start("look up user");
    span.set_attribute("user.id", id.to_string());
    if chance.f64() < 0.3 {
        span.add_event("cache miss", [("cache.name", "users")]);
        work(&mut chance, 6).in_span(&span).await;
    }
    span.end();
    if id > USERS {
        telemetry.log(Severity::Warn, "no such user").attribute("user.id", id.to_string()).emit();
        return answer(StatusCode::NOT_FOUND, format!("user {id} has no account"));
    }
    answer(StatusCode::OK, format!("user {id} may buy"))
}
