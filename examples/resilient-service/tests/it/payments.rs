//! What becomes of a payment: once, or not at all, and whose fault it was.

use otlp_reliability::{CircuitBreakerConfig, RateLimiterConfig, RetryPolicy, TimeoutConfig};
use resilient_service::{
    payment::Receipt,
    upstream::{CREDIT_LIMIT_CENTS, Mode},
};

use crate::{MILLI, MINUTE, Shop, breaker, impatient, patient};

#[tokio::test]
async fn while_the_provider_works_every_client_gets_a_receipt() {
    let shop = Shop::open(patient()).await;
    for number in 0..20 {
        let order = format!("order-{number}");
        let answer = shop.pay(&order).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        let receipt: Receipt = serde_json::from_value(answer.body).unwrap();
        assert_eq!(receipt.order, order);
    }
    assert_eq!(shop.upstream.traffic().charges, 20);
}

#[tokio::test]
async fn single_failures_are_retried_and_no_client_sees_them() {
    let shop = Shop::open(patient().with("breaker", breaker().with_failure_rate(0.9))).await;
    shop.upstream.set_mode(Mode::Flapping);
    for number in 0..10 {
        assert_eq!(shop.pay(&format!("order-{number}")).await.status, 200);
    }
    assert_eq!(shop.upstream.traffic().charges, 19, "all but the first were the second attempt of their payment");
    assert_eq!(shop.upstream.orders_charged_twice(), 0);
}

#[tokio::test]
async fn a_budget_keeps_an_outage_from_tripling_the_load() {
    let never = CircuitBreakerConfig::new().with_failure_rate(None).with_consecutive_failures(1_000);
    let retry = RetryPolicy::constant(MILLI).with_max_attempts(3);
    let shop = Shop::open(patient().with("breaker", never).with("retry", retry)).await;
    shop.upstream.set_mode(Mode::Failing);
    for number in 0..100 {
        assert_eq!(shop.pay(&format!("order-{number}")).await.status, 502);
    }
    let charges = shop.upstream.traffic().charges;
    assert!((101..200).contains(&charges), "{charges} attempts instead of 300");
    let budget = &shop.look("/policies").await.body["retry_budget"];
    assert_eq!(budget["granted"], charges - 100);
    assert!(budget["refused"].as_u64() > Some(0), "{budget}");
}

#[tokio::test]
async fn a_payment_whose_answer_was_lost_is_not_paid_twice() {
    let retry = RetryPolicy::constant(MILLI).with_max_attempts(3);
    let policies = impatient().with("retry", retry).with("breaker", breaker().with_minimum_calls(8));
    let shop = Shop::open(policies).await;
    shop.upstream.set_mode(Mode::Hanging);
    assert_eq!(shop.pay("order").await.status, 504);
    assert_eq!(shop.upstream.traffic().charges, 3, "each attempt may have been the one");
    shop.upstream.set_mode(Mode::Ok);
    assert_eq!(shop.pay("order").await.status, 200);
    assert_eq!(shop.upstream.times_charged("order"), 1);
}

#[tokio::test]
async fn a_declined_payment_is_final_and_nobodys_fault() {
    let shop = Shop::open(patient()).await;
    for number in 0..20 {
        let answer = shop.paying(&format!("dear-{number}"), CREDIT_LIMIT_CENTS + 1).await;
        assert_eq!((answer.status.as_u16(), answer.retry_after), (402, None));
    }
    assert_eq!(shop.upstream.traffic().charges, 20, "nobody asked twice");
    assert_eq!(shop.stage("breaker").await["state"], "closed");
    assert_eq!(shop.pay("cheap").await.status, 200);
}

#[tokio::test]
async fn the_quota_of_the_provider_is_kept_and_clients_are_told_to_slow_down() {
    let shop = Shop::open(patient().with("quota", RateLimiterConfig::new(3, 60 * MINUTE))).await;
    for number in 0..3 {
        assert_eq!(shop.pay(&format!("within-{number}")).await.status, 200);
    }
    let answer = shop.pay("beyond").await;
    assert_eq!((answer.status.as_u16(), &answer.body["outcome"]), (429, &"rate_limited".into()));
    assert!(answer.retry_after.is_some_and(|seconds| (600..=1_200).contains(&seconds)), "{answer:?}");
    assert_eq!(shop.upstream.traffic().charges, 3);
}

#[tokio::test]
async fn a_deadline_ends_attempts_that_would_go_on() {
    let policies = impatient()
        .with("deadline", TimeoutConfig::new(150 * MILLI))
        .with("retry", RetryPolicy::constant(MILLI).with_max_attempts(None));
    let shop = Shop::open(policies).await;
    shop.upstream.set_mode(Mode::Hanging);
    let answer = shop.pay("order").await;
    assert_eq!(answer.status, 504);
    assert_eq!(answer.body["error"], "no result after 150ms");
    assert_eq!(shop.stage("deadline").await["timed_out"], 1);
}

#[tokio::test]
async fn payments_that_make_no_sense_go_nowhere() {
    let shop = Shop::open(patient()).await;
    assert_eq!(shop.paying("free", 0).await.status, 400);
    assert_eq!(shop.paying("", 1).await.status, 400);
    assert_eq!(shop.paying("line\nbreak", 1).await.status, 400);
    assert_eq!(shop.upstream.traffic().charges, 0);
}
