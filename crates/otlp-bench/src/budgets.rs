//! The budgets: what our client may cost, beside its peer or by itself.

use serde::Serialize;

use crate::{
    catalogue::{Case, Subject, Variant, Workload},
    rounds::Row,
    sample::Metric,
};

/// A limit on one figure of ours.
#[derive(Debug, Clone, Copy)]
struct Budget {
    case: Case,
    /// Whose figure it is.
    subject: Subject,
    metric: Metric,
    limit: Limit,
    /// Figures of two threads swing with where the cores are, so those decide nothing by themselves.
    gates: bool,
}

#[derive(Debug, Clone, Copy)]
enum Limit {
    /// At most so many times the same figure of this subject in this variant.
    Times { most: f64, of: Subject, variant: Variant },
    /// At most this.
    Absolute(f64),
}

/// What became of a budget.
#[derive(Debug, Serialize)]
pub(crate) struct Verdict {
    pub(crate) case: Case,
    pub(crate) metric: Metric,
    /// The budget in words.
    pub(crate) budget: String,
    /// The figure that the limit is set on: of the best rounds; `None` if it was not measured.
    pub(crate) measured: Option<f64>,
    /// The same of the median rounds.
    pub(crate) median: Option<f64>,
    /// The same of the floor, where that is a ratio.
    pub(crate) floor: Option<f64>,
    pub(crate) limit: f64,
    pub(crate) is_ratio: bool,
    pub(crate) gates: bool,
}

impl Verdict {
    /// `None` if it was not measured.
    pub(crate) fn is_met(&self) -> Option<bool> {
        self.measured.map(|measured| measured <= self.limit)
    }
}

/// 40 MB.
const RESIDENT_KIB: f64 = 40_000_000.0 / 1024.0;
/// "None", amortised: what hyper allocates for a request, spread over its thousand items or so. The floor has 0.03.
const NO_ALLOCATION: f64 = 0.05;
/// "None measurable" of two latencies: what repeated runs of the same differ by.
const SAME_LATENCY: f64 = 1.1;

/// With a disk queue that has nothing to store.
const DISK_QUEUE: f64 = 1.3;

/// Of what copies where none are needed: they have to cost something, or the switch for them does nothing.
const COPYING: f64 = 1.0;

fn budgets() -> Vec<Budget> {
    use Metric::{Allocations, CallSiteNs, P50Ns, ProcessNs, ResidentKib};
    use Variant::{Backlog, Flushed, Live, OneThread, Plain, Refused, Silent, TwoThreads};
    use Workload::{Collect, Counter, CounterBound, DeadBackend, Histogram, Logs, Steady, Traces};

    let of_peer = |workload, variant, metric, most| Budget {
        case: Case { workload, variant },
        subject: Subject::OursGrpc,
        metric,
        limit: Limit::Times { most, of: Subject::OtelGrpc, variant },
        gates: true,
    };
    let absolute = |workload, variant, metric, most| Budget {
        case: Case { workload, variant },
        subject: Subject::OursGrpc,
        metric,
        limit: Limit::Absolute(most),
        gates: true,
    };
    let times = |workload, variant, metric, most, of, of_variant| Budget {
        case: Case { workload, variant },
        subject: Subject::OursGrpc,
        metric,
        limit: Limit::Times { most, of, variant: of_variant },
        gates: variant != TwoThreads,
    };
    let mut budgets = Vec::new();
    for variant in [Backlog, Flushed] {
        budgets.extend([
            of_peer(Traces, variant, ProcessNs, 1.0 / 7.0),
            of_peer(Traces, variant, CallSiteNs, 1.0 / 2.5),
            absolute(Traces, variant, Allocations, NO_ALLOCATION),
            Budget {
                subject: Subject::OursDisk,
                ..times(Traces, variant, ProcessNs, DISK_QUEUE, Subject::OursGrpc, variant)
            },
            times(Traces, variant, ProcessNs, COPYING, Subject::OursCopying, variant),
        ]);
    }
    for variant in [Backlog, Flushed] {
        budgets.extend([
            of_peer(Logs, variant, ProcessNs, 1.0 / 7.0),
            of_peer(Logs, variant, CallSiteNs, 1.0 / 3.0),
            absolute(Logs, variant, Allocations, NO_ALLOCATION),
        ]);
    }
    budgets.extend([
        of_peer(Counter, Plain, CallSiteNs, 1.0 / 2.5),
        of_peer(Histogram, Plain, CallSiteNs, 1.0 / 2.5),
        times(CounterBound, OneThread, CallSiteNs, 1.5, Subject::Atomic, OneThread),
        times(CounterBound, TwoThreads, CallSiteNs, 1.25, Subject::OursGrpc, OneThread),
        of_peer(Collect, Plain, ProcessNs, 1.0 / 5.0),
        of_peer(Collect, Plain, Allocations, 1.0 / 100.0),
        absolute(Steady, Plain, ResidentKib, RESIDENT_KIB),
        times(DeadBackend, Refused, P50Ns, SAME_LATENCY, Subject::OursGrpc, Live),
        times(DeadBackend, Silent, P50Ns, SAME_LATENCY, Subject::OursGrpc, Live),
    ]);
    budgets
}

/// Holds `rows` against the budgets of the cases that were run.
pub(crate) fn verdicts(rows: &[Row]) -> Vec<Verdict> {
    let budgets = budgets().into_iter();
    budgets.filter(|budget| rows.iter().any(|row| row.case == budget.case)).map(|budget| budget.verdict(rows)).collect()
}

impl Budget {
    fn verdict(&self, rows: &[Row]) -> Verdict {
        let find = |subject, case| rows.iter().find(|row| row.subject == subject && row.case == case);
        let ours = find(self.subject, self.case);
        let (budget, limit, of) = match self.limit {
            Limit::Absolute(most) => (self.subject.to_string(), most, None),
            Limit::Times { most, of, variant } => {
                let which = if variant == self.case.variant { String::new() } else { format!(" ({variant})") };
                let of_case = Case { variant, ..self.case };
                (format!("{} / {of}{which}", self.subject), most, Some(find(of, of_case)))
            }
        };
        let figure = |row: Option<&Row>, value: fn(&Row, Metric) -> Option<f64>| {
            let numerator = value(row?, self.metric)?;
            match of {
                None => Some(numerator),
                Some(of) => Some(numerator / value(of?, self.metric)?),
            }
        };
        let floor = of.and_then(|_| figure(find(Subject::Floor, self.case), Row::min));
        Verdict {
            case: self.case,
            metric: self.metric,
            budget,
            measured: figure(ours, Row::min),
            median: figure(ours, Row::median),
            floor,
            limit,
            is_ratio: of.is_some(),
            gates: self.gates,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(subject: Subject, call_site_ns: f64) -> Row {
        let case = Case { workload: Workload::Counter, variant: Variant::Plain };
        Row { case, subject, delivery: None, values: [(Metric::CallSiteNs, vec![call_site_ns])].into() }
    }

    #[test]
    fn a_budget_is_met_exceeded_or_not_measured() {
        let met = verdicts(&[row(Subject::OursGrpc, 40.0), row(Subject::OtelGrpc, 100.0), row(Subject::Floor, 25.0)]);
        assert_eq!(met.len(), 1);
        assert_eq!((met[0].is_met(), met[0].floor), (Some(true), Some(0.25)));
        let exceeded = verdicts(&[row(Subject::OursGrpc, 41.0), row(Subject::OtelGrpc, 100.0)]);
        assert_eq!((exceeded[0].is_met(), exceeded[0].floor), (Some(false), None));
        assert_eq!(verdicts(&[row(Subject::OtelGrpc, 100.0)])[0].is_met(), None);
        assert!(verdicts(&[]).is_empty());
    }
}
