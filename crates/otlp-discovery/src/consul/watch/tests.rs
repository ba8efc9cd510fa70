//! The loop against scripted agents, in virtual time.

use otlp_reliability::{Jitter, RetryPolicy};
use tokio::time::timeout;

use super::*;
use crate::{
    ConsulConfig, Found,
    consul::{
        access::Access,
        agent::tests::{Script, Scripted, answer},
    },
};

const MINUTE: Duration = Duration::from_secs(60);

fn one(port: u16) -> String {
    format!(r#"[{{"Service": {{"Address": "a", "Port": {port}}}}}]"#)
}

fn at(index: u64, port: u16) -> Answer {
    answer(200, &one(port)).with("x-consul-index", index)
}

fn query() -> Query {
    Query { datacenter: None, tags: Vec::new(), only_passing: true, max_staleness: None, wait: 5 * MINUTE }
}

/// Watches for an hour of virtual time, and returns what is known at its end.
async fn an_hour(script: &Script, query: &Query) -> Found {
    let urls = Access::new(&ConsulConfig::new("http://consul"), MINUTE).unwrap().urls;
    let (publisher, found) = Publisher::new();
    let retry = RetryPolicy::new()
        .with_initial_delay(Duration::from_secs(1))
        .with_max_delay(Duration::from_secs(30))
        .with_jitter(Jitter::None)
        .build()
        .unwrap();
    let (source_name, publisher, retry) = ("test".to_owned(), &publisher, &retry);
    let watch = Watch { agent: script, urls: &urls, query, service: "s", source_name, publisher, retry };
    assert!(timeout(60 * MINUTE, watch.run()).await.is_err(), "a watch does not end");
    found.borrow().clone()
}

fn ports(found: &Found) -> Vec<u16> {
    found.endpoints.iter().flat_map(|endpoints| endpoints.iter()).map(|endpoint| endpoint.port).collect()
}

/// The requests without the wait, which is drawn.
fn without_wait(script: &Script) -> Vec<String> {
    let cut = |request: String| request.split("&wait=").next().unwrap_or_default().to_owned();
    script.requests().into_iter().map(cut).collect()
}

#[tokio::test(start_paused = true)]
async fn waits_behind_the_index_and_starts_over_when_it_goes_backwards() {
    let script = Script::new([
        Scripted::Now(at(7, 1)),
        Scripted::After(MINUTE, at(9, 2)),
        Scripted::After(MINUTE, at(9, 2)),
        Scripted::After(MINUTE, at(3, 3)),
        Scripted::Now(at(3, 4)),
    ]);
    let found = an_hour(&script, &query()).await;
    let path = "GET /v1/health/service/s?passing";
    let expected = ["", "&index=7", "&index=9", "&index=9", "", "&index=3"].map(|index| format!("{path}{index}"));
    assert_eq!(without_wait(&script), expected);
    assert_eq!((ports(&found), found.failure), (vec![4], None));
}

#[tokio::test(start_paused = true)]
async fn waits_differ_and_are_never_longer_than_asked_for() {
    let script = Script::new((1..50).map(|index| Scripted::Now(at(index, 1))));
    an_hour(&script, &query()).await;
    let waits: Vec<u64> = script
        .requests()
        .iter()
        .filter_map(|request| request.split("&wait=").nth(1)?.strip_suffix("ms")?.parse().ok())
        .collect();
    assert_eq!(waits.len(), 49);
    assert!(waits.iter().all(|wait| (270_000..=300_000).contains(wait)), "{waits:?}");
    assert!(waits.iter().any(|wait| *wait != waits[0]), "{waits:?}");
}

#[tokio::test(start_paused = true)]
async fn only_an_agent_that_may_wait_is_waited_for() {
    let script = Script::new([Scripted::Now(at(7, 1)), Scripted::Fail(ConsulError::TimedOut { after: MINUTE })]);
    an_hour(&script, &query()).await;
    let timeouts = script.timeouts();
    assert_eq!((timeouts[0], timeouts[2]), (GRACE, GRACE), "without an index it answers at once, or is not well");
    assert!(timeouts[1] > 4 * MINUTE, "{timeouts:?}");
}

#[tokio::test(start_paused = true)]
async fn an_agent_that_never_waits_is_asked_ever_more_rarely() {
    let same = Script::new((0..10_000).map(|_| Scripted::Now(at(5, 1))));
    an_hour(&same, &query()).await;
    let zero = Script::new((0..10_000).map(|_| Scripted::Now(at(0, 1))));
    let found = an_hour(&zero, &query()).await;
    for script in [&same, &zero] {
        let asked = script.asked();
        // 1, 2, 4, 8, 16 seconds, then one in 30 seconds.
        assert!((110..130).contains(&asked.len()), "{} requests in an hour", asked.len());
        let gaps: Vec<u64> = asked.windows(2).skip(1).take(4).map(|pair| (pair[1].0 - pair[0].0).as_secs()).collect();
        assert!(gaps.windows(2).all(|pair| pair[0] < pair[1]), "{gaps:?}");
    }
    assert!(zero.requests().iter().all(|request| !request.contains("index")));
    assert_eq!(ports(&found), [1], "what it says counts all the same");
    let news = Script::new((1..10_000).map(|index| Scripted::Now(at(index, 1))));
    an_hour(&news, &query()).await;
    let gaps = news.asked().windows(2).map(|pair| pair[1].0 - pair[0].0).min();
    assert!(gaps >= Some(MIN_PERIOD), "{gaps:?}");
}

#[tokio::test(start_paused = true)]
async fn long_answers_are_asked_for_less_often() {
    let long = |index| {
        let padding = " ".repeat(BYTES_PER_PERIOD * 39);
        answer(200, &format!("{padding}{}", one(1))).with("x-consul-index", index)
    };
    let news = Script::new((1..30).map(|index| Scripted::Now(long(index))));
    an_hour(&news, &query()).await;
    let gaps: Vec<Duration> = news.asked().windows(2).map(|pair| pair[1].0 - pair[0].0).collect();
    assert!(gaps.len() == 29 && gaps.iter().all(|gap| *gap >= 40 * MIN_PERIOD), "{gaps:?}");
}

#[tokio::test(start_paused = true)]
async fn every_failure_is_said_and_keeps_what_was_found() {
    let html = answer(200, "<html>welcome").with("content-type", "text/html").with("x-consul-index", 8);
    let hidden = answer(200, "[]").with("x-consul-index", 8).with("x-consul-results-filtered-by-acls", true);
    let denied =
        answer(200, "[]").with("x-consul-index", 8).with("x-consul-default-acl-policy", "deny").without_token();
    let rows = [
        (Scripted::Fail(ConsulError::Unreachable { reason: "refused".to_owned() }), "cannot be reached: refused"),
        (Scripted::Fail(ConsulError::TimedOut { after: MINUTE }), "did not answer within 60s"),
        (Scripted::Now(answer(403, "Permission denied")), "it takes a token with `service:read` for \"s\""),
        (Scripted::Now(answer(500, "No cluster leader")), "500 Internal Server Error: No cluster leader"),
        (Scripted::Now(answer(429, "Too many requests")), "429 Too Many Requests"),
        (Scripted::Now(answer(301, "")), "redirects are not followed"),
        (Scripted::Now(html), "a page of HTML"),
        (Scripted::Now(answer(200, "{}").with("x-consul-index", 8)), "no answer of Consul"),
        (Scripted::Now(answer(200, "[]")), "no header X-Consul-Index"),
        (Scripted::Now(answer(200, "[]").with("x-consul-index", "-1")), "no header X-Consul-Index"),
        (Scripted::Now(answer(200, "[]").with("x-consul-index", "seven")), "no header X-Consul-Index"),
        (Scripted::Now(hidden), "it hides all instances"),
        (Scripted::Now(denied), "none that is shown without a token"),
    ];
    for (failure, says) in rows {
        let script = Script::new([Scripted::Now(at(7, 1)), failure]);
        let found = an_hour(&script, &query()).await;
        let message = found.failure.as_ref().map(ToString::to_string).unwrap_or_default();
        assert!(message.starts_with("test: ") && message.contains(says), "{message}");
        assert_eq!(ports(&found), [1], "{message}");
        assert!(!script.requests()[2].contains("index"), "it starts over after {message}");
    }
}

#[tokio::test(start_paused = true)]
async fn no_instance_is_an_answer_where_nothing_is_hidden() {
    let none = || answer(200, "[]").with("x-consul-index", 8);
    let allowed = none().with("x-consul-default-acl-policy", "allow").without_token();
    let seen = none().with("x-consul-default-acl-policy", "deny");
    for empty in [allowed, seen] {
        let script = Script::new([Scripted::Now(at(7, 1)), Scripted::Now(empty)]);
        let found = an_hour(&script, &query()).await;
        assert!(found.failure.is_none() && found.endpoints.is_some_and(|endpoints| endpoints.is_empty()));
    }
}

#[tokio::test(start_paused = true)]
async fn an_agent_that_is_gone_is_asked_more_rarely_until_it_is_back() {
    let gone = || Scripted::Fail(ConsulError::Unreachable { reason: "refused".to_owned() });
    let script = Script::new((0..8).map(|_| gone()).chain([Scripted::Now(at(1, 2)), gone()]));
    let found = an_hour(&script, &query()).await;
    let asked = script.asked();
    let gaps: Vec<u64> = asked.windows(2).map(|pair| (pair[1].0 - pair[0].0).as_millis() as u64).collect();
    assert_eq!(gaps[..8], [1000, 2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000]);
    assert_eq!(gaps[9], 1000, "the delays begin anew after a good answer: {gaps:?}");
    assert_eq!(ports(&found), [2]);
}

#[tokio::test(start_paused = true)]
async fn a_stale_read_that_is_too_old_is_asked_of_the_leader() {
    let fresh = |index, port| at(index, port).with("x-consul-knownleader", true).with("x-consul-lastcontact", 900);
    let old = |index, port| fresh(index, port).with("x-consul-lastcontact", 1001);
    let leaderless = |index, port| fresh(index, port).with("x-consul-knownleader", false);
    let stale = Query { max_staleness: Some(Duration::from_secs(1)), ..query() };
    let script = Script::new([
        Scripted::Now(fresh(7, 1)),
        Scripted::Now(old(8, 2)),
        Scripted::Now(answer(500, "No cluster leader")),
        Scripted::Now(leaderless(8, 3)),
        Scripted::Now(at(9, 4)),
    ]);
    let found = an_hour(&script, &stale).await;
    let path = "GET /v1/health/service/s?passing";
    let expected = ["&stale", "&stale&index=7", "", "&stale", "", "&stale&index=9"].map(|end| format!("{path}{end}"));
    assert_eq!(without_wait(&script), expected);
    assert_eq!(ports(&found), [4]);

    let script = Script::new([Scripted::Now(fresh(7, 1)), Scripted::Now(old(8, 2)), Scripted::Now(answer(500, ""))]);
    let found = an_hour(&script, &stale).await;
    assert_eq!(ports(&found), [1], "what is known is better than what is old");
    assert!(found.failure.is_some());

    let streamed = leaderless(8, 2).with("x-consul-query-backend", "streaming");
    let script = Script::new([Scripted::Now(fresh(7, 1)), Scripted::Now(streamed)]);
    let found = an_hour(&script, &stale).await;
    assert_eq!((ports(&found), script.requests().len()), (vec![2], 3), "a stream names no age");

    let script = Script::new([Scripted::Now(leaderless(8, 3)), Scripted::Now(answer(500, ""))]);
    let found = an_hour(&script, &stale).await;
    assert_eq!(ports(&found), [3], "what is old is better than nothing");
}

#[tokio::test(start_paused = true)]
async fn every_setting_is_part_of_the_question() {
    let script = Script::default();
    let query = Query {
        datacenter: Some("dc2".to_owned()),
        tags: vec!["a b".to_owned(), "c".to_owned()],
        only_passing: false,
        max_staleness: Some(MINUTE),
        ..query()
    };
    an_hour(&script, &query).await;
    assert_eq!(script.requests(), ["GET /v1/health/service/s?dc=dc2&tag=a+b&tag=c&stale"]);
}
