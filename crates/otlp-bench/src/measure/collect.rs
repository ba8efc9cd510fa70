//! Collection and export of many series: CPU and allocations of the whole process for each.

use super::{Job, whole_process};
use crate::{
    Failure,
    catalogue::Measure,
    content::{COUNTER_SERIES, HISTOGRAM_SERIES},
    resident,
    sample::{Metric, Sample},
    stopwatch::Stopwatch,
    subject::{self, Kind, Setup},
};

const SERIES: u64 = COUNTER_SERIES + HISTOGRAM_SERIES;

pub(super) fn run(job: &Job) -> Result<Option<Sample>, Failure> {
    let setup = Setup { receiver: job.receiver.clone(), queue_items: SERIES as usize };
    let Some(producer) = subject::producer(job.subject, Kind::Series, &setup)? else {
        return Ok(None);
    };
    producer.produce(0..SERIES, &mut Stopwatch::off());
    const WARM_UP: u64 = 3;
    for _ in 0..WARM_UP {
        producer.flush()?;
    }
    let (mut sample, collections) = whole_process(job, || {
        producer.flush()?;
        Ok(1)
    })?;
    if job.measure == Measure::Cpu {
        sample.metrics.insert(Metric::PeakResidentKib, resident::peak_kib()? as f64);
    }
    sample.sent = Some((WARM_UP + collections) * SERIES);
    Ok(Some(sample))
}
