//! `api-gateway`: where requests enter the shop and traces begin.

use std::sync::Arc;

use axum::{
    Extension, Json, Router,
    extract::State,
    http::Method,
    response::{IntoResponse, Response},
    routing::post,
};
use otlp::context::Context;
use otlp::{data::Severity, propagation::Baggage};

use super::{
    call::Call,
    observe::route,
    shop::{Answer, Purchase, Shop},
};
use crate::demo::topology::Service;

pub(super) fn routes(shop: &Arc<Shop>) -> Router {
    route(shop, "/orders", post(buy))
}

async fn buy(
    State(shop): State<Arc<Shop>>,
    Extension(baggage): Extension<Baggage>,
    Json(purchase): Json<Purchase>,
) -> Response {
    let trace = Context::current().span().map(|span| span.trace_id.to_string());
    let call = Call {
        service: Service::Order,
        method: Method::POST,
        template: "/orders",
        path: "/orders".to_owned(),
        baggage: &baggage,
    };
    match call.send::<Answer>(&shop, &purchase).await {
        Ok((status, answer)) => {
            let severity = if status.is_success() { Severity::Info } else { Severity::Warn };
            shop.telemetry
                .log(severity, &answer.message)
                .attribute("shop.order.number", purchase.number)
                .attribute("http.response.status_code", status.as_u16())
                .emit();
            (status, Json(Answer { trace, ..answer })).into_response()
        }
        Err(error) => error.bad_gateway(&shop),
    }
}
