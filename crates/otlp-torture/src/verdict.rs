//! Compares what was promised with what arrived.

use std::{collections::BTreeMap, fmt};

use otlp_core::Signal;

use crate::{
    item::{Item, PRODUCERS},
    process::{Ending, Phase},
    run::Run,
    tally::{Duplicates, Sample, Tally},
};

/// What a round came to.
#[derive(Debug, Default)]
pub(crate) struct Verdict {
    /// How many processes were killed, by what they were at.
    pub(crate) kills: BTreeMap<Phase, u64>,
    /// How many items were promised to be durable, by the level of the process that recorded them.
    pub(crate) durable: BTreeMap<&'static str, u64>,
    /// How many different spans and log records arrived.
    pub(crate) arrived: u64,
    pub(crate) duplicates: Duplicates,
    /// Durable items that did not arrive.
    pub(crate) lost: Sample,
    /// What else is wrong.
    pub(crate) wrong: Sample,
}

impl Verdict {
    /// Judges the runs of a round, the last of which has delivered everything.
    pub(crate) fn of(runs: &[Run], tally: &Tally) -> Self {
        let mut verdict = Verdict { arrived: tally.items(), duplicates: tally.duplicates, ..Verdict::default() };
        for (index, run) in runs.iter().enumerate() {
            if let Ending::Killed(phase) = run.ending {
                *verdict.kills.entry(phase).or_default() += 1;
            }
            *verdict.durable.entry(run.level.name()).or_default() += run.promises.durable_items();
            verdict.judge_items(index as u32, run, tally);
            verdict.judge_ledger(index, runs);
        }
        for run in tally.runs().filter(|run| *run as usize >= runs.len()) {
            verdict.wrong.add(|| format!("items of run {run}, which never was"));
        }
        for sample in [&tally.strange, &tally.unexplained] {
            verdict.wrong.count += sample.count;
            verdict.wrong.shown.extend(sample.shown.iter().cloned());
        }
        if runs.last().and_then(|run| run.promises.ended.as_ref()).is_none_or(|ledger| ledger.pending() > 0) {
            verdict.wrong.add(|| "the last process did not deliver everything".to_owned());
        }
        verdict
    }

    fn judge_items(&mut self, index: u32, run: &Run, tally: &Tally) {
        for (producer, signal) in PRODUCERS.into_iter().enumerate() {
            let (durable, intended) = (run.promises.durable[producer], run.promises.intended[producer]);
            let (missing, end) = if signal == Signal::Metrics {
                // A sum since the start: the last point says all.
                let largest = tally.largest_count(index);
                let missing = (largest < u64::from(durable)).then(|| format!("{largest} of {durable} increments"));
                (missing.into_iter().collect(), largest)
            } else {
                let items = (0..durable).map(|number| Item { run: index, producer: producer as u8, number });
                let missing = items.filter(|item| tally.arrived(*item) == 0);
                (missing.map(|item| item.to_string()).collect::<Vec<_>>(), u64::from(tally.end(index, producer)))
            };
            for what in missing {
                self.lost.add(|| format!("{what} (level {}, {durable} durable)", run.level.name()));
            }
            if end > u64::from(intended) {
                self.wrong.add(|| format!("run {index} thread {producer}: {end} arrived, {intended} were recorded"));
            }
        }
    }

    /// A ledger balances, and what one process left the next one found, if both lived to say so.
    fn judge_ledger(&mut self, index: usize, runs: &[Run]) {
        let Some(ledger) = &runs[index].promises.ended else { return };
        if !ledger.balances() {
            self.wrong.add(|| format!("run {index}: the ledger does not balance\n{ledger}"));
        }
        let before = index.checked_sub(1).map(|before| &runs[before].promises);
        for signal in Signal::ALL {
            let left = before.and_then(|before| Some((before.ended.as_ref()?.signal(signal).pending, before.is_kept)));
            let found = ledger.signal(signal).recovered;
            // Without the disk's answer it may have been kept, or not.
            let is_wrong = left.is_some_and(|(left, is_kept)| if is_kept { found != left } else { found > left });
            if index == 0 && found > 0 || is_wrong {
                let left = left.map_or(0, |(left, _)| left);
                self.wrong.add(|| format!("run {index}: {found} {} recovered, {left} were left", signal.name()));
            }
        }
    }

    /// Whether all promises were kept.
    pub(crate) fn is_good(&self) -> bool {
        self.lost.count == 0 && self.wrong.count == 0
    }

    /// All kills together.
    pub(crate) fn killed(&self) -> u64 {
        self.kills.values().sum()
    }

    /// All durable items together.
    pub(crate) fn durable_items(&self) -> u64 {
        self.durable.values().sum()
    }

    /// Adds another round's.
    pub(crate) fn add(&mut self, other: Verdict) {
        other.kills.into_iter().for_each(|(phase, count)| *self.kills.entry(phase).or_default() += count);
        other.durable.into_iter().for_each(|(level, count)| *self.durable.entry(level).or_default() += count);
        self.arrived += other.arrived;
        self.duplicates.add(other.duplicates);
        for (mine, others) in [(&mut self.lost, other.lost), (&mut self.wrong, other.wrong)] {
            mine.count += others.count;
            mine.shown.extend(others.shown);
        }
    }
}

impl fmt::Display for Verdict {
    /// What is wrong, for a person.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (what, sample) in [("durable items lost", &self.lost), ("other faults", &self.wrong)] {
            if sample.count > 0 {
                writeln!(f, "{} {what}:", sample.count)?;
                sample.shown.iter().try_for_each(|one| writeln!(f, "  {one}"))?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use otlp_batch::Ledger;

    use super::*;
    use crate::{backend::Arrival, journal::Promises, orders::Level, tally::Explanation};

    fn run(durable: [u32; PRODUCERS.len()], ended: Option<Ledger>) -> Run {
        let promises = Promises {
            intended: [500; PRODUCERS.len()],
            durable,
            given_up: 0,
            ended: ended.map(Box::new),
            is_kept: true,
        };
        Run { level: Level::Always, promises, ending: Ending::InOrder }
    }

    fn tally(arrivals: Vec<Arrival>) -> Tally {
        let mut tally = Tally::default();
        tally.add(0, arrivals, Explanation { answers_lost: Some(0), settled_below: 0 });
        tally
    }

    fn item(number: u32) -> Arrival {
        Arrival::Item(Item { run: 0, producer: 0, number }, 0)
    }

    #[test]
    fn a_durable_item_that_did_not_arrive_is_lost_and_another_is_not() {
        let runs = [run([2, 0, 0, 0, 7], Some(Ledger::default()))];
        let good = Verdict::of(&runs, &tally(vec![item(0), item(1), item(2), Arrival::Count(0, 7)]));
        assert!(good.is_good(), "{good}");
        assert_eq!((good.durable_items(), good.arrived), (9, 3));
        let bad = Verdict::of(&runs, &tally(vec![item(0), item(2), Arrival::Count(0, 6)]));
        assert_eq!((bad.lost.count, bad.wrong.count), (2, 0), "{bad}");
    }

    #[test]
    fn what_was_never_recorded_is_wrong() {
        let runs = [run([0; PRODUCERS.len()], Some(Ledger::default()))];
        assert_eq!(Verdict::of(&runs, &tally(vec![item(500)])).wrong.count, 1, "above what was intended");
        assert_eq!(Verdict::of(&runs, &tally(vec![Arrival::Count(1, 1)])).wrong.count, 1, "no such run");
        assert_eq!(Verdict::of(&runs, &tally(vec![Arrival::Strange("x".into())])).wrong.count, 1);
    }

    #[test]
    fn ledgers_balance_and_hand_over() {
        let mut left = Ledger::default();
        (left.logs.accepted, left.logs.pending) = (5, 5);
        let mut found = Ledger::default();
        (found.logs.recovered, found.logs.delivered) = (5, 5);
        let tally = Tally::default();
        let judged = |one: &Ledger, two: &Ledger| {
            Verdict::of(&[run([0; 5], Some(one.clone())), run([0; 5], Some(two.clone()))], &tally).wrong.count
        };
        assert_eq!(judged(&left, &found), 0);
        assert_eq!(judged(&Ledger::default(), &found), 1, "more was found than was left");
        let unsure = |one: &Ledger| {
            let mut first = run([0; 5], Some(one.clone()));
            first.promises.is_kept = false;
            Verdict::of(&[first, run([0; 5], Some(found.clone()))], &tally).wrong.count
        };
        let mut more = left.clone();
        (more.logs.accepted, more.logs.pending) = (9, 9);
        assert_eq!((unsure(&more), unsure(&Ledger::default())), (0, 1), "less may be found where the disk was slow");
        assert_eq!(judged(&left, &left), 2, "it did not find what was left, and did not deliver everything");
        (found.logs.recovered, found.logs.delivered) = (5, 4);
        assert_eq!(judged(&left, &found), 1, "it does not balance");
    }
}
