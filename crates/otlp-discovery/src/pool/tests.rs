//! Who comes into question, who is left and returned to, and what is given back.

use std::{
    collections::BTreeSet,
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    time::Duration,
};

use otlp_reliability::CircuitBreakerConfig;
use proptest::prelude::*;

use super::*;
use crate::{CheckHealth, Checking, LoadBalancingStrategy, Verdict};

pub(super) const BREAK: Duration = Duration::from_secs(10);

/// Leaves an endpoint after one failure, for [`BREAK`].
pub(super) fn balancer() -> LoadBalancer {
    let breaker = CircuitBreakerConfig::new()
        .with_failure_rate(None)
        .with_consecutive_failures(1)
        .with_half_open_probes(1)
        .with_break_duration(BREAK);
    LoadBalancer::new().with_circuit_breaker(breaker)
}

pub(super) fn endpoint(name: &str) -> Endpoint {
    Endpoint::new(name, 80)
}

pub(super) fn pool(balancer: LoadBalancer, names: &[&str]) -> ServicePool {
    let pool = ServicePool::new("test".to_owned(), balancer).unwrap();
    pool.found(&names.iter().copied().map(endpoint).collect::<Vec<_>>());
    pool
}

pub(super) fn fail(pool: &ServicePool, name: &str) {
    while pool.takes_all() {
        let picked = pool.pick_well(&PickRequest::new()).unwrap();
        if picked.endpoint().host == name {
            return picked.report(Verdict::Failure);
        }
        picked.report(Verdict::Success);
    }
    panic!("{name} is not there");
}

/// Whom so many requests go to.
fn picks(pool: &ServicePool, count: usize) -> Vec<String> {
    let pick = |_| {
        let picked = pool.pick().unwrap();
        let host = picked.endpoint().host.clone();
        picked.report(Verdict::Success);
        host
    };
    (0..count).map(pick).collect()
}

fn distinct(pool: &ServicePool, count: usize) -> BTreeSet<String> {
    picks(pool, count).into_iter().collect()
}

fn set(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_that_fails_is_left_and_a_single_request_finds_out_that_it_is_back() {
    let pool = pool(balancer(), &["a", "b"]);
    fail(&pool, "a");
    assert_eq!(distinct(&pool, 20), set(&["b"]));

    tokio::time::advance(BREAK).await;
    let mut held = Vec::new();
    for _ in 0..10 {
        held.push(pool.pick().unwrap());
    }
    assert_eq!(held.iter().filter(|one| one.endpoint().host == "a").count(), 1, "one probe, whatever else is asked");
    held.into_iter().for_each(|one| one.report(Verdict::Success));
    assert_eq!(distinct(&pool, 20), set(&["a", "b"]));
}

#[tokio::test(start_paused = true)]
async fn a_probe_that_fails_leaves_the_endpoint_alone_again_and_one_that_says_nothing_makes_room() {
    let pool = pool(balancer(), &["a"]);
    fail(&pool, "a");
    tokio::time::advance(BREAK).await;
    pool.pick_well(&PickRequest::new()).unwrap().report(Verdict::Ignore);
    pool.pick_well(&PickRequest::new()).expect("the next is a probe as well").report(Verdict::Failure);
    assert!(matches!(pool.pick_well(&PickRequest::new()), Err(NoEndpoint::AllRest { endpoints: 1, .. })));
}

#[tokio::test(start_paused = true)]
async fn where_none_is_well_all_are_used_rather_than_none() {
    let pool = pool(balancer(), &["a", "b"]);
    fail(&pool, "a");
    fail(&pool, "b");
    assert!(!pool.takes_all());
    assert!(pool.pick_well(&PickRequest::new()).is_err(), "who can wait waits");
    let picked = [pool.pick().unwrap(), pool.pick().unwrap()];
    let hosts: BTreeSet<String> = picked.iter().map(|one| one.endpoint().host.clone()).collect();
    assert_eq!(hosts, set(&["a", "b"]), "who cannot wait tries both");
    picked.into_iter().for_each(|one| one.report(Verdict::Success));
    assert!(pool.takes_all(), "and what works after all is well again");
}

#[tokio::test(start_paused = true)]
async fn ready_waits_for_the_end_of_the_first_break_for_new_endpoints_and_for_probe() {
    let pool = pool(balancer(), &["a"]);
    pool.ready().await;
    fail(&pool, "a");
    let begun = tokio::time::Instant::now();
    pool.ready().await;
    assert_eq!(begun.elapsed().as_secs(), BREAK.as_secs());
    pool.pick_well(&PickRequest::new()).unwrap().report(Verdict::Failure);

    let begun = tokio::time::Instant::now();
    tokio::join!(pool.ready(), async { pool.found(&[endpoint("a"), endpoint("b")]) });
    assert_eq!(begun.elapsed(), Duration::ZERO);
    fail(&pool, "b");

    tokio::join!(pool.ready(), async { pool.probe() });
    assert_eq!(begun.elapsed(), Duration::ZERO);
    pool.pick_well(&PickRequest::new()).unwrap().report(Verdict::Success);
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_that_asks_to_be_left_alone_is_not_asked_until_then() {
    let pool = pool(balancer(), &["a", "b"]);
    let a = loop {
        let picked = pool.pick().unwrap();
        if picked.endpoint().host == "a" {
            break picked;
        }
    };
    a.leave_alone(BREAK);
    assert_eq!(distinct(&pool, 10), set(&["b"]));
    tokio::time::advance(BREAK).await;
    assert_eq!(distinct(&pool, 10), set(&["a", "b"]));
}

#[test]
fn what_failed_a_request_is_avoided_while_there_are_others() {
    let pool = pool(LoadBalancer::new(), &["a", "b"]);
    let first = pool.pick().unwrap();
    for _ in 0..10 {
        let other = pool.pick_by(&PickRequest::new().avoiding(&[first.id()])).unwrap();
        assert_ne!(other.id(), first.id());
        other.report(Verdict::Success);
    }
    pool.found(&[first.endpoint().clone()]);
    assert_eq!(pool.pick_by(&PickRequest::new().avoiding(&[first.id()])).unwrap().id(), first.id());
}

#[test]
fn an_update_keeps_who_stays_with_what_is_known_of_it() {
    let pool = pool(LoadBalancer::new(), &["a"]);
    let held = pool.pick().unwrap();
    pool.found(&[endpoint("a").with_weight(7), endpoint("b")]);
    let status = pool.snapshot().endpoints;
    assert_eq!((status[0].in_flight, status[0].endpoint.weight, status[1].in_flight), (1, 7, 0));
    pool.found(&[endpoint("b")]);
    pool.found(&[endpoint("a"), endpoint("b")]);
    drop(held);
    let status = pool.snapshot().endpoints;
    assert_eq!((status[0].in_flight, status[0].picked), (0, 0), "who left and returned is somebody new");
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_whose_requests_are_cancelled_may_hang_and_is_left() {
    let pool = pool(balancer(), &["a"]);
    drop(pool.pick().unwrap());
    assert!(!pool.takes_all());
    let begun = tokio::time::Instant::now();
    pool.ready().await;
    assert_eq!(begun.elapsed().as_secs(), BREAK.as_secs());
}

#[test]
fn what_is_in_flight_is_given_back_however_a_request_ends() {
    let pool = pool(LoadBalancer::new(), &["a"]);
    let in_flight = || pool.snapshot().endpoints[0].in_flight;
    let held = [pool.pick().unwrap(), pool.pick().unwrap(), pool.pick().unwrap()];
    assert_eq!(in_flight(), 3);
    let [reported, dropped, panicked] = held;
    reported.report(Verdict::Failure);
    drop(dropped);
    let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(move || {
        let _held = panicked;
        panic!("scripted");
    }));
    assert_eq!(in_flight(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_higher_priority_is_used_only_while_none_of_the_lower_can_be() {
    let pool = ServicePool::new("test".to_owned(), balancer()).unwrap();
    pool.found(&[endpoint("first"), endpoint("spare").with_priority(1)]);
    assert_eq!(distinct(&pool, 10), set(&["first"]));
    fail(&pool, "first");
    assert_eq!(distinct(&pool, 10), set(&["spare"]));
}

#[test]
fn who_weighs_nothing_takes_nothing_while_another_is_there() {
    let pool = pool(LoadBalancer::new(), &[]);
    pool.found(&[endpoint("a").with_weight(0), endpoint("b")]);
    assert_eq!(distinct(&pool, 10), set(&["b"]));
    pool.found(&[endpoint("a").with_weight(0)]);
    assert_eq!(distinct(&pool, 10), set(&["a"]));
}

#[test]
fn the_same_key_goes_to_the_same_endpoint_and_only_its_keys_move() {
    let balancer = LoadBalancer::new().with_strategy(LoadBalancingStrategy::Rendezvous);
    let pool = pool(balancer, &["a", "b", "c"]);
    let places = || -> Vec<String> {
        let place = |key: u32| {
            let picked = pool.pick_for(key.to_be_bytes()).unwrap();
            let host = picked.endpoint().host.clone();
            picked.report(Verdict::Success);
            host
        };
        (0..100).map(place).collect()
    };
    let before = places();
    assert_eq!(before, places());
    pool.found(&[endpoint("a"), endpoint("c")]);
    for (before, after) in before.iter().zip(places()) {
        assert!(*before == after || before == "b");
    }
}

#[test]
fn nothing_known_says_so() {
    let pool = ServicePool::new("pay".to_owned(), LoadBalancer::new()).unwrap();
    assert_eq!(pool.pick().unwrap_err().to_string(), "the endpoints of \"pay\" are not known yet");
    pool.members().failed(crate::ResolveError { source_name: "dns".into(), message: "no answer".into() });
    assert_eq!(pool.pick().unwrap_err().to_string(), "the endpoints of \"pay\" are not known yet: dns: no answer");
    pool.found(&[]);
    assert_eq!(pool.pick().unwrap_err().to_string(), "\"pay\" has no endpoints");
}

#[test]
fn settings_that_cannot_work_are_refused_by_name() {
    let refused = |balancer: LoadBalancer| balancer.validate().unwrap_err().field();
    let day = Duration::from_secs(24 * 3600);
    for interval in [Duration::ZERO, day + Duration::from_nanos(1)] {
        assert_eq!(refused(LoadBalancer::new().with_health_check_interval(interval)), "health_check_interval");
    }
    assert_eq!(refused(LoadBalancer::new().with_health_check_timeout(Duration::ZERO)), "health_check_timeout");
    let breaker = CircuitBreakerConfig::new().with_half_open_probes(0);
    assert_eq!(refused(LoadBalancer::new().with_circuit_breaker(breaker)), "half_open_probes");
    LoadBalancer::new().with_health_check_interval(day).validate().unwrap();
}

/// Whether "a" is well.
struct Scripted(Arc<AtomicBool>);

impl CheckHealth for Scripted {
    fn check<'a>(&'a self, endpoint: &'a Endpoint) -> Checking<'a> {
        let is_well = endpoint.host != "a" || self.0.load(Relaxed);
        Box::pin(async move { if is_well { Ok(()) } else { Err("scripted".to_owned()) } })
    }
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_that_fails_its_checks_gets_nothing_until_it_passes_one() {
    let is_well = Arc::new(AtomicBool::new(false));
    let interval = Duration::from_secs(30);
    let balancer = balancer().with_health_check_interval(interval).with_health_check(Scripted(is_well.clone()));
    let pool = pool(balancer, &["a", "b"]);
    pool.watch_on(&runtime::Handle::current(), None);
    assert_eq!(distinct(&pool, 10), set(&["a", "b"]), "well until a check says otherwise");

    pool.changed_since(pool.changes()).await;
    assert_eq!(distinct(&pool, 10), set(&["b"]));
    assert_eq!(pool.snapshot().endpoints[0].check_failure.as_deref(), Some("scripted"));
    fail(&pool, "b");
    assert_eq!(distinct(&pool, 1), set(&["a"]), "a check may be wrong: better than one that has failed");

    is_well.store(true, Relaxed);
    pool.changed_since(pool.changes()).await;
    assert_eq!(pool.snapshot().endpoints[0].check_failure, None);
    assert!(distinct(&pool, 10).contains("a"));
}

/// Panics for the endpoint called `a` when it is asked, and for `b` when it is waited for.
struct Panicking;

impl CheckHealth for Panicking {
    fn check<'a>(&'a self, endpoint: &'a Endpoint) -> Checking<'a> {
        assert!(endpoint.host != "a", "scripted");
        Box::pin(async move {
            assert!(endpoint.host != "b", "scripted");
            Ok(())
        })
    }
}

#[tokio::test(start_paused = true)]
async fn a_check_that_panics_has_failed() {
    let interval = Duration::from_secs(30);
    let balancer = balancer().with_health_check_interval(interval).with_health_check(Panicking);
    let pool = pool(balancer, &["a", "b", "c"]);
    pool.watch_on(&runtime::Handle::current(), None);
    // Two rounds, wherever in its tenth each begins.
    tokio::time::sleep(interval * 3).await;
    assert_eq!(distinct(&pool, 30), set(&["c"]));
    let failures = pool.snapshot().endpoints.into_iter().map(|one| one.check_failure).collect::<Vec<_>>();
    let panicked = Some("the check panicked".to_owned());
    assert_eq!(failures, [panicked.clone(), panicked, None]);
}

/// A source that publishes what the test says, all of it before anybody can look.
struct AtOnce(fn(&crate::Publisher));

impl Resolve for AtOnce {
    fn name(&self) -> String {
        "script".to_owned()
    }

    fn watch<'a>(&'a self, _service: &'a str, publisher: &'a crate::Publisher) -> crate::Watching<'a> {
        Box::pin(async {
            (self.0)(publisher);
            std::future::pending().await
        })
    }
}

/// What a pool makes of a source once it has heard of it.
async fn told(publish: fn(&crate::Publisher)) -> PoolSnapshot {
    let pool = ServicePool::new("test".to_owned(), balancer()).unwrap();
    pool.watch_on(&runtime::Handle::current(), Some(Arc::new(AtOnce(publish))));
    pool.changed_since(0).await;
    pool.snapshot()
}

#[tokio::test]
async fn an_answer_counts_though_a_failure_came_before_anybody_looked() {
    let known = told(|publisher| {
        publisher.found(vec![endpoint("a")]);
        publisher.failed(crate::ResolveError { source_name: "script".into(), message: "gone".into() });
    })
    .await;
    assert_eq!(known.endpoints.len(), 1, "{known:?}");
    let known = told(|publisher| {
        publisher.failed(crate::ResolveError { source_name: "script".into(), message: "gone".into() });
        publisher.found(vec![endpoint("a")]);
    })
    .await;
    assert!(known.failure.is_none() && known.endpoints.len() == 1, "{known:?}");
}

#[tokio::test]
async fn a_source_that_panics_is_said_and_what_it_found_stays() {
    let known = told(|publisher| {
        publisher.found(vec![endpoint("a")]);
        panic!("scripted");
    })
    .await;
    assert_eq!(known.endpoints.len(), 1, "{known:?}");
    assert_eq!(known.failure.unwrap().to_string(), "script: it panicked, and is not asked any more");
}

#[tokio::test]
async fn of_a_hundred_thousand_instances_the_first_of_the_best_priority_are_used_and_that_is_said() {
    let known = told(|publisher| {
        let many =
            (0..100_000).map(|number| endpoint(&format!("{number:06}")).with_priority(u16::from(number < 95_000)));
        publisher.found(many.collect());
    })
    .await;
    let failure = known.failure.unwrap().to_string();
    assert!(failure.starts_with("script: it names 100000 instances, of which 10000 are used"), "{failure}");
    assert_eq!(known.endpoints.len(), 10_000);
    let hosts = |from: usize, to: usize| [from, to].map(|at| known.endpoints[at].endpoint.host.clone());
    assert_eq!(hosts(0, 4_999), ["095000", "099999"], "those that are to be tried first");
    assert_eq!(hosts(5_000, 9_999), ["000000", "004999"]);
}

#[test]
fn what_makes_observers_may_look_at_the_pool() {
    let place: Arc<std::sync::OnceLock<ServicePool>> = Arc::default();
    let seen = Arc::new(std::sync::Mutex::new(Vec::new()));
    let (within, all) = (place.clone(), seen.clone());
    let balancer = balancer().with_observers(move |_| {
        all.lock().unwrap().extend(within.get().map(|pool| pool.snapshot().endpoints.len()));
        Arc::new(())
    });
    let pool = pool(balancer, &["a"]);
    place.set(pool.clone()).unwrap();
    pool.found(&[endpoint("a"), endpoint("b")]);
    assert_eq!(*seen.lock().unwrap(), [1], "the list before");
}

#[tokio::test(start_paused = true)]
async fn of_endpoints_that_are_all_dead_the_first_that_is_back_takes_everything() {
    let pool = pool(balancer(), &["a", "b", "c"]);
    ["a", "b", "c"].iter().for_each(|name| fail(&pool, name));
    assert!(pool.pick_well(&PickRequest::new()).is_err());
    pool.ready().await;
    // Each gets its probe; "b" alone is back.
    for _ in 0..3 {
        let probe = pool.pick_well(&PickRequest::new()).unwrap();
        let is_back = probe.endpoint().host == "b";
        probe.report(if is_back { Verdict::Success } else { Verdict::Failure });
    }
    assert_eq!(distinct(&pool, 30), set(&["b"]));
}

#[tokio::test]
async fn requests_that_are_cancelled_give_their_load_back() {
    let pool = pool(LoadBalancer::new().with_strategy(LoadBalancingStrategy::LeastLoaded), &["a", "b"]);
    let mut requests = tokio::task::JoinSet::new();
    for _ in 0..100 {
        let picked = pool.pick().unwrap();
        requests.spawn(async move {
            let _held = picked;
            std::future::pending::<()>().await;
        });
    }
    let loads = || pool.snapshot().endpoints.iter().map(|one| one.in_flight).collect::<Vec<_>>();
    assert_eq!(loads().iter().sum::<usize>(), 100);
    requests.shutdown().await;
    assert_eq!(loads(), [0, 0]);
}

proptest! {
    #[test]
    fn never_an_endpoint_that_failed_while_one_is_well(
        strategy in prop::sample::select(LoadBalancingStrategy::ALL.to_vec()),
        weights in prop::collection::vec(0_u32..4, 2..8),
        steps in prop::collection::vec((any::<u8>(), prop::bool::weighted(0.3)), 1..60),
    ) {
        let pool = ServicePool::new("test".to_owned(), balancer().with_strategy(strategy)).unwrap();
        let endpoint = |(index, weight): (usize, &u32)| endpoint(&index.to_string()).with_weight(*weight);
        pool.found(&weights.iter().enumerate().map(endpoint).collect::<Vec<_>>());
        let mut failed = BTreeSet::new();
        for (key, fails) in steps {
            if failed.len() == weights.len() {
                break;
            }
            let picked = pool.pick_for([key]).unwrap();
            prop_assert!(!failed.contains(&picked.id()), "{} was left", picked.endpoint());
            if fails {
                failed.insert(picked.id());
            }
            picked.report(if fails { Verdict::Failure } else { Verdict::Success });
        }
    }
}
