//! `order`: checks the user, reserves what is bought, has it paid for and the user notified. What is not paid goes back
//! into stock.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use axum::{
    Extension, Json, Router,
    extract::State,
    http::{Method, StatusCode},
    response::Response,
    routing::post,
};
use otlp::context::ContextFuture;
use otlp::{
    data::{Severity, StatusCode as SpanStatus},
    propagation::Baggage,
};

use super::{
    call::Call,
    observe::route,
    shop::{Answer, Purchase, Shop, answer, work},
};
use crate::demo::topology::Service;

/// What is in stock when the shop opens; when it runs out, as much is delivered anew.
const STOCK: i64 = 1_000;

pub(super) fn routes(shop: &Arc<Shop>) -> Router {
    let stock = Arc::new(AtomicI64::new(STOCK));
    let observed = stock.clone();
    // The meter keeps the callback.
    let _ = shop
        .telemetry
        .meter
        .i64_observable_gauge("shop.stock")
        .with_description("Pieces in stock")
        .with_unit("{piece}")
        .with_callback(move |observer| observer.observe(observed.load(Ordering::Relaxed), &()))
        .init();
    route(shop, "/orders", post(place)).layer(Extension(Stock(stock)))
}

#[derive(Clone)]
struct Stock(Arc<AtomicI64>);

async fn place(
    State(shop): State<Arc<Shop>>,
    Extension(stock): Extension<Stock>,
    Extension(baggage): Extension<Baggage>,
    Json(purchase): Json<Purchase>,
) -> Response {
    match steps(&shop, &stock, &baggage, &purchase).await {
        Ok(()) => {
            let log = shop.telemetry.log(Severity::Info, "order placed").event_name("shop.order.placed");
            log.attribute("shop.order.number", purchase.number).emit();
            answer(StatusCode::CREATED, format!("order {} placed", purchase.number))
        }
        Err(response) => response,
    }
}

/// The steps of an order; the error is the answer to give.
async fn steps(shop: &Shop, stock: &Stock, baggage: &Baggage, purchase: &Purchase) -> Result<(), Response> {
    let call = |service, method, template, path| Call { service, method, template, path, baggage };
    let user = call(Service::User, Method::GET, "/users/{id}", format!("/users/{}", purchase.user));
    expect_success(shop, user, purchase).await?;
    stock.reserve(shop, purchase).await;
    let payment = call(Service::Payment, Method::POST, "/payments", "/payments".to_owned());
    if let Err(response) = expect_success(shop, payment, purchase).await {
        stock.0.fetch_add(i64::from(purchase.quantity), Ordering::Relaxed);
        return Err(response);
    }
    let notification = call(Service::Notification, Method::POST, "/notifications", "/notifications".to_owned());
    if let Err(error) = notification.send::<Answer>(shop, purchase).await {
        // The order stands without it.
        error.log(shop);
    }
    Ok(())
}

async fn expect_success(shop: &Shop, call: Call<'_>, purchase: &Purchase) -> Result<(), Response> {
    match call.send::<Answer>(shop, purchase).await {
        Ok((status, _)) if status.is_success() => Ok(()),
        Ok((status, refusal)) => Err(answer(status, refusal.message)),
        Err(error) => Err(error.bad_gateway(shop)),
    }
}

impl Stock {
    async fn reserve(&self, shop: &Shop, purchase: &Purchase) {
        let quantity = i64::from(purchase.quantity);
        let mut span = shop.telemetry.tracer.start("reserve stock");
        span.set_attribute("shop.item", &purchase.item).set_attribute("shop.quantity", quantity);
        work(&mut shop.chance(purchase.number), 3).in_span(&span).await;
        let left = self.0.fetch_sub(quantity, Ordering::Relaxed) - quantity;
        if left < 0 {
            span.add_event("restocked", [("shop.quantity", STOCK)]);
            self.0.fetch_add(STOCK, Ordering::Relaxed);
        }
        span.set_status(SpanStatus::Ok, "");
    }
}
