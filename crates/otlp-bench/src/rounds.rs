//! The parent: starts a child process for each figure of each subject, in rounds that take the subjects in turn, so that
//! whatever disturbs the machine for a while disturbs them all.

use std::{
    collections::BTreeMap,
    io::Write,
    process::{Command, Stdio},
};

use crate::{
    Failure,
    catalogue::{Case, Measure, Subject, Workload},
    receiver::{Counts, NullReceiver},
    sample::{Metric, NOT_OFFERED, Sample},
    subject::Disk,
};

/// What to run.
#[derive(Debug, Clone)]
pub(crate) struct Selection {
    pub(crate) rounds: usize,
    pub(crate) quick: bool,
    /// All, if empty.
    pub(crate) subjects: Vec<Subject>,
    /// All, if empty.
    pub(crate) workloads: Vec<Workload>,
}

/// All that was measured of a subject in a case.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    pub(crate) case: Case,
    pub(crate) subject: Subject,
    /// Items sent and items received, over all rounds; `None` where nothing is to be received.
    pub(crate) delivery: Option<Delivery>,
    /// One value for each round.
    pub(crate) values: BTreeMap<Metric, Vec<f64>>,
}

/// Items sent, and those of them that the receiver counted.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Delivery {
    pub(crate) sent: u64,
    pub(crate) delivered: u64,
}

impl Row {
    /// The least of all rounds: the round that was disturbed least.
    pub(crate) fn min(&self, metric: Metric) -> Option<f64> {
        self.values.get(&metric)?.iter().copied().min_by(f64::total_cmp)
    }

    /// The median of all rounds, the upper one of an even number.
    pub(crate) fn median(&self, metric: Metric) -> Option<f64> {
        let mut values = self.values.get(&metric)?.clone();
        values.sort_by(f64::total_cmp);
        values.get(values.len() / 2).copied()
    }
}

/// Runs everything selected; tells its progress on standard error.
pub(crate) fn run(selection: &Selection) -> Result<Vec<Row>, Failure> {
    let receiver = NullReceiver::start()?;
    let mut rows = Vec::new();
    for &workload in Workload::ALL {
        if !selection.workloads.is_empty() && !selection.workloads.contains(&workload) {
            continue;
        }
        for &variant in workload.variants() {
            rows.extend(run_case(selection, &receiver, Case { workload, variant })?);
        }
    }
    Ok(rows)
}

fn run_case(selection: &Selection, receiver: &NullReceiver, case: Case) -> Result<Vec<Row>, Failure> {
    let mut rows: Vec<Row> = case
        .workload
        .subjects()
        .iter()
        .filter(|subject| selection.subjects.is_empty() || selection.subjects.contains(subject))
        .map(|&subject| Row { case, subject, delivery: None, values: BTreeMap::new() })
        .collect();
    for round in 0..selection.rounds {
        for &measure in case.workload.measures() {
            // Allocations do not vary, and the steady state is itself a series of samples.
            if round > 0 && (measure == Measure::Allocations || case.workload == Workload::Steady) {
                continue;
            }
            for row in &mut rows {
                let round = round + 1;
                writeln!(std::io::stderr(), "{case}: {} {measure}, round {round}/{}", row.subject, selection.rounds)?;
                receiver.reset()?;
                if let Some(sample) = run_child(selection, receiver.address(), row.case, row.subject, measure)? {
                    row.take(sample, receiver.counts()?);
                }
            }
            // Who had nothing to offer is not asked again.
            rows.retain(|row| !row.values.is_empty());
        }
    }
    Ok(rows)
}

fn run_child(
    selection: &Selection,
    receiver: &str,
    case: Case,
    subject: Subject,
    measure: Measure,
) -> Result<Option<Sample>, Failure> {
    let mut command = Command::new(std::env::current_exe()?);
    command
        .arg("child")
        .args(["--subject", &subject.to_string()])
        .args(["--workload", &case.workload.to_string()])
        .args(["--variant", &case.variant.to_string()])
        .args(["--measure", &measure.to_string()])
        .args(["--endpoint", receiver]);
    if selection.quick {
        command.arg("--quick");
    }
    let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::inherit()).spawn()?;
    let id = child.id();
    let output = child.wait_with_output()?;
    Disk::remove_of(id)?;
    if !output.status.success() {
        return Err(format!("{case}: {subject} ended with {}", output.status).into());
    }
    let line = String::from_utf8(output.stdout)?;
    if line.trim() == NOT_OFFERED {
        return Ok(None);
    }
    Ok(Some(serde_json::from_str(&line)?))
}

impl Row {
    fn take(&mut self, sample: Sample, counts: Counts) {
        for (metric, value) in sample.metrics {
            self.values.entry(metric).or_default().push(value);
        }
        if let Some(sent) = sample.sent {
            let delivery = self.delivery.get_or_insert_default();
            delivery.sent += sent;
            delivery.delivered += match self.case.workload {
                Workload::Traces | Workload::Steady | Workload::DeadBackend | Workload::Transport => counts.spans,
                Workload::Logs => counts.log_records,
                Workload::Counter | Workload::Histogram | Workload::CounterBound | Workload::Collect => {
                    counts.data_points
                }
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::Variant;

    #[test]
    fn the_least_and_the_median_of_the_rounds() {
        let case = Case { workload: Workload::Logs, variant: Variant::Backlog };
        let mut row = Row { case, subject: Subject::Floor, delivery: None, values: BTreeMap::new() };
        assert_eq!(row.min(Metric::ProcessNs), None);
        for value in [3.0, 1.0, 2.0] {
            let counts = Counts { spans: 7, log_records: 4, ..Default::default() };
            row.take(Sample { sent: Some(5), metrics: [(Metric::ProcessNs, value)].into() }, counts);
        }
        assert_eq!((row.min(Metric::ProcessNs), row.median(Metric::ProcessNs)), (Some(1.0), Some(2.0)));
        let delivery = row.delivery.unwrap();
        assert_eq!((delivery.sent, delivery.delivered), (15, 12));
    }
}
