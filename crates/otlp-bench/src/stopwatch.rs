//! Times single calls, when asked to: the clock costs as much as a small call, so CPU figures are taken without it.

use std::time::Instant;

use hdrhistogram::Histogram;

use crate::Failure;

/// A recorder of call-site latencies that may be off.
pub(crate) struct Stopwatch {
    latencies: Option<Histogram<u64>>,
}

impl Stopwatch {
    /// Records nothing.
    pub(crate) fn off() -> Self {
        Stopwatch { latencies: None }
    }

    /// Records from a nanosecond to ten seconds with three digits, in memory taken here.
    pub(crate) fn on() -> Result<Self, Failure> {
        Ok(Stopwatch { latencies: Some(Histogram::new_with_bounds(1, 10_000_000_000, 3)?) })
    }

    /// The beginning of a call.
    #[inline]
    pub(crate) fn start(&self) -> Option<Instant> {
        self.latencies.is_some().then(Instant::now)
    }

    /// The end of the call that began with [`start`](Self::start).
    #[inline]
    pub(crate) fn stop(&mut self, start: Option<Instant>) {
        if let (Some(latencies), Some(start)) = (&mut self.latencies, start) {
            latencies.saturating_record(start.elapsed().as_nanos() as u64);
        }
    }

    /// Forgets what was recorded, such as that of the warm-up.
    pub(crate) fn clear(&mut self) {
        if let Some(latencies) = &mut self.latencies {
            latencies.reset();
        }
    }

    /// The latency in nanoseconds that this share (0 to 1) of the calls stayed within; `None` when off.
    pub(crate) fn quantile(&self, share: f64) -> Option<f64> {
        self.latencies.as_ref().map(|latencies| latencies.value_at_quantile(share) as f64)
    }
}
