//! Items as fast as a thread can record them: CPU at the call site and of the whole process until all is delivered,
//! allocations, latency.

use super::{Job, whole_process};
use crate::{
    Failure,
    catalogue::{Measure, Variant, Workload},
    content::{ROUTES, SPANS_PER_TREE},
    cpu, resident,
    sample::{Metric, Sample},
    stopwatch::Stopwatch,
    subject::{self, Kind, Setup},
};

/// Items between two flushes, where there are any.
const FLUSH_EVERY: u64 = 8_000;

pub(super) fn run(job: &Job) -> Result<Option<Sample>, Failure> {
    let (kind, items_per_index, items_per_pass) = match job.case.workload {
        Workload::Traces => (Kind::Spans, SPANS_PER_TREE, 96_000),
        Workload::Logs => (Kind::LogRecords, 1, 192_000),
        Workload::Histogram => (Kind::Recordings, 1, 2_000_000),
        _ => (Kind::Additions, 1, 2_000_000),
    };
    let items_per_pass = job.scaled(items_per_pass).next_multiple_of(FLUSH_EVERY);
    let portion = if job.case.variant == Variant::Flushed { FLUSH_EVERY } else { items_per_pass } / items_per_index;
    let indices_per_pass = items_per_pass / items_per_index;

    let setup = Setup { receiver: job.receiver.clone(), queue_items: items_per_pass as usize + 1 };
    let Some(producer) = subject::producer(job.subject, kind, &setup)? else {
        return Ok(None);
    };
    let mut stopwatch = if job.measure == Measure::Latency { Stopwatch::on()? } else { Stopwatch::off() };
    let mut call_site_ns = 0;
    let mut flushes = 0;
    let mut pass = |stopwatch: &mut Stopwatch, call_site_ns: &mut u64| -> Result<u64, Failure> {
        for first in (0..indices_per_pass).step_by(portion as usize) {
            let start = cpu::of_this_thread()?;
            producer.produce(first..first + portion, stopwatch);
            *call_site_ns += cpu::of_this_thread()? - start;
            producer.flush()?;
            flushes += 1;
        }
        Ok(items_per_pass)
    };

    // The first pass connects, starts threads and touches memory for the first time.
    let warmed_up = pass(&mut stopwatch, &mut call_site_ns)?;
    stopwatch.clear();
    call_site_ns = 0;
    let (mut sample, items) = whole_process(job, || pass(&mut stopwatch, &mut call_site_ns))?;

    if job.measure == Measure::Cpu {
        sample.metrics.insert(Metric::CallSiteNs, call_site_ns as f64 / items as f64);
        sample.metrics.insert(Metric::PeakResidentKib, resident::peak_kib()? as f64);
    }
    for (metric, share) in [(Metric::P50Ns, 0.5), (Metric::P99Ns, 0.99), (Metric::P999Ns, 0.999)] {
        sample.metrics.extend(stopwatch.quantile(share).map(|latency| (metric, latency)));
    }
    sample.sent = Some(match kind {
        Kind::Spans | Kind::LogRecords => warmed_up + items,
        // Cumulative: each flush sends a point of each series.
        _ => flushes * ROUTES.len() as u64,
    });
    Ok(Some(sample))
}
