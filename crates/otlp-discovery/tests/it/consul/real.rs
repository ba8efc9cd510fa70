//! The resolver and the registration against a real agent. Each test has one of its own.

use std::{
    env,
    io::{BufRead, BufReader, Write},
    process::{Command, Stdio},
    time::Duration,
};

use otlp_discovery::{ConsulConfig, ConsulRegistration, ConsulResolver, Endpoint, RegistrationStatus, ServiceInstance};

use super::{
    AT_MOST, Running,
    agent::{MANAGEMENT_TOKEN, RealAgent},
    until, until_failed, until_found, watched,
};

/// Where the process that is to be killed registers.
const CHILD: &str = "OTLP_TEST_CONSUL";
/// Its time to live. Its last sign of life is at most a third of it old when it is killed.
const TTL: Duration = Duration::from_secs(6);

fn resolver(config: &ConsulConfig) -> ConsulResolver {
    ConsulResolver::new(config).unwrap()
}

/// Registers an instance, and keeps it until it is dropped.
async fn registered(config: &ConsulConfig, instance: ServiceInstance) -> (Running, ConsulRegistration) {
    let registration = ConsulRegistration::new(config, instance).unwrap();
    let kept = registration.clone();
    let running = Running::new(async move { kept.run().await });
    until(&mut registration.status(), "registered", |status| *status == RegistrationStatus::Registered).await;
    (running, registration)
}

#[tokio::test]
async fn instances_are_found_when_they_come_and_left_when_they_go() {
    let Some(agent) = RealAgent::start("instances_are_found_when_they_come_and_left_when_they_go", false) else {
        return;
    };
    let config = ConsulConfig::new(agent.url());
    let (_all, mut all) = watched(resolver(&config), "checkout");
    let tagged = config.clone().with_tag("v3").with_datacenter("dc1").with_stale_reads(true);
    let (_tagged, mut tagged) = watched(resolver(&tagged), "checkout");
    until_found(&mut all, &[]).await;

    let mut endpoint = Endpoint::new("10.0.0.1", 8080).with_weight(7);
    endpoint.metadata.insert("zone".to_owned(), "a".to_owned());
    let (_one, one) = registered(&config, ServiceInstance::new("checkout", endpoint).with_tag("v3")).await;
    let found = until_found(&mut all, &["10.0.0.1:8080"]).await.endpoints.unwrap();
    assert_eq!((found[0].weight, found[0].metadata["zone"].as_str()), (7, "a"));
    assert_eq!(found[0].metadata["consul.tags"], "v3");
    until_found(&mut tagged, &["10.0.0.1:8080"]).await;

    let (_two, two) = registered(&config, ServiceInstance::new("checkout", Endpoint::new("fd00::2", 1))).await;
    until_found(&mut all, &["10.0.0.1:8080", "[fd00::2]:1"]).await;
    one.deregister(AT_MOST).await.unwrap();
    until_found(&mut all, &["[fd00::2]:1"]).await;
    until_found(&mut tagged, &[]).await;
    two.deregister(AT_MOST).await.unwrap();
    until_found(&mut all, &[]).await;
}

#[tokio::test]
async fn a_process_that_was_killed_is_left() {
    let Some(agent) = RealAgent::start("a_process_that_was_killed_is_left", false) else { return };
    let config = ConsulConfig::new(agent.url());
    let mut child = Command::new(env::current_exe().unwrap())
        .args(["--exact", "consul::real::registers_until_it_is_killed", "--nocapture"])
        .env(CHILD, agent.url())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap().ends_with("registered")), "the process did not register");
    let (_passing, mut passing) = watched(resolver(&config), "crashing");
    until_found(&mut passing, &["10.0.0.1:8080"]).await;
    // Another one, with half of its time to live: when the killed one has run out of its time, this one has outlived its
    // own, and is there by its signs of life alone.
    let instance = ServiceInstance::new("crashing", Endpoint::new("10.0.0.2", 1)).with_ttl(TTL / 2);
    let _living = registered(&config, instance).await;
    until_found(&mut passing, &["10.0.0.1:8080", "10.0.0.2:1"]).await;
    child.kill().unwrap();
    child.wait().unwrap();
    until_found(&mut passing, &["10.0.0.2:1"]).await;
    // The agent keeps it for a while, as critical: of no weight, for those who ask for all.
    let (_all, mut all) = watched(resolver(&config.with_only_passing(false)), "crashing");
    let found = until_found(&mut all, &["10.0.0.1:8080", "10.0.0.2:1"]).await.endpoints.unwrap();
    assert_eq!((found[0].weight, found[1].weight), (0, 1));
}

/// Not a test of its own: what [`a_process_that_was_killed_is_left`] starts, and kills.
#[tokio::test]
async fn registers_until_it_is_killed() {
    let Ok(agent) = env::var(CHILD) else { return };
    let instance = ServiceInstance::new("crashing", Endpoint::new("10.0.0.1", 8080)).with_ttl(TTL);
    let _running = registered(&ConsulConfig::new(agent), instance).await;
    // Past the test harness, and at once.
    let mut stdout = std::io::stdout();
    stdout.write_all(b"registered\n").and_then(|()| stdout.flush()).unwrap();
    std::future::pending().await
}

#[tokio::test]
async fn an_agent_that_was_restarted_is_given_the_entry_again() {
    let Some(mut agent) = RealAgent::start("an_agent_that_was_restarted_is_given_the_entry_again", false) else {
        return;
    };
    let config = ConsulConfig::new(agent.url());
    // Its index is to be higher than the one after the restart.
    for number in 0..5 {
        let instance = ServiceInstance::new(format!("other-{number}"), Endpoint::new("10.0.0.9", 1));
        registered(&config, instance).await;
    }
    let instance = ServiceInstance::new("checkout", Endpoint::new("10.0.0.1", 8080)).with_ttl(Duration::from_secs(3));
    let (_running, registration) = registered(&config, instance).await;
    let (_watch, mut found) = watched(resolver(&config), "checkout");
    until_found(&mut found, &["10.0.0.1:8080"]).await;

    agent.stop();
    assert!(until_failed(&mut found).await.contains("cannot be reached"));
    assert_eq!(super::addresses(&found.borrow()), ["10.0.0.1:8080"], "what was found stays in use");
    let is_failing = |status: &RegistrationStatus| matches!(status, RegistrationStatus::Failing { .. });
    until(&mut registration.status(), "failing", is_failing).await;

    agent.start_again();
    until(&mut registration.status(), "registered", |status| *status == RegistrationStatus::Registered).await;
    until_found(&mut found, &["10.0.0.1:8080"]).await;
}

#[tokio::test]
async fn access_control_is_explained_and_a_token_file_takes_effect_by_itself() {
    let test = "access_control_is_explained_and_a_token_file_takes_effect_by_itself";
    let Some(agent) = RealAgent::start(test, true) else { return };
    let config = ConsulConfig::new(agent.url());
    let (_managed, managed) = registered(
        &config.clone().with_token(MANAGEMENT_TOKEN),
        ServiceInstance::new("checkout", Endpoint::new("10.0.0.1", 8080)),
    )
    .await;
    let (_anonymous, mut anonymous) = watched(resolver(&config), "checkout");
    assert!(until_failed(&mut anonymous).await.contains("none that is shown without a token"));

    let file = env::temp_dir().join(format!("otlp-consul-token-{:016x}", fastrand::u64(..)));
    std::fs::write(&file, "99999999-2222-3333-4444-555555555555").unwrap();
    let (_rotated, mut rotated) = watched(resolver(&config.with_token_file(&file)), "checkout");
    let failure = until_failed(&mut rotated).await;
    assert!(failure.contains("403 Forbidden") && !failure.contains("99999999"), "{failure}");
    std::fs::write(&file, MANAGEMENT_TOKEN).unwrap();
    until_found(&mut rotated, &["10.0.0.1:8080"]).await;
    std::fs::remove_file(&file).unwrap();
    managed.deregister(AT_MOST).await.unwrap();
    until_found(&mut rotated, &[]).await;
}
