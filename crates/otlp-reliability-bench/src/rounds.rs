//! All cases of a scene in turn, round after round.

use std::io::Write;

use crate::{
    Failure,
    case::{Case, Scene, Side},
    measure::{self, Effort},
    worker::Worker,
};

/// What to run.
#[derive(Debug, Clone)]
pub(crate) struct Selection {
    pub(crate) rounds: usize,
    pub(crate) effort: Effort,
    /// A part of the names of the cases; all, if `None`.
    pub(crate) only: Option<String>,
    /// All, if empty.
    pub(crate) scenes: Vec<Scene>,
}

/// All that was measured of a case.
#[derive(Clone)]
pub(crate) struct Row {
    pub(crate) scene: Scene,
    pub(crate) name: &'static str,
    pub(crate) side: Side,
    /// Time on a core per call in nanoseconds, of each round that counts.
    pub(crate) ns: Vec<f64>,
    /// `None` where it is not counted: with two threads it is what it is with one.
    pub(crate) allocations: Option<f64>,
}

/// The share of the time that two threads may wait for a core in a round that counts.
pub(crate) const MOST_IN_LINE: f64 = 0.1;

/// How often a round of two threads is taken until it counts.
const TRIES: usize = 8;

/// The share of a sample's calls that two threads make: a short time is had undisturbed more often, and calls that are in
/// each other's way take longer.
const SHARE_OF_TWO: u64 = 10;

/// How many calls tell whether a case does what its scene says.
const PROOF: u64 = 1_000;

impl Row {
    /// The least of all rounds: the round that was disturbed least. `None` if no round counts.
    pub(crate) fn least(&self) -> Option<f64> {
        self.ns.iter().copied().min_by(f64::total_cmp)
    }

    /// The median of all rounds, the upper one of an even number.
    pub(crate) fn median(&self) -> Option<f64> {
        let mut ns = self.ns.clone();
        ns.sort_by(f64::total_cmp);
        ns.get(ns.len() / 2).copied()
    }
}

/// Runs what is selected of `cases`, and tells its progress on standard error.
///
/// # Errors
///
/// A case whose calls do not go as its scene says.
pub(crate) fn run(cases: Vec<Case>, selection: &Selection) -> Result<Vec<Row>, Failure> {
    let is_selected = |case: &Case| {
        let is_named = selection.only.as_ref().is_none_or(|part| case.name.contains(part.as_str()));
        (is_named || matches!(case.side, Side::Bare))
            && (selection.scenes.is_empty() || selection.scenes.contains(&case.scene))
    };
    let mut cases: Vec<Case> = cases.into_iter().filter(is_selected).collect();
    cases.sort_by_key(|case| case.scene);
    let mut rows = Vec::new();
    for scene in Scene::ALL {
        rows.extend(run_scene(cases.iter().filter(|case| case.scene == scene), scene, selection)?);
    }
    // Last of all, because the allocator then counts to the end.
    for (case, row) in cases.iter().filter(|case| case.scene != Scene::TwoThreads).zip(&mut rows) {
        row.allocations = Some(measure::allocations(&mut *case.worker()?));
    }
    Ok(rows)
}

/// A case, what it has shown so far, and who makes its calls, so many for a sample.
struct Contender<'a> {
    case: &'a Case,
    row: Row,
    worker: Box<dyn Worker>,
    calls: u64,
}

fn run_scene<'a>(
    cases: impl Iterator<Item = &'a Case>,
    scene: Scene,
    selection: &Selection,
) -> Result<Vec<Row>, Failure> {
    let mut contenders = Vec::new();
    for case in cases {
        let mut worker = case.worker()?;
        // Whatever is to open has opened after these.
        worker.run(PROOF);
        prove(case, &mut *worker)?;
        let calls = measure::calibrate(&mut *worker, selection.effort)?;
        let row = Row { scene, name: case.name, side: case.side, ns: Vec::new(), allocations: None };
        contenders.push(Contender { case, row, worker, calls });
    }
    for round in 0..selection.rounds {
        writeln!(std::io::stderr(), "{scene}: round {}/{}", round + 1, selection.rounds)?;
        for contender in &mut contenders {
            let sample = contender.sample()?;
            contender.row.ns.extend(sample);
        }
    }
    for contender in &mut contenders {
        prove(contender.case, &mut *contender.worker)?;
    }
    Ok(contenders.into_iter().map(|contender| contender.row).collect())
}

impl Contender<'_> {
    /// One sample; `None` if two threads could not be had at once.
    fn sample(&mut self) -> Result<Option<f64>, Failure> {
        if self.case.scene != Scene::TwoThreads {
            return Ok(Some(measure::one_thread(&mut *self.worker, self.calls)?));
        }
        for _ in 0..TRIES {
            let sample = measure::two_threads(self.case, self.calls.div_ceil(SHARE_OF_TWO))?;
            if sample.in_line <= MOST_IN_LINE {
                return Ok(Some(sample.ns_per_call));
            }
        }
        Ok(None)
    }
}

fn prove(case: &Case, worker: &mut dyn Worker) -> Result<(), Failure> {
    let tally = worker.tally(PROOF);
    if case.scene.is_played(tally) {
        return Ok(());
    }
    Err(format!("{} ({}): of {PROOF} calls there were {tally:?}", case.name, case.scene).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_and_the_median_of_the_rounds() {
        let mut row = Row { scene: Scene::Success, name: "", side: Side::Ours, ns: Vec::new(), allocations: None };
        assert_eq!((row.least(), row.median()), (None, None));
        row.ns = vec![3.0, 1.0, 2.0];
        assert_eq!((row.least(), row.median()), (Some(1.0), Some(2.0)));
    }
}
