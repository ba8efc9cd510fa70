//! The budgets: what our policies may cost over the bare call, beside their peers, and in allocations.

use serde::Serialize;

use crate::{
    case::{Promise, Scene, Side},
    rounds::Row,
};

/// Nanoseconds over the bare call, for a call that succeeds.
const OVER_BARE: [(Scene, &str, f64); 7] = [
    (Scene::Success, "breaker, count window", 25.0),
    (Scene::Success, "breaker, time window", 60.0),
    (Scene::Success, "breaker, slow calls timed", 115.0),
    (Scene::Success, "pipeline of retry, breaker, bulkhead, timeout", 60.0),
    (Scene::Success, "the same as nested tuples", 60.0),
    (Scene::TwoThreads, "breaker, count window", 60.0),
    (Scene::TwoThreads, "breaker, consecutive failures", 60.0),
];

/// Allocations per call of ours in the steady state, where there are any. The retry layer boxes each call: stable Rust
/// cannot name the type of its attempts.
const ALLOCATING: [(&str, f64); 1] = [("layers: retry, breaker, bulkhead, timeout", 1.0)];

/// By how much a figure of two threads may miss its budget before it gates: where the two cores are, and what else they
/// do, is not the policy's doing.
const TWO_THREADS_ALLOWANCE: f64 = 2.0;

/// The budget that every case of ours has.
pub(crate) const ALLOCATIONS: &str = "allocations per call";

/// What became of a budget.
#[derive(Debug, Serialize)]
pub(crate) struct Verdict {
    pub(crate) scene: Scene,
    pub(crate) name: &'static str,
    /// The budget in words.
    pub(crate) budget: String,
    /// The figure that the limit is set on, see [`OverBare::decisive`]; `None` if it was not measured.
    pub(crate) measured: Option<f64>,
    /// The same of the median rounds.
    pub(crate) median: Option<f64>,
    pub(crate) limit: f64,
    /// Where it gates: the limit, or more.
    pub(crate) gate: f64,
}

impl Verdict {
    /// `None` if it was not measured.
    pub(crate) fn is_met(&self) -> Option<bool> {
        self.measured.map(|measured| measured <= self.limit)
    }

    /// Whether it is exceeded by so much that it gates.
    pub(crate) fn is_exceeded(&self) -> bool {
        self.measured.is_some_and(|measured| measured > self.gate)
    }
}

/// Nanoseconds per call over the bare call of the same scene; as they are where there is none, and of the bare call
/// itself.
#[derive(Debug, Clone, Copy)]
pub(crate) struct OverBare {
    pub(crate) least: f64,
    pub(crate) median: f64,
    scene: Scene,
}

impl OverBare {
    /// `None` if no round counts.
    pub(crate) fn of(row: &Row, rows: &[Row]) -> Option<Self> {
        let is_bare = |row: &&Row| matches!(row.side, Side::Bare);
        let bare = rows.iter().find(|bare| bare.scene == row.scene && is_bare(bare) && !is_bare(&row));
        let of_bare = |figure: fn(&Row) -> Option<f64>| bare.and_then(figure).unwrap_or(0.0);
        Some(OverBare {
            least: row.least()? - of_bare(Row::least),
            median: row.median()? - of_bare(Row::median),
            scene: row.scene,
        })
    }

    /// The figure that is held against others. Of one thread the least, of the round that was disturbed least. Of two
    /// threads the median: the least is of the round in which a host that shares its cores let them run together least.
    pub(crate) fn decisive(self) -> f64 {
        if self.scene == Scene::TwoThreads { self.median } else { self.least }
    }
}

/// Holds `rows` against the budgets of the cases that were run.
pub(crate) fn verdicts(rows: &[Row]) -> Vec<Verdict> {
    let find = |scene, name| rows.iter().find(|row: &&Row| row.scene == scene && row.name == name);
    let mut verdicts = Vec::new();
    for (scene, name, limit) in OVER_BARE {
        let Some(row) = find(scene, name) else { continue };
        let figure = OverBare::of(row, rows);
        let allowance = if scene == Scene::TwoThreads { TWO_THREADS_ALLOWANCE } else { 1.0 };
        verdicts.push(Verdict {
            scene,
            name,
            budget: "ns over the bare call".to_owned(),
            measured: figure.map(OverBare::decisive),
            median: figure.map(|figure| figure.median),
            limit,
            gate: limit * allowance,
        });
    }
    for row in rows {
        if let (Side::Ours, Some(allocations)) = (row.side, row.allocations) {
            let limit = ALLOCATING.iter().find(|(name, _)| *name == row.name).map_or(0.0, |(_, limit)| *limit);
            verdicts.push(Verdict {
                scene: row.scene,
                name: row.name,
                budget: ALLOCATIONS.to_owned(),
                measured: Some(allocations),
                median: Some(allocations),
                limit,
                gate: limit,
            });
        }
        let Side::Peer(peer) = row.side else { continue };
        let Some(ours) = find(row.scene, peer.beside).filter(|_| peer.promise == Promise::Same) else { continue };
        let (ours, theirs) = (OverBare::of(ours, rows), OverBare::of(row, rows));
        let allowance = if row.scene == Scene::TwoThreads { TWO_THREADS_ALLOWANCE } else { 1.0 };
        verdicts.push(Verdict {
            scene: row.scene,
            name: peer.beside,
            budget: format!("times {}", row.name),
            measured: ours.zip(theirs).map(|(ours, theirs)| ours.decisive() / theirs.decisive()),
            median: ours.zip(theirs).map(|(ours, theirs)| ours.median / theirs.median),
            limit: 1.0,
            gate: allowance,
        });
    }
    verdicts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::case::Peer;

    fn row(scene: Scene, name: &'static str, side: Side, ns: f64) -> Row {
        Row { scene, name, side, ns: vec![ns], allocations: (scene == Scene::Success).then_some(0.0) }
    }

    fn peer(promise: Promise) -> Side {
        Side::Peer(Peer { beside: "breaker, count window", promise, differs: "" })
    }

    #[test]
    fn a_budget_is_held_over_the_bare_call_and_beside_peers_that_promise_as_much() {
        let rows = [
            row(Scene::Success, "bare call", Side::Bare, 2.0),
            row(Scene::Success, "breaker, count window", Side::Ours, 26.5),
            row(Scene::Success, "slower", peer(Promise::Same), 50.0),
            row(Scene::Success, "faster", peer(Promise::Same), 14.25),
            row(Scene::Success, "faster for less", peer(Promise::Less), 5.0),
        ];
        let verdicts = verdicts(&rows);
        let told: Vec<_> =
            verdicts.iter().map(|one| (one.budget.as_str(), one.measured.unwrap(), one.is_exceeded())).collect();
        assert_eq!(
            told,
            [
                ("ns over the bare call", 24.5, false),
                ("allocations per call", 0.0, false),
                ("times slower", 24.5 / 48.0, false),
                ("times faster", 2.0, true),
            ]
        );
    }

    #[test]
    fn the_least_decides_for_one_thread_and_the_median_for_two() {
        for (scene, decisive) in [(Scene::Success, 10.0), (Scene::TwoThreads, 40.0)] {
            let bare = Row { ns: vec![3.0, 1.0, 2.0], ..row(scene, "bare call", Side::Bare, 0.0) };
            let ours = Row { ns: vec![11.0, 99.0, 42.0], ..row(scene, "retry", Side::Ours, 0.0) };
            let figure = OverBare::of(&ours, &[bare, ours.clone()]).unwrap();
            assert_eq!((figure.least, figure.median, figure.decisive()), (10.0, 40.0, decisive));
        }
    }

    #[test]
    fn two_threads_have_an_allowance_and_may_go_unmeasured() {
        let rows = |ns| [row(Scene::TwoThreads, "breaker, count window", Side::Ours, ns)];
        let over = &verdicts(&rows(61.0))[0];
        assert_eq!((over.is_met(), over.is_exceeded()), (Some(false), false));
        assert!(verdicts(&rows(121.0))[0].is_exceeded());
        let unmeasured = Row { ns: Vec::new(), ..row(Scene::TwoThreads, "breaker, count window", Side::Ours, 0.0) };
        let unmeasured = &verdicts(&[unmeasured])[0];
        assert_eq!((unmeasured.is_met(), unmeasured.is_exceeded()), (None, false));
    }
}
