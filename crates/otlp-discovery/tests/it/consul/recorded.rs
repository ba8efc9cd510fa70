//! The resolver and the registration against answers that were recorded from Consul 1.21.

use std::time::Duration;

use otlp_discovery::{ConsulConfig, ConsulRegistration, ConsulResolver, Endpoint, RegistrationStatus, ServiceInstance};

use super::{Running, replay::Replay, until, until_failed, until_found, watched};

fn resolver(replay: &Replay) -> ConsulResolver {
    ConsulResolver::new(&ConsulConfig::new(replay.url())).unwrap()
}

fn instance() -> ServiceInstance {
    let endpoint = Endpoint::new("127.0.0.1", 8080);
    ServiceInstance::new("checkout", endpoint).with_id("c-9").with_ttl(Duration::from_secs(1))
}

#[tokio::test]
async fn instances_come_and_go_with_the_index() {
    let replay = Replay::start(include_str!("recorded/growth.http")).await;
    let (_running, mut found) = watched(resolver(&replay), "checkout");
    let last = until_found(&mut found, &["10.0.0.2:8081"]).await;
    let endpoint = last.endpoints.unwrap()[0].clone();
    assert_eq!(endpoint.weight, 10);
    let known = ["version", "consul.id", "consul.node", "consul.datacenter", "consul.tags"];
    assert_eq!(known.map(|key| endpoint.metadata[key].as_str()), ["3", "c-2", "agent-one", "dc1", "v3"]);
    assert_eq!(replay.finish().await, vec![None; 4]);
}

#[tokio::test]
async fn an_index_that_went_backwards_is_not_waited_behind() {
    let replay = Replay::start(include_str!("recorded/restart.http")).await;
    let (_running, mut found) = watched(resolver(&replay), "checkout");
    let before: Vec<String> =
        std::iter::once(8081).chain(8083..=8088).map(|port| format!("127.0.0.1:{port}")).collect();
    let before: Vec<String> = before.into_iter().map(|one| one.replace("127.0.0.1:8081", "10.0.0.2:8081")).collect();
    until_found(&mut found, &before.iter().map(String::as_str).collect::<Vec<_>>()).await;
    until_found(&mut found, &["10.0.0.2:8081"]).await;
    replay.finish().await;
}

#[tokio::test]
async fn an_unknown_token_and_hidden_instances_are_said_until_the_token_may_see_them() {
    let replay = Replay::start(include_str!("recorded/access.http")).await;
    let config = ConsulConfig::new(replay.url());
    let refused = ConsulResolver::new(&config.clone().with_token("99999999-2222-3333-4444-555555555555")).unwrap();
    let (running, mut found) = watched(refused, "checkout");
    let failure = until_failed(&mut found).await;
    assert!(failure.contains("403 Forbidden: ACL not found; it takes a token with `service:read`"), "{failure}");
    assert!(!failure.contains("99999999"), "{failure}");
    drop(running);

    let (running, mut found) = watched(ConsulResolver::new(&config).unwrap(), "checkout");
    let failure = until_failed(&mut found).await;
    assert!(failure.contains("none that is shown without a token"), "{failure}");
    assert!(found.borrow().endpoints.is_none());
    drop(running);

    let (_running, mut found) = watched(ConsulResolver::new(&config.with_token("a-good-one")).unwrap(), "checkout");
    until_found(&mut found, &["127.0.0.1:8080"]).await;
    let tokens = [Some("99999999-2222-3333-4444-555555555555"), None, Some("a-good-one")];
    assert_eq!(replay.finish().await, tokens.map(|token| token.map(str::to_owned)));
}

#[tokio::test]
async fn what_consul_refuses_is_said_in_its_words() {
    let replay = Replay::start(include_str!("recorded/refusals.http")).await;
    let config = ConsulConfig::new(replay.url());
    let rows = [
        (config.clone().with_datacenter("nowhere"), "500 Internal Server Error: No path to datacenter"),
        (config.with_namespace("team"), "400 Bad Request: Invalid query parameter: \"ns\""),
    ];
    for (config, says) in rows {
        let (_running, mut found) = watched(ConsulResolver::new(&config).unwrap(), "checkout");
        let failure = until_failed(&mut found).await;
        assert!(failure.starts_with("Consul at http://127.0.0.1:") && failure.contains(says), "{failure}");
    }
    replay.finish().await;
}

#[tokio::test]
async fn an_agent_that_is_not_there_is_said() {
    let gone = Replay::start("").await.url();
    let (_running, mut found) = watched(ConsulResolver::new(&ConsulConfig::new(gone)).unwrap(), "checkout");
    let failure = until_failed(&mut found).await;
    assert!(failure.contains("cannot be reached") && failure.contains("refused"), "{failure}");
}

#[tokio::test]
async fn an_entry_that_was_forgotten_is_made_again_and_taken_out_in_the_end() {
    let replay = Replay::start(include_str!("recorded/registration.http")).await;
    let registration = ConsulRegistration::new(&ConsulConfig::new(replay.url()), instance()).unwrap();
    let kept = registration.clone();
    let running = tokio::spawn(async move { kept.run().await });
    let mut left = replay.left();
    // Registered, confirmed, forgotten, registered.
    until(&mut left, "registered again", |left| *left == 1).await;
    registration.deregister(Duration::from_secs(10)).await.unwrap();
    assert_eq!(*registration.status().borrow(), RegistrationStatus::Deregistered);
    running.await.unwrap();
    replay.finish().await;
}

#[tokio::test]
async fn a_registration_without_the_right_says_what_it_takes() {
    let replay = Replay::start(include_str!("recorded/access-registration.http")).await;
    let registration = ConsulRegistration::new(&ConsulConfig::new(replay.url()), instance()).unwrap();
    let kept = registration.clone();
    let _running = Running::new(async move { kept.run().await });
    let is_failing = |status: &RegistrationStatus| matches!(status, RegistrationStatus::Failing { .. });
    let status = until(&mut registration.status(), "refused", is_failing).await;
    let says = format!("{status:?}");
    assert!(says.contains("lacks permission 'service:write'") && says.contains("no token is set"), "{says}");
    replay.finish().await;
}
