//! A steady 100,000 spans a second: resident memory while at it, and CPU.

use std::{
    thread,
    time::{Duration, Instant},
};

use super::Job;
use crate::{
    Failure,
    content::SPANS_PER_TREE,
    cpu::ProcessCpu,
    resident,
    sample::{Metric, Sample},
    stopwatch::Stopwatch,
    subject::{self, Kind, Setup},
};

const SPANS_PER_MS: u64 = 100;

pub(super) fn run(job: &Job) -> Result<Option<Sample>, Failure> {
    // As much as a peer of default settings may fall behind in two thirds of a second, on a busy machine.
    let setup = Setup { receiver: job.receiver.clone(), queue_items: 65_536 };
    let Some(producer) = subject::producer(job.subject, Kind::Spans, &setup)? else {
        return Ok(None);
    };
    let milliseconds = job.scaled(10_000);
    let trees_per_ms = SPANS_PER_MS / SPANS_PER_TREE;
    let process = ProcessCpu::start()?;
    let mut most_resident = 0;
    each_millisecond(milliseconds, |millisecond| {
        producer.produce(millisecond * trees_per_ms..(millisecond + 1) * trees_per_ms, &mut Stopwatch::off());
        // The first tenth is the start: connection, first buffers.
        if millisecond > milliseconds / 10 && millisecond % 50 == 0 {
            most_resident = most_resident.max(resident::now_kib()?);
        }
        Ok(())
    })?;
    producer.flush()?;
    let spans = milliseconds * SPANS_PER_MS;
    Ok(Some(Sample {
        sent: Some(spans),
        metrics: [
            (Metric::ProcessNs, process.elapsed()? as f64 / spans as f64),
            (Metric::ResidentKib, most_resident as f64),
            (Metric::PeakResidentKib, resident::peak_kib()? as f64),
        ]
        .into(),
    }))
}

/// Calls `act` at each millisecond's beginning; those that are missed are made up for at once.
pub(super) fn each_millisecond(count: u64, mut act: impl FnMut(u64) -> Result<(), Failure>) -> Result<(), Failure> {
    let start = Instant::now();
    for millisecond in 0..count {
        let due = Duration::from_millis(millisecond);
        if let Some(early) = due.checked_sub(start.elapsed()) {
            thread::sleep(early);
        }
        act(millisecond)?;
    }
    Ok(())
}
