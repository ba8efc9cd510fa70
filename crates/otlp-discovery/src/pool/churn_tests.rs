//! Endpoints that come and go while requests run: nobody is sent to what is gone, and nothing is left of it.

use std::{
    collections::BTreeMap,
    sync::{
        Weak,
        atomic::{AtomicU64, Ordering::SeqCst},
    },
    thread,
};

use otlp_reliability::CircuitBreakerConfig;
use proptest::prelude::*;

use super::{member::State, tests::pool, *};
use crate::{LoadBalancingStrategy, Verdict};

fn endpoint(name: impl ToString) -> Endpoint {
    Endpoint::new(name.to_string(), 80)
}

/// What is known of those that were there.
fn states(pool: &ServicePool) -> Vec<Weak<State>> {
    pool.members().list().iter().map(|member| Arc::downgrade(&member.state)).collect()
}

#[test]
fn after_an_update_nobody_picks_what_is_gone_and_what_is_gone_is_forgotten() {
    const UPDATES: u64 = 2_000;
    let epoch = Arc::new(AtomicU64::new(0));
    let balancer = LoadBalancer::new().with_strategy(LoadBalancingStrategy::LeastLoaded);
    let pool = pool(balancer, &["0", "stays"]);
    let pickers: Vec<_> = (0..3)
        .map(|_| {
            let (pool, epoch) = (pool.clone(), Arc::clone(&epoch));
            thread::spawn(move || {
                let mut picked_newcomers = 0_u64;
                loop {
                    let begun = epoch.load(SeqCst);
                    if begun == UPDATES {
                        return picked_newcomers;
                    }
                    let picked = pool.pick().unwrap();
                    if let Ok(of) = picked.endpoint().host.parse::<u64>() {
                        assert!(of >= begun, "picked {of} after {begun}");
                        picked_newcomers += 1;
                    }
                    match fastrand::u8(..3) {
                        0 => picked.report(Verdict::Success),
                        1 => picked.report(Verdict::Ignore),
                        _ => drop(picked),
                    }
                }
            })
        })
        .collect();
    let mut gone = Vec::new();
    for number in 1..=UPDATES {
        gone.extend(
            pool.members()
                .list()
                .iter()
                .filter(|one| one.endpoint.host != "stays")
                .map(|one| Arc::downgrade(&one.state)),
        );
        pool.found(&[endpoint(number), endpoint("stays")]);
        epoch.store(number, SeqCst);
    }
    pickers.into_iter().for_each(|picker| {
        picker.join().unwrap();
    });
    assert_eq!(gone.iter().filter(|state| state.upgrade().is_some()).count(), 0);
    assert!(pool.snapshot().endpoints.iter().all(|one| one.in_flight == 0), "{:?}", pool.snapshot());
}

/// What happens to a pool.
#[derive(Debug, Clone)]
enum Step {
    /// The endpoints are these now, with these weights.
    Found(BTreeMap<u8, u32>),
    /// A request begins.
    Begin(u8),
    /// One of those under way ends, as a success, as a failure, without a word on the endpoint, or cancelled.
    End(prop::sample::Index, u8),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        1 => prop::collection::btree_map(0_u8..6, prop_oneof![Just(0), Just(1), Just(u32::MAX)], 0..5).prop_map(Step::Found),
        4 => any::<u8>().prop_map(Step::Begin),
        4 => (any::<prop::sample::Index>(), 0_u8..4).prop_map(|(which, how)| Step::End(which, how)),
    ]
}

proptest! {
    #[test]
    fn loads_are_those_of_the_requests_under_way_and_nothing_is_left_of_what_is_gone(
        strategy in prop::sample::select(LoadBalancingStrategy::ALL.to_vec()),
        has_breakers: bool,
        steps in prop::collection::vec(step(), 1..120),
    ) {
        let breaker = CircuitBreakerConfig::new().with_failure_rate(None).with_consecutive_failures(2);
        let balancer = LoadBalancer::new().with_strategy(strategy).or_circuit_breaker(has_breakers.then_some(breaker));
        let pool = ServicePool::new("test".to_owned(), balancer).unwrap();
        let (mut there, mut under_way, mut seen) = (BTreeMap::new(), Vec::<Picked>::new(), Vec::new());
        for step in steps {
            match step {
                Step::Found(found) => {
                    pool.found(&found.iter().map(|(name, weight)| endpoint(name).with_weight(*weight)).collect::<Vec<_>>());
                    seen.extend(states(&pool));
                    there = found;
                }
                Step::Begin(key) => match pool.pick_for([key]) {
                    Ok(picked) => {
                        prop_assert!(there.contains_key(&picked.endpoint().host.parse().unwrap()), "{:?}", picked);
                        under_way.push(picked);
                    }
                    Err(none) => prop_assert!(there.is_empty(), "{none}"),
                },
                Step::End(which, how) if !under_way.is_empty() => {
                    let picked = under_way.swap_remove(which.index(under_way.len()));
                    match how {
                        0 => picked.report(Verdict::Success),
                        1 => picked.report(Verdict::Failure),
                        2 => picked.report(Verdict::Ignore),
                        _ => drop(picked),
                    }
                }
                Step::End(..) => {}
            }
            for (id, one) in pool.ids().into_iter().zip(pool.snapshot().endpoints) {
                let held = under_way.iter().filter(|picked| picked.id() == id).count();
                prop_assert_eq!(one.in_flight, held);
            }
        }
        drop(under_way);
        prop_assert!(pool.snapshot().endpoints.iter().all(|one| one.in_flight == 0));
        pool.found(&[]);
        prop_assert!(seen.iter().all(|state| state.upgrade().is_none()));
    }
}
