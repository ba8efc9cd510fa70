//! The simulation of a fleet that returns after an outage, in its short form.

#[path = "../reconnect/mod.rs"]
mod simulation;

use self::simulation::{Fleet, broken_claims, run, table};

#[test]
fn a_fleet_that_returns_loses_nothing_and_stays_within_the_capacity_of_its_receivers() {
    let fleet = Fleet::of(100);
    for seed in [1, 2] {
        let outcomes = run(fleet, seed);
        assert_eq!(broken_claims(fleet, &outcomes), [""; 0], "seed {seed}\n{}", table(fleet, &outcomes));
    }
}

#[test]
fn receivers_with_less_headroom_than_the_pace_asks_for_are_spared_and_the_backlog_drains() {
    for headroom in [1.3, 1.6] {
        let fleet = Fleet { headroom, ..Fleet::of(100) };
        let outcomes = run(fleet, 1);
        assert_eq!(broken_claims(fleet, &outcomes), [""; 0], "{headroom}\n{}", table(fleet, &outcomes));
    }
}
