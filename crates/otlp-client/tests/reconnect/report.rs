//! What the simulation shows, as a table and as claims that can fail.

use std::fmt::Write;

use super::{Fleet, Outcome, Policies};

/// All outcomes, one a line.
pub(crate) fn table(fleet: Fleet, outcomes: &[Outcome]) -> String {
    let mut table = format!(
        "{} clients, a batch every {:?} each; outage of {:?}; receivers take {} batches/s and queue {:?} of work\n\n\
         policies   knocks/s  peak load  peak burst   refused   drained  attempts  attempts   lost\n\
         \u{20}            / capacity in 1 s     in 0.1 s            after     per client  per batch\n",
        fleet.clients,
        fleet.batch_every,
        fleet.outage,
        fleet.capacity(),
        fleet.queue,
    );
    for outcome in outcomes {
        let policies = format!("{:?}", outcome.policies).to_lowercase();
        let drained = outcome.drained.map_or("never".to_owned(), |after| format!("{} s", after.as_secs()));
        // Writing to a string cannot fail.
        let _ = writeln!(
            table,
            "{policies:<10} {:>8.2} {:>10.2} {:>11.2} {:>9} {drained:>9} {:>9.1} {:>9.2} {:>6}",
            outcome.knocks,
            outcome.peak_load,
            outcome.peak_burst,
            outcome.refused,
            outcome.attempts,
            outcome.amplification,
            outcome.lost,
        );
    }
    table
}

/// What the outcomes should show and do not. Empty: all is as claimed.
pub(crate) fn broken_claims(fleet: Fleet, outcomes: &[Outcome]) -> Vec<String> {
    let mut broken = Vec::new();
    let unpaced = outcomes.iter().find(|outcome| outcome.policies == Policies::Unpaced);
    for outcome in outcomes {
        let mut claim = |holds: bool, text: &str| {
            if !holds {
                broken.push(format!("{:?}: {text}", outcome.policies));
            }
        };
        match outcome.policies {
            Policies::Naive | Policies::Backoff | Policies::Jittered => {
                claim(!outcome.is_within_capacity(), "backoff and jitter alone do not keep within the capacity");
            }
            Policies::Unpaced | Policies::Default => {
                claim(outcome.lost == 0, "nothing is lost");
                claim(outcome.drained.is_some(), "the backlog drains");
                claim(
                    outcome.knocks * fleet.headroom < 1.0,
                    "during the outage the fleet asks for less than in good times",
                );
                let is_paced = outcome.policies == Policies::Default;
                if !is_paced || fleet.has_room_for_the_pace() {
                    claim(
                        is_paced == outcome.is_within_capacity(),
                        "a pace keeps within the capacity, and nothing else does",
                    );
                } else {
                    let is_spared = unpaced.is_none_or(|unpaced| outcome.refused * 5 < unpaced.refused);
                    claim(is_spared, "where the receivers have less headroom, the pace yields");
                }
            }
        }
    }
    broken
}
