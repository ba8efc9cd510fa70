//! The provider hangs, and comes back.

use otlp_reliability::{CircuitState, Event, Health, PipelineConfig, TimeoutConfig};
use resilient_service::upstream::Mode;

use crate::{MILLI, MINUTE, Shop, breaker, heard, impatient, patient};

fn opened(event: &Event) -> bool {
    matches!(event, Event::StateChanged { to: CircuitState::Open, .. })
}

fn closed(event: &Event) -> bool {
    matches!(event, Event::StateChanged { to: CircuitState::Closed, .. })
}

fn unhealthy(event: &Event) -> bool {
    matches!(event, Event::HealthChanged { to: Health::Unhealthy, .. })
}

#[tokio::test]
async fn a_provider_that_hangs_costs_clients_one_timeout_and_then_nothing() {
    let shop = Shop::open(impatient()).await;
    shop.upstream.set_mode(Mode::Hanging);
    let mut notices = shop.checkout.subscribe();

    let first = shop.pay("first").await;
    assert_eq!(first.status, 504, "its two attempts were cut off");
    assert_eq!(first.body["outcome"], "timed_out");
    shop.pay("second").await;
    heard(&mut notices, opened).await;

    let reached = shop.upstream.traffic().charges;
    for number in 0..50 {
        let answer = shop.pay(&format!("while-open-{number}")).await;
        assert_eq!(answer.status, 503);
        assert_eq!(answer.body["outcome"], "breaker_open");
        assert!(answer.retry_after.is_some_and(|seconds| (1..=60).contains(&seconds)), "{answer:?}");
    }
    assert_eq!(shop.upstream.traffic().charges, reached, "the provider is left alone");
    shop.upstream.wait_for(|traffic| traffic.in_flight == 0).await;

    let metrics = shop.look("/metrics").await.body;
    for line in [r#"outcome="timed_out"} 1"#, r#"outcome="breaker_open"} 51"#] {
        assert!(metrics.as_str().unwrap().contains(&format!(r#"{{client="shop",{line}"#)), "{metrics}");
    }
}

#[tokio::test]
async fn an_instance_without_a_provider_is_alive_and_not_ready_and_recovers_without_a_client() {
    let policies = impatient().with("breaker", breaker().with_break_duration(100 * MILLI));
    let shop = Shop::open_checking(policies, 20 * MILLI).await;
    let mut notices = shop.checkout.subscribe();
    assert_eq!(shop.look("/ready").await.status, 200);

    shop.upstream.set_mode(Mode::Hanging);
    heard(&mut notices, unhealthy).await;
    heard(&mut notices, opened).await;
    let ready = shop.look("/ready").await;
    assert_eq!(ready.status, 503);
    assert!(ready.body["checks"]["payment-provider"].is_array(), "{ready:?}");
    assert_eq!(shop.look("/health").await.status, 200, "a restart would not help");

    shop.upstream.set_mode(Mode::Ok);
    let patience = PipelineConfig::new().with("attempt", TimeoutConfig::new(MINUTE));
    shop.checkout.policies().reload(&patience).unwrap();
    shop.until_ready().await;
    let ready = shop.look("/ready").await;
    assert_eq!(ready.status, 200, "{ready:?}");
    assert_eq!(shop.pay("after").await.status, 200);
    assert_eq!(shop.upstream.traffic().charges, 1, "the pings were the probes");
}

#[tokio::test]
async fn payments_close_the_breaker_when_the_break_is_over() {
    let shop = Shop::open(patient()).await;
    shop.upstream.set_mode(Mode::Failing);
    until_failed(&shop).await;
    shop.upstream.set_mode(Mode::Ok);
    assert_eq!(shop.pay("during-the-break").await.status, 503);

    let mut notices = shop.checkout.subscribe();
    assert_eq!(shop.order_breaker("half-open").await.status, 200);
    assert_eq!(shop.pay("probe-1").await.status, 200);
    assert_eq!(shop.stage("breaker").await["state"], "half_open", "one probe is not enough");
    assert_eq!(shop.pay("probe-2").await.status, 200);
    heard(&mut notices, closed).await;
    assert_eq!(shop.pay("after").await.status, 200);
}

/// Pays until failures have opened the breaker.
async fn until_failed(shop: &Shop) {
    let mut notices = shop.checkout.subscribe();
    let first = shop.pay("failing-1").await;
    assert_eq!((first.status.as_u16(), &first.body["outcome"]), (502, &"provider_failed".into()));
    for number in 2..=4 {
        shop.pay(&format!("failing-{number}")).await;
    }
    heard(&mut notices, opened).await;
}

#[tokio::test]
async fn a_hundred_clients_at_the_end_of_a_break_are_two_probes() {
    let shop = Shop::open(patient()).await;
    shop.upstream.set_mode(Mode::Failing);
    until_failed(&shop).await;
    shop.upstream.set_mode(Mode::Hanging);
    shop.order_breaker("half-open").await;
    let reached = shop.upstream.traffic().charges;

    let mut rush = shop.rush(100);
    for _ in 0..98 {
        let answer = rush.join_next().await.unwrap().unwrap();
        assert_eq!(answer.status, 503, "{answer:?}");
        assert!(answer.retry_after.is_some());
    }
    let traffic = shop.upstream.wait_for(|traffic| traffic.charges == reached + 2).await;
    assert_eq!(traffic.in_flight, 2);

    // The clients of the two probes leave before there is an answer. Their places are free for the next two.
    rush.shutdown().await;
    shop.upstream.wait_for(|traffic| traffic.in_flight == 0).await;
    shop.upstream.set_mode(Mode::Ok);
    let mut notices = shop.checkout.subscribe();
    assert_eq!(shop.pay("probe-3").await.status, 200);
    assert_eq!(shop.pay("probe-4").await.status, 200);
    heard(&mut notices, closed).await;
}

#[tokio::test]
async fn a_provider_that_hangs_holds_no_more_calls_than_there_are_places() {
    let shop = Shop::open(patient()).await;
    shop.upstream.set_mode(Mode::Hanging);

    let mut rush = shop.rush(20);
    for _ in 0..16 {
        let answer = rush.join_next().await.unwrap().unwrap();
        assert_eq!((answer.status.as_u16(), &answer.body["outcome"]), (503, &"overloaded".into()));
        assert_eq!(answer.retry_after, Some(1));
    }
    let traffic = shop.upstream.wait_for(|traffic| traffic.in_flight == 4).await;
    assert_eq!((traffic.charges, traffic.most_in_flight), (4, 4));

    // Clients that leave take their calls with them, all the way to the provider, and their places are free again.
    rush.shutdown().await;
    shop.upstream.wait_for(|traffic| traffic.in_flight == 0).await;
    shop.upstream.set_mode(Mode::Ok);
    assert_eq!(shop.pay("after").await.status, 200);
    assert_eq!(shop.stage("places").await["in_flight"], 0);
}

#[tokio::test]
async fn slow_answers_are_answers() {
    let shop = Shop::open(patient()).await;
    shop.upstream.set_mode(Mode::Slow { delay_ms: 20 });
    let rush = shop.rush(4).join_all().await;
    assert!(rush.iter().all(|answer| answer.status == 200), "{rush:?}");
    assert_eq!(shop.upstream.traffic().charges, 4);
}
