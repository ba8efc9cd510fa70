//! `payment`: charges cards. Some are declined, and now and then the bank does not answer; the seed decides which.

use std::{error::Error, fmt, sync::Arc};

use axum::{Json, Router, extract::State, http::StatusCode, response::Response, routing::post};
use otlp::context::ContextFuture;
use otlp::data::{Severity, StatusCode as SpanStatus};

use super::{
    observe::route,
    shop::{Purchase, Shop, answer, work},
};

/// Why a card was not charged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum NotCharged {
    Declined,
    BankSilent,
}

impl fmt::Display for NotCharged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            NotCharged::Declined => "the card was declined",
            NotCharged::BankSilent => "the bank does not answer",
        })
    }
}

impl Error for NotCharged {}

pub(super) fn routes(shop: &Arc<Shop>) -> Router {
    route(shop, "/payments", post(pay))
}

async fn pay(State(shop): State<Arc<Shop>>, Json(purchase): Json<Purchase>) -> Response {
    let telemetry = &shop.telemetry;
    let mut chance = shop.chance(purchase.number);
    let mut span = telemetry.tracer.start("charge card");
    span.set_attribute("shop.order.number", purchase.number);
    work(&mut chance, 12).in_span(&span).await;
    let charged = charge(&mut chance);
    if let Err(error) = &charged {
        span.record_error(error).set_status(SpanStatus::Error, error.to_string());
        let _active = span.enter();
        telemetry
            .log(Severity::Error, &error.to_string())
            .event_name("shop.payment.failed")
            .attribute("shop.order.number", purchase.number)
            .emit();
    }
    span.end();
    match charged {
        Ok(()) => answer(StatusCode::CREATED, "paid"),
        Err(error @ NotCharged::Declined) => answer(StatusCode::PAYMENT_REQUIRED, error.to_string()),
        Err(error @ NotCharged::BankSilent) => answer(StatusCode::SERVICE_UNAVAILABLE, error.to_string()),
    }
}

fn charge(chance: &mut fastrand::Rng) -> Result<(), NotCharged> {
    match chance.u32(..100) {
        0..5 => Err(NotCharged::Declined),
        5..7 => Err(NotCharged::BankSilent),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn most_cards_are_charged_and_the_seed_decides_which_are_not() {
        let outcomes = |seed| {
            let mut chance = fastrand::Rng::with_seed(seed);
            (0..1000).map(|_| charge(&mut chance)).collect::<Vec<_>>()
        };
        assert_eq!(outcomes(1), outcomes(1));
        assert_ne!(outcomes(1), outcomes(2));
        let declined = outcomes(1).iter().filter(|one| **one == Err(NotCharged::Declined)).count();
        assert!((20..100).contains(&declined), "{declined}");
    }
}
