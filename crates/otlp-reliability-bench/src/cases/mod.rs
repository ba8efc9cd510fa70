//! All cases: one file for each crate that is measured.

mod bare;
mod failsafe;
mod ours;
mod recloser;
mod tower;
mod tower_resilience;

use std::time::Duration;

use crate::{
    Failure,
    case::{Case, Scene},
};

/// Longer than any run: what has opened stays open, and nothing runs out of time.
const LONG: Duration = Duration::from_secs(3_600);

/// The length of count windows.
const WINDOW: usize = 100;

/// The share of failures that opens a breaker: above the half that [`Scene::HalfFails`] has.
const FAILURE_RATE: f64 = 0.9;

/// The consecutive failures that open a breaker.
const CONSECUTIVE: u32 = 5;

/// Calls at once, where that is limited: more than there ever are.
const CONCURRENT: usize = 64;

/// Every case in every scene that it can be in.
pub(crate) fn all() -> Result<Vec<Case>, Failure> {
    let mut cases = Vec::new();
    for scene in Scene::ALL {
        cases.extend(bare::cases(scene));
        cases.extend(ours::cases(scene)?);
        cases.extend(failsafe::cases(scene));
        cases.extend(recloser::cases(scene));
        cases.extend(tower::cases(scene));
        cases.extend(tower_resilience::cases(scene)?);
    }
    Ok(cases)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::case::Side;

    #[test]
    fn names_are_unique_in_a_scene_and_peers_stand_beside_cases_that_are_there() {
        let cases = all().unwrap();
        let names: BTreeSet<_> = cases.iter().map(|case| (case.scene, case.name)).collect();
        assert_eq!(names.len(), cases.len());
        for case in &cases {
            if let Side::Peer(peer) = case.side {
                assert!(names.contains(&(case.scene, peer.beside)), "{} ({})", case.name, case.scene);
            }
        }
    }
}
