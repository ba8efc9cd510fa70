//! What is done to the children, and what each scenario reports.

mod full_disk;
mod kill;
mod outage;
mod small_disk;

use std::{fmt, time::Duration};

use clap::ValueEnum;

use crate::{Failure, orders::Level, verdict::Verdict};

/// The scenarios that need processes. Power cuts, faults of a disk, damage, days and clocks are simulated in the
/// tests of the disk queue itself, where every operation can be met and time is at our command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Scenario {
    /// `kill -9` at random moments, again and again
    Kill,
    /// A disk without room
    FullDisk,
    /// A backend that is away
    Outage,
}

/// How much of it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Extent {
    pub(crate) seed: u64,
    /// At least so many kills.
    pub(crate) kills: u64,
    /// At least so long.
    pub(crate) time: Duration,
}

/// A row of the table.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) scenario: &'static str,
    /// What was done.
    pub(crate) done: String,
    /// What came of it.
    pub(crate) found: String,
    pub(crate) is_good: bool,
}

impl Scenario {
    /// Runs it.
    ///
    /// # Errors
    /// If it could not be carried through: a child failed, or the machine did not give what it needs.
    pub(crate) fn run(self, extent: Extent) -> Result<Vec<Row>, Failure> {
        match self {
            Scenario::Kill => Ok(vec![kill::run(extent)?]),
            Scenario::FullDisk => Ok(vec![full_disk::run(extent)?]),
            Scenario::Outage => {
                let levels = [Level::Interval(500), Level::Always];
                levels.into_iter().map(|level| outage::run(extent, level)).collect()
            }
        }
    }

    /// Its name on the command line.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Scenario::Kill => "kill",
            Scenario::FullDisk => "full-disk",
            Scenario::Outage => "outage",
        }
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mark = if self.is_good { "held" } else { "FAILED" };
        write!(f, "| {} | {} | {} | {mark} |", self.scenario, self.done, self.found)
    }
}

/// What all scenarios say of what became of the items.
fn balance(verdict: &Verdict) -> String {
    let levels: Vec<String> = verdict.durable.iter().map(|(level, items)| format!("{level} {items}")).collect();
    format!(
        "{} durable items ({}), {} lost; {} spans and log records arrived; {} came again because an answer was lost, and \
         {} because a process was killed before it had noted the delivery, at most {} from one process",
        verdict.durable_items(),
        levels.join(", "),
        verdict.lost.count,
        verdict.arrived,
        verdict.duplicates.answers_lost,
        verdict.duplicates.killed,
        verdict.duplicates.most_killed,
    )
}
