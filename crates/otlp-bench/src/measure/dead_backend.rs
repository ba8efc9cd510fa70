//! Latency at the call site at 20,000 spans a second, with a backend in one state or another.
//!
//! The queue is small, so that with a dead backend it is full for most of the time, as it is after a day of it.

use std::net::TcpListener;

use super::{Job, steady::each_millisecond};
use crate::{
    Failure,
    catalogue::Variant,
    content::SPANS_PER_TREE,
    sample::{Metric, Sample},
    stopwatch::Stopwatch,
    subject::{self, Kind, Setup},
};

const TREES_PER_MS: u64 = 2;

pub(super) fn run(job: &Job) -> Result<Option<Sample>, Failure> {
    // Bound and listening, so the kernel completes connections that nobody will ever accept.
    let silent = TcpListener::bind("127.0.0.1:0")?;
    let receiver = match job.case.variant {
        Variant::Silent => silent.local_addr()?.to_string(),
        Variant::Refused => {
            let address = silent.local_addr()?;
            drop(silent);
            address.to_string()
        }
        _ => job.receiver.clone(),
    };
    let setup = Setup { receiver, queue_items: 8_192 };
    let Some(producer) = subject::producer(job.subject, Kind::Spans, &setup)? else {
        return Ok(None);
    };
    let milliseconds = job.scaled(3_000);
    let warm_up = milliseconds / 5;
    let mut stopwatch = Stopwatch::on()?;
    each_millisecond(milliseconds, |millisecond| {
        if millisecond == warm_up {
            stopwatch.clear();
        }
        producer.produce(millisecond * TREES_PER_MS..(millisecond + 1) * TREES_PER_MS, &mut stopwatch);
        Ok(())
    })?;
    let mut sample = Sample::default();
    for (metric, share) in [(Metric::P50Ns, 0.5), (Metric::P99Ns, 0.99), (Metric::P999Ns, 0.999)] {
        sample.metrics.extend(stopwatch.quantile(share).map(|latency| (metric, latency)));
    }
    if job.case.variant == Variant::Live {
        producer.flush()?;
        sample.sent = Some(milliseconds * TREES_PER_MS * SPANS_PER_TREE);
    }
    Ok(Some(sample))
}
