//! What a child process measured: one line of JSON on its standard output.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// A quantity of the report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Metric {
    /// CPU time of the producing thread per item, in nanoseconds.
    CallSiteNs,
    /// CPU time of the whole process per item, until all is delivered, in nanoseconds.
    ProcessNs,
    /// Allocations and reallocations of the whole process per item.
    Allocations,
    /// Half of the calls took no longer, in nanoseconds.
    P50Ns,
    /// 99 of 100 calls took no longer, in nanoseconds.
    P99Ns,
    /// 999 of 1,000 calls took no longer, in nanoseconds.
    P999Ns,
    /// The most memory in RAM while at work, after the start, in KiB.
    ResidentKib,
    /// The most memory in RAM since the process began, in KiB.
    PeakResidentKib,
}

impl Metric {
    /// All, in the order of the report.
    pub(crate) const ALL: [Metric; 8] = [
        Metric::CallSiteNs,
        Metric::ProcessNs,
        Metric::Allocations,
        Metric::P50Ns,
        Metric::P99Ns,
        Metric::P999Ns,
        Metric::ResidentKib,
        Metric::PeakResidentKib,
    ];
}

/// The outcome of one child process.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Sample {
    /// Items that the receiver must have counted when the child has ended; `None` when there is no receiver.
    pub(crate) sent: Option<u64>,
    /// What was measured.
    pub(crate) metrics: BTreeMap<Metric, f64>,
}

/// The first line of a child that has nothing to measure because its subject does not offer this.
pub(crate) const NOT_OFFERED: &str = "not offered";
