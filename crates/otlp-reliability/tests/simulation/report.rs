//! What the simulation shows, as a table and as claims that can fail.

use std::{fmt::Write, time::Duration};

use super::{ATTEMPTS, BUDGET, Limit, Outcome, Retries};

/// All outcomes, one a line.
pub(crate) fn table(outcomes: &[Outcome]) -> String {
    let mut table = String::from(
        "limit      retries    offered  attempts  amplification  goodput  success    p99  recovery  limit\n\
         \u{20}                                     after pulse   per s                           / capacity\n",
    );
    for outcome in outcomes {
        let limit = format!("{:?}", outcome.limit).to_lowercase();
        let retries = format!("{:?}", outcome.retries).to_lowercase();
        let recovery = outcome.recovery.map_or("never".to_owned(), |after| format!("{} s", after.as_secs()));
        let settled = outcome.settled.map_or("-".to_owned(), |settled| format!("{settled:.2}"));
        // Writing to a string cannot fail.
        let _ = writeln!(
            table,
            "{limit:<10} {retries:<9} {:>8} {:>9} {:>14.2} {:>8.0} {:>7.1}% {:>4}ms {recovery:>9} {settled:>10}",
            outcome.offered,
            outcome.attempts,
            outcome.amplification,
            outcome.goodput,
            100.0 * outcome.success,
            outcome.p99.as_millis(),
        );
    }
    table
}

/// What the outcomes should show and do not. Empty: all is as claimed.
pub(crate) fn broken_claims(outcomes: &[Outcome]) -> Vec<String> {
    let mut broken = Vec::new();
    for outcome in outcomes {
        let Outcome { retries, limit, amplification, recovery, settled, .. } = outcome;
        let mut claim = |holds: bool, text: &str| {
            if !holds {
                broken.push(format!("retries {retries:?}, limit {limit:?}: {text}"));
            }
        };
        if (*retries, *limit) == (Retries::Unlimited, Limit::None) {
            claim(recovery.is_none(), "the storm outlives the pulse");
            claim(*amplification > 0.75 * f64::from(ATTEMPTS), "nearly every attempt is made");
        } else {
            claim(recovery.is_some_and(|after| after <= Duration::from_secs(10)), "the service recovers");
        }
        if *retries == Retries::Budgeted {
            let most = outcome.offered * u64::from(100 + BUDGET) / 100;
            claim(outcome.attempts <= most, "the budget bounds the attempts");
        }
        if *limit != Limit::None {
            claim(settled.is_some_and(|settled| (0.8..=1.2).contains(&settled)), "the limit finds the capacity");
        }
    }
    broken
}
