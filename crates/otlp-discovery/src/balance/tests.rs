//! What the strategies promise: shares, order, and how little moves.

use std::collections::HashMap;

use proptest::prelude::*;

use super::*;

fn endpoints(weights: &[u32]) -> Vec<Endpoint> {
    let endpoint = |(index, weight): (usize, &u32)| Endpoint::new(format!("10.0.0.{index}"), 4317).with_weight(*weight);
    weights.iter().enumerate().map(endpoint).collect()
}

fn candidates(endpoints: &[Endpoint]) -> Vec<Candidate<'_>> {
    let candidate = |(id, endpoint)| Candidate { id: id as u64, endpoint, in_flight: 0 };
    endpoints.iter().enumerate().map(candidate).collect()
}

/// How often each of the candidates is chosen.
fn shares(balance: &dyn Balance, candidates: &[Candidate<'_>], rounds: usize) -> Vec<usize> {
    let mut shares = vec![0; candidates.len()];
    for round in 0..rounds {
        shares[balance.choose(candidates, Some(&round.to_be_bytes()))] += 1;
    }
    shares
}

#[test]
fn smooth_turns_do_not_come_in_bursts() {
    let endpoints = endpoints(&[5, 1, 1]);
    let weighted = Weighted::default();
    let order: Vec<usize> = (0..7).map(|_| weighted.choose(&candidates(&endpoints), None)).collect();
    assert_eq!(order, [0, 0, 1, 0, 2, 0, 0]);
}

#[test]
fn an_endpoint_that_returns_gets_no_burst() {
    let endpoints = endpoints(&[1, 1, 1]);
    let all = candidates(&endpoints);
    let balance = RoundRobin::default();
    shares(&balance, &all, 3);
    shares(&balance, &all[..2], 100);
    let after: Vec<usize> = (0..6).map(|_| balance.choose(&all, None)).collect();
    assert_eq!(after.iter().filter(|chosen| **chosen == 2).count(), 2, "{after:?}");
}

#[test]
fn the_less_loaded_of_two_is_taken_and_loads_even_out() {
    let endpoints = endpoints(&[1; 10]);
    let mut all = candidates(&endpoints);
    all[0].in_flight = 100;
    assert_eq!(shares(&LeastLoaded, &all, 10_000)[0], 0, "the busiest loses against any other");
    all[0].in_flight = 0;
    for _ in 0..10_000 {
        let chosen = LeastLoaded.choose(&all, None);
        all[chosen].in_flight += 1;
    }
    let loads: Vec<usize> = all.iter().map(|one| one.in_flight).collect();
    let (least, most) = (loads.iter().min().unwrap(), loads.iter().max().unwrap());
    assert!(most - least < 50, "{loads:?}");
}

#[test]
fn a_heavier_endpoint_bears_more_in_flight() {
    let endpoints = endpoints(&[1, 3]);
    let mut all = candidates(&endpoints);
    for _ in 0..400 {
        let chosen = LeastLoaded.choose(&all, None);
        all[chosen].in_flight += 1;
    }
    assert_eq!((all[0].in_flight, all[1].in_flight), (100, 300));
}

#[test]
fn the_hash_is_the_same_in_every_version() {
    let endpoints = endpoints(&[1; 8]);
    let chosen: Vec<usize> =
        (0_u8..12).map(|key| Rendezvous::default().choose(&candidates(&endpoints), Some(&[key; 16]))).collect();
    assert_eq!(chosen, [2, 6, 4, 7, 4, 0, 3, 2, 2, 6, 7, 2]);
}

#[test]
fn an_endpoint_that_leaves_or_comes_moves_its_own_share_of_the_keys_alone() {
    const KEYS: usize = 20_000;
    let endpoints = endpoints(&[1; 11]);
    let all = candidates(&endpoints);
    let balance = Rendezvous::default();
    let place = |of: &[Candidate<'_>], key: usize| of[balance.choose(of, Some(&key.to_be_bytes()))].id;
    // Ten of them, and the eleventh comes; read backwards, it leaves.
    let moved = (0..KEYS).filter(|key| {
        let (before, after) = (place(&all[..10], *key), place(&all, *key));
        assert!(before == after || after == 10, "a key moves to the one that came, or stays");
        before != after
    });
    let moved = moved.count();
    // A standard deviation is 41.
    assert!(moved.abs_diff(KEYS / 11) < 250, "{moved} of {KEYS} keys moved, of which one in eleven had to");
}

#[test]
fn rendezvous_shares_keys_by_weight() {
    let endpoints = endpoints(&[1, 2, 5]);
    let shares = shares(&Rendezvous::default(), &candidates(&endpoints), 40_000);
    for (share, expected) in shares.iter().zip([5_000_usize, 10_000, 25_000]) {
        assert!(share.abs_diff(expected) < 400, "{shares:?}");
    }
}

#[test]
fn names_are_read_back_and_others_refused() {
    for strategy in LoadBalancingStrategy::ALL {
        assert_eq!(strategy.name().parse(), Ok(strategy));
    }
    let error = "roundrobin".parse::<LoadBalancingStrategy>().unwrap_err().to_string();
    assert!(error.contains("\"roundrobin\"") && error.contains("round_robin"), "{error}");
}

proptest! {
    #[test]
    fn in_each_full_round_everyone_has_exactly_its_turns(weights in prop::collection::vec(1_u32..20, 1..8), rounds in 1_usize..5) {
        let endpoints = endpoints(&weights);
        let all = candidates(&endpoints);
        let sum: u32 = weights.iter().sum();
        let expected: Vec<usize> = weights.iter().map(|weight| *weight as usize * rounds).collect();
        prop_assert_eq!(shares(&Weighted::default(), &all, sum as usize * rounds), expected);
        prop_assert_eq!(shares(&RoundRobin::default(), &all, all.len() * rounds), vec![rounds; all.len()]);
    }

    #[test]
    fn random_gives_each_the_same_chance(count in 1_usize..8) {
        let endpoints = endpoints(&vec![1; count]);
        let shares = shares(&Random, &candidates(&endpoints), 4_000 * count);
        // Seven standard deviations.
        prop_assert!(shares.iter().all(|share| share.abs_diff(4_000) < 450), "{:?}", shares);
    }

    #[test]
    fn when_one_leaves_only_its_keys_move(weights in prop::collection::vec(1_u32..9, 2..10), leaver in any::<prop::sample::Index>(), keys in prop::collection::vec(any::<[u8; 16]>(), 1..200)) {
        let endpoints = endpoints(&weights);
        let all = candidates(&endpoints);
        let leaver = leaver.index(all.len());
        let rest: Vec<Candidate<'_>> = all.iter().copied().filter(|one| one.id != leaver as u64).collect();
        let balance = Rendezvous::default();
        for key in keys {
            let before = all[balance.choose(&all, Some(&key))].id;
            let after = rest[balance.choose(&rest, Some(&key))].id;
            prop_assert!(before == after || before == leaver as u64);
        }
    }

    #[test]
    fn any_strategy_chooses_one_that_is_there(weights in prop::collection::vec(any::<u32>(), 1..10), loads in prop::collection::vec(any::<usize>(), 10)) {
        let endpoints = endpoints(&weights);
        let mut all = candidates(&endpoints);
        all.iter_mut().zip(loads).for_each(|(one, load)| one.in_flight = load);
        for strategy in LoadBalancingStrategy::ALL {
            let balance = strategy.balance();
            let mut seen = HashMap::new();
            for key in 0..20_u8 {
                let chosen = balance.choose(&all, (key % 2 == 0).then_some(&[key]));
                prop_assert!(chosen < all.len(), "{}", strategy);
                *seen.entry(chosen).or_insert(0) += 1;
            }
        }
    }
}
