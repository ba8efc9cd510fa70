//! The measurements of a child process: one subject, one workload, one kind of figure.

mod bound;
mod collect;
mod dead_backend;
mod steady;
mod throughput;
mod transport;

use crate::{
    Failure,
    catalogue::{Case, Measure, Subject, Workload},
    counting_allocator,
    cpu::ProcessCpu,
    sample::{Metric, Sample},
};

/// What a child process has to do.
#[derive(Debug, Clone)]
pub(crate) struct Job {
    pub(crate) subject: Subject,
    pub(crate) case: Case,
    pub(crate) measure: Measure,
    /// Host and port of the null receiver.
    pub(crate) receiver: String,
    /// A tenth of the work: to see that all runs, not for figures.
    pub(crate) quick: bool,
}

impl Job {
    /// A number of items or of nanoseconds, less if quick.
    fn scaled(&self, full: u64) -> u64 {
        if self.quick { full / 10 } else { full }
    }

    /// The CPU time that the kernel's clock needs to be exact to well below a percent, whatever threads lag behind.
    fn least_cpu_ns(&self) -> u64 {
        self.scaled(1_000_000_000)
    }
}

/// Does `job`; `None` if the subject does not offer what it needs.
pub(crate) fn run(job: &Job) -> Result<Option<Sample>, Failure> {
    match job.case.workload {
        Workload::Traces | Workload::Logs | Workload::Counter | Workload::Histogram => throughput::run(job),
        Workload::CounterBound => bound::run(job),
        Workload::Collect => collect::run(job),
        Workload::Steady => steady::run(job),
        Workload::DeadBackend => dead_backend::run(job),
        Workload::Transport => transport::run(job),
    }
}

/// Repeats `pass` until enough CPU time has gone by, and takes down what the job asks for of the whole process, per item.
/// Passes tell how many items they did.
fn whole_process(job: &Job, mut pass: impl FnMut() -> Result<u64, Failure>) -> Result<(Sample, u64), Failure> {
    if job.measure == Measure::Allocations {
        counting_allocator::start_counting();
    }
    let process = ProcessCpu::start()?;
    let mut items = pass()?;
    while job.measure == Measure::Cpu && process.elapsed()? < job.least_cpu_ns() {
        items += pass()?;
    }
    let mut sample = Sample::default();
    match job.measure {
        Measure::Cpu => sample.metrics.insert(Metric::ProcessNs, process.elapsed()? as f64 / items as f64),
        Measure::Allocations => {
            sample.metrics.insert(Metric::Allocations, counting_allocator::counted() as f64 / items as f64)
        }
        Measure::Latency => None,
    };
    Ok((sample, items))
}
