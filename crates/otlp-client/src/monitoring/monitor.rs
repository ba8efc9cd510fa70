//! [`PerformanceMonitor`]: what a client is doing, read by the program.

use std::{fmt, sync::Arc};

use tokio::runtime::Handle;

use super::{
    MonitoringError, PerformanceSnapshot, Source,
    sampler::{Sampler, Wanted},
};

/// Tells what a client is doing: items per second, latencies, queues, memory, what was dropped and why.
///
/// Totals and what is in the queues can be read at any time. Once started, it samples once a second on the client's
/// background thread, and knows the figures of the last minute too. The threads that record pay nothing for it.
///
/// It is a handle: clones are the same monitor, and keep no client alive. After the client has ended it shows its last
/// figures.
///
/// ```no_run
/// # async fn run(client: otlp_client::EnhancedOtlpClient) -> Result<(), Box<dyn std::error::Error>> {
/// use otlp_core::Signal;
///
/// let monitor = client.get_performance_monitor().await?;
/// monitor.start().await?;
/// // … some time later
/// let figures = monitor.snapshot();
/// let traces = figures.destinations[0].signal(Signal::Traces);
/// println!("{:?} spans/s delivered, {} waiting", traces.delivered.ten_seconds, traces.queue.waiting_items);
/// if let Some(latency) = traces.recent_latency {
///     println!("p99 of an attempt: {:?}", latency.p99);
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct PerformanceMonitor {
    sampler: Arc<Sampler>,
}

impl PerformanceMonitor {
    pub(super) fn new(source: Arc<Source>, runtime: Handle) -> Self {
        PerformanceMonitor { sampler: Arc::new(Sampler::new(source, runtime)) }
    }

    /// Samples from now on, once a second. A monitor that samples already goes on as it is.
    ///
    /// # Errors
    ///
    /// [`MonitoringError::ShutDown`] after the shutdown of the client.
    pub async fn start(&self) -> Result<(), MonitoringError> {
        if self.source().pipeline.is_shut_down() {
            return Err(MonitoringError::ShutDown);
        }
        self.sampler.start(Wanted::ByMonitor);
        Ok(())
    }

    /// Ends the samples and forgets them, unless alerts need them: figures over windows are none from then on.
    pub fn stop(&self) {
        self.sampler.stop(Wanted::ByMonitor);
    }

    /// Whether it was started, and neither stopped nor ended with the client.
    pub fn is_running(&self) -> bool {
        self.sampler.is_wanted(Wanted::ByMonitor) && !self.source().pipeline.is_shut_down()
    }

    /// The figures as they are now. Takes short locks and waits for nothing.
    pub fn snapshot(&self) -> PerformanceSnapshot {
        self.source().snapshot()
    }

    pub(super) fn source(&self) -> &Arc<Source> {
        &self.sampler.source
    }

    pub(super) fn sampler(&self) -> &Sampler {
        &self.sampler
    }
}

impl fmt::Debug for PerformanceMonitor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PerformanceMonitor").field("is_running", &self.is_running()).finish_non_exhaustive()
    }
}
