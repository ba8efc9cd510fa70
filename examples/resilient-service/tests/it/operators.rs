//! What operators see and change while payments go on.

use resilient_service::upstream::Mode;
use serde_json::json;

use crate::{Shop, impatient, patient};

#[tokio::test]
async fn the_policies_are_shown_with_their_settings_and_states() {
    let shop = Shop::open(patient()).await;
    let shown = shop.look("/policies").await.body;
    let names: Vec<&str> =
        shown["states"]["stages"].as_array().unwrap().iter().map(|stage| stage["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["deadline", "retry", "quota", "places", "breaker", "attempt"], "the outermost first");
    assert_eq!(shown["settings"]["attempt"], json!({ "kind": "timeout", "after": "1m" }));
    assert_eq!(shop.stage("breaker").await["state"], "closed");
    assert_eq!(shop.stage("places").await["max_concurrent"], 4);
    assert_eq!(shop.checkout.policies().pipeline().warnings(), [], "an order that makes sense");
}

#[tokio::test]
async fn what_is_shown_can_be_put_back() {
    let shop = Shop::open(patient()).await;
    let shown = shop.look("/policies").await.body["settings"].take();
    let answer = shop.reload(&shown).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.body["settings"], shown);
}

#[tokio::test]
async fn new_settings_act_at_once_and_forget_nothing() {
    let shop = Shop::open(impatient()).await;
    shop.upstream.set_mode(Mode::Hanging);
    let before = shop.pay("before").await;
    assert_eq!((before.status.as_u16(), &before.body["error"]), (504, &"no result after 100ms".into()));
    assert_eq!(shop.stage("attempt").await["timed_out"], 2);

    let settings = json!({
        "attempt": { "kind": "timeout", "after": "20ms" },
        "retry": { "kind": "retry", "max_attempts": 1 },
    });
    assert_eq!(shop.reload(&settings).await.status, 200);
    let after = shop.pay("after").await;
    assert_eq!((after.status.as_u16(), &after.body["error"]), (504, &"no result after 20ms".into()));
    assert_eq!(shop.stage("attempt").await["timed_out"], 3, "one attempt more, and those before are not forgotten");
}

#[tokio::test]
async fn a_bad_reload_says_what_is_wrong_and_changes_nothing() {
    let shop = Shop::open(impatient()).await;
    let before = shop.look("/policies").await.body["settings"].take();
    let good = json!({ "kind": "timeout", "after": "1ms" });
    let cases = [
        (
            json!({ "attempt": good, "retry": { "kind": "retry", "max_attempts": 0 } }),
            "payments.retry.max_attempts = 0",
        ),
        (
            json!({ "attempt": good, "breaker": { "kind": "circuit_breaker", "failure_rate": 1.5 } }),
            "payments.breaker.failure_rate = 1.5",
        ),
        (json!({ "attempt": good, "retry": { "kind": "timeout", "after": "1s" } }), "payments.retry.kind"),
        (json!({ "attempt": good, "braker": { "kind": "circuit_breaker" } }), r#"the nearest is "breaker""#),
        (json!({ "attempt": good, "retry": { "kind": "retry", "attempts": 3 } }), "attempts"),
        (
            json!({ "attempt": { "kind": "timeout", "after": "soon" } }),
            r#"attempt: invalid value: string "soon", expected a duration"#,
        ),
        (json!({ "attempt": { "kind": "nap" } }), "nap"),
        (json!([]), "expected a map"),
    ];
    for (settings, complaint) in cases {
        let answer = shop.reload(&settings).await;
        assert_eq!(answer.status, 400, "{settings}");
        let error = answer.body["error"].as_str().unwrap();
        assert!(error.contains(complaint), "{settings}: {error}");
        assert_eq!(shop.look("/policies").await.body["settings"], before, "{settings}");
    }
    shop.upstream.set_mode(Mode::Hanging);
    assert_eq!(shop.pay("hanging").await.body["error"], "no result after 100ms");
}

#[tokio::test]
async fn an_operator_can_cut_the_provider_off() {
    let shop = Shop::open(patient()).await;
    assert_eq!(shop.order_breaker("isolate").await.status, 200);
    let answer = shop.pay("isolated").await;
    assert_eq!((answer.status.as_u16(), answer.retry_after), (503, Some(1)));
    assert_eq!(shop.upstream.traffic().charges, 0);
    assert_eq!(shop.order_breaker("reset").await.status, 200);
    assert_eq!(shop.pay("reset").await.status, 200);
    assert_eq!(shop.order_breaker("explode").await.status, 400);
}

#[tokio::test]
async fn the_service_stops_when_the_payments_under_way_are_answered() {
    let shop = Shop::open(impatient()).await;
    shop.upstream.set_mode(Mode::Hanging);
    let payment = tokio::spawn(shop.paying("last", 4_200));
    shop.upstream.wait_for(|traffic| traffic.in_flight == 1).await;
    let url = shop.checkout.url();
    shop.checkout.stop().await.unwrap();
    assert_eq!(payment.await.unwrap().status, 504);
    assert!(shop.http.get(url).send().await.is_err(), "nobody listens any more");
}
