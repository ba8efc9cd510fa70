//! The loop against scripted agents, in virtual time.

use otlp_reliability::{Jitter, RetryPolicy};

use super::*;
use crate::{
    ConsulConfig, Endpoint,
    consul::{
        access::Access,
        agent::tests::{Script, Scripted, answer},
    },
};

const SECOND: Duration = Duration::from_secs(1);
const REGISTER: &str = "PUT /v1/agent/service/register?replace-existing-checks=true";
const PASS: &str = "PUT /v1/agent/check/pass/service:c-1";
const DEREGISTER: &str = "PUT /v1/agent/service/deregister/c-1";

/// An entry with a time to live of 30 seconds.
fn entry(answers: impl IntoIterator<Item = Scripted>) -> Entry<Script> {
    let urls = Access::new(&ConsulConfig::new("http://consul"), SECOND).unwrap().urls;
    let retry = RetryPolicy::new()
        .with_initial_delay(SECOND)
        .with_max_delay(10 * SECOND)
        .with_jitter(Jitter::None)
        .build()
        .unwrap();
    let instance = ServiceInstance::new("checkout", Endpoint::new("a", 1)).with_id("c-1").with_ttl(30 * SECOND);
    Entry::new(Script::new(answers), urls, instance, retry).unwrap()
}

fn ok() -> Scripted {
    Scripted::Now(answer(200, ""))
}

fn refused() -> Scripted {
    Scripted::Fail(ConsulError::Unreachable { reason: "refused".to_owned() })
}

/// What was asked, and how many seconds after the first request.
fn asked(entry: &Entry<Script>) -> Vec<(u64, String)> {
    let asked = entry.agent.asked();
    asked.iter().map(|(at, request)| ((*at - asked[0].0).as_secs(), request.clone())).collect()
}

fn at(second: u64, request: &str) -> (u64, String) {
    (second, request.to_owned())
}

#[tokio::test(start_paused = true)]
async fn gives_a_sign_of_life_at_each_third_of_the_time_to_live() {
    let entry = entry([ok(), ok(), Scripted::After(SECOND, answer(200, "")), ok(), ok()]);
    assert!(timeout(35 * SECOND, entry.run()).await.is_err());
    assert_eq!(asked(&entry), [at(0, REGISTER), at(10, PASS), at(20, PASS), at(30, PASS)]);
    assert_eq!(*entry.status().borrow(), RegistrationStatus::Registered);
}

#[tokio::test(start_paused = true)]
async fn registers_again_when_the_agent_forgot_it() {
    for status in [404, 500] {
        let forgotten = Scripted::Now(answer(status, "Unknown check ID"));
        let entry = entry([ok(), forgotten, ok(), ok()]);
        assert!(timeout(25 * SECOND, entry.run()).await.is_err());
        assert_eq!(asked(&entry), [at(0, REGISTER), at(10, PASS), at(10, REGISTER), at(20, PASS)]);
    }
}

#[tokio::test(start_paused = true)]
async fn goes_on_trying_while_the_agent_fails_and_says_so() {
    let denied = || Scripted::Now(answer(403, "Permission denied"));
    let entry = entry([refused(), refused(), ok(), refused(), denied(), ok()]);
    let mut status = entry.status();
    assert!(timeout(2 * SECOND, entry.run()).await.is_err());
    assert!(
        matches!(&*status.borrow_and_update(), RegistrationStatus::Failing { reason } if reason.contains("refused"))
    );
    assert!(timeout(12 * SECOND, entry.run()).await.is_err());
    let reason = match &*status.borrow_and_update() {
        RegistrationStatus::Failing { reason } => reason.clone(),
        other => panic!("{other:?}"),
    };
    assert!(reason.contains("`service:write` for \"checkout\""), "{reason}");
    assert!(timeout(5 * SECOND, entry.run()).await.is_err());
    assert_eq!(*status.borrow_and_update(), RegistrationStatus::Registered);
    let requests: Vec<String> = asked(&entry).into_iter().map(|(_, request)| request).collect();
    assert_eq!(requests[..6], [REGISTER, REGISTER, REGISTER, PASS, PASS, PASS]);
}

#[tokio::test(start_paused = true)]
async fn taking_it_out_ends_the_loop_and_is_the_last_that_the_agent_hears() {
    // Taken out while the registration is under way, which the agent takes 5 seconds for.
    let entry = entry([Scripted::After(5 * SECOND, answer(200, "")), ok()]);
    let both = async {
        tokio::join!(entry.run(), async {
            tokio::time::sleep(SECOND).await;
            entry.deregister(10 * SECOND).await
        })
    };
    let ((), result) = timeout(60 * SECOND, both).await.unwrap();
    assert_eq!(result, Ok(()));
    assert_eq!(asked(&entry), [at(0, REGISTER), at(5, DEREGISTER)]);
    assert_eq!(*entry.status().borrow(), RegistrationStatus::Deregistered);
    assert_eq!(entry.deregister(SECOND).await, Ok(()), "the second time there is nothing to do");
    entry.run().await;
    assert_eq!(asked(&entry).len(), 2, "and it does not begin again");
}

#[tokio::test(start_paused = true)]
async fn taking_it_out_keeps_its_deadline_and_can_be_tried_again() {
    let entry = entry([ok(), Scripted::After(60 * SECOND, answer(200, "")), refused(), Scripted::Now(answer(404, ""))]);
    assert!(timeout(SECOND, entry.run()).await.is_err());
    let started = Instant::now();
    assert_eq!(entry.deregister(2 * SECOND).await, Err(ConsulError::TimedOut { after: 2 * SECOND }));
    assert_eq!(started.elapsed(), 2 * SECOND);
    assert!(matches!(entry.deregister(SECOND).await, Err(ConsulError::Unreachable { .. })));
    assert_eq!(entry.deregister(SECOND).await, Ok(()), "one that is gone is out");
}

#[tokio::test(start_paused = true)]
async fn what_was_never_registered_needs_no_request() {
    let entry = entry([]);
    assert_eq!(entry.deregister(SECOND).await, Ok(()));
    assert!(entry.agent.requests().is_empty());
}
