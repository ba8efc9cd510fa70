//! What the example `retry_storm` shows, asserted.

#[path = "../simulation/mod.rs"]
mod model;

#[test]
fn pitfall_19_a_budget_stops_the_retry_storm_and_adaptive_limits_find_the_capacity() {
    let outcomes = model::run(1);
    let broken = model::broken_claims(&outcomes);
    assert!(broken.is_empty(), "{broken:#?}\n{}", model::table(&outcomes));
}
