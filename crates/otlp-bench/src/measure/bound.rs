//! Additions to a bound counter, on one thread and on two at once.

use std::{sync::Barrier, thread};

use super::Job;
use crate::{
    Failure,
    catalogue::Variant,
    cpu,
    sample::{Metric, Sample},
    subject::{self, Setup},
};

pub(super) fn run(job: &Job) -> Result<Option<Sample>, Failure> {
    let setup = Setup { receiver: job.receiver.clone(), queue_items: 1 };
    let Some(counter) = subject::bound_counter(job.subject, &setup)? else {
        return Ok(None);
    };
    let threads = if job.case.variant == Variant::TwoThreads { 2 } else { 1 };
    let times = job.scaled(100_000_000);
    let start_line = Barrier::new(threads);
    let start_line = &start_line;
    let cpu_ns = thread::scope(|scope| {
        let threads: Vec<_> = (0..threads)
            .map(|_| {
                scope.spawn(move || -> Result<u64, Failure> {
                    counter.add(times / 100);
                    start_line.wait();
                    let start = cpu::of_this_thread()?;
                    counter.add(times);
                    Ok(cpu::of_this_thread()? - start)
                })
            })
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().map_err(|_| "a counting thread panicked")?)
            .sum::<Result<u64, _>>()
    })?;
    let per_add = cpu_ns as f64 / (times * threads as u64) as f64;
    Ok(Some(Sample { sent: None, metrics: [(Metric::CallSiteNs, per_add)].into() }))
}
