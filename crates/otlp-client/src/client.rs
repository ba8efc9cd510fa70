//! The client.

use std::{
    fmt,
    net::SocketAddr,
    sync::{Arc, mpsc},
    time::{Duration, Instant},
};

use otlp_batch::{Ledger, Pipeline, PoolSnapshot, QueueDepth, Report};
use otlp_core::{Signal, data::MetricData, propagation::Propagator};
use otlp_discovery::Discovery;
use otlp_reliability::{HealthChecker, NamedSnapshot};
use otlp_sdk::{
    logs::{Logger, LoggerProvider},
    metrics::{Meter, MeterProvider},
    trace::{Tracer, TracerProvider},
};

use tokio::sync::oneshot;

use crate::{
    ClientBuilder, LogFormat, LogLevel,
    diagnostics::{DiagnosticSeverity, Diagnostics},
    leaving,
    logging::Message,
    monitoring::{AlertManager, AlertRule, Monitoring, MonitoringError, PerformanceMonitor},
    policies::Policies,
    reload::Reloadable,
};

/// Takes traces, metrics and logs and delivers them to an OTLP backend, on a background thread of its own.
///
/// Clones are cheap and mean the same client. Recording never blocks and never fails, whatever becomes of the backend;
/// [`EnhancedOtlpClient::ledger`] says where every item went. Call [`EnhancedOtlpClient::shutdown`] or its blocking twin
/// before the program ends: dropping the last clone delivers only for a short time, and says what it lost.
///
/// ```no_run
/// use std::time::Duration;
/// use otlp_client::EnhancedOtlpClient;
///
/// let client = EnhancedOtlpClient::builder().with_endpoint("http://localhost:4317").build_blocking()?;
/// let mut span = client.tracer("shop").start("checkout");
/// span.set_attribute("order.items", 3);
/// span.end();
/// let report = client.shutdown_blocking(Duration::from_secs(5));
/// println!("{report}");
/// # Ok::<(), otlp_client::BuildError>(())
/// ```
#[derive(Clone)]
pub struct EnhancedOtlpClient {
    inner: Arc<Parts>,
}

/// What a client is made of.
pub(crate) struct Parts {
    pub(crate) pipeline: Pipeline,
    pub(crate) policies: Policies,
    pub(crate) reloading: Reloadable,
    pub(crate) discovery: Option<Discovery>,
    pub(crate) diagnostics: Arc<Diagnostics>,
    pub(crate) tracers: TracerProvider,
    pub(crate) meters: Arc<MeterProvider>,
    pub(crate) loggers: LoggerProvider,
    pub(crate) propagator: Arc<dyn Propagator>,
    pub(crate) monitoring: Monitoring,
}

impl EnhancedOtlpClient {
    /// Settings to begin with.
    pub fn builder() -> ClientBuilder {
        ClientBuilder::new()
    }

    pub(crate) fn new(parts: Parts) -> Self {
        EnhancedOtlpClient { inner: Arc::new(parts) }
    }

    /// A tracer for the part of the program called `name`.
    pub fn tracer(&self, name: &str) -> Tracer {
        self.inner.tracers.tracer(name)
    }

    /// A meter for the part of the program called `name`.
    pub fn meter(&self, name: &str) -> Meter {
        self.inner.meters.meter(name)
    }

    /// A logger for the part of the program called `name`.
    pub fn logger(&self, name: &str) -> Logger {
        self.inner.loggers.logger(name)
    }

    /// The source of tracers, for scopes with a version, a schema or attributes.
    pub fn tracer_provider(&self) -> &TracerProvider {
        &self.inner.tracers
    }

    /// The source of meters, for scopes with a version, a schema or attributes.
    pub fn meter_provider(&self) -> &MeterProvider {
        &self.inner.meters
    }

    /// The source of loggers, for scopes with a version, a schema or attributes.
    pub fn logger_provider(&self) -> &LoggerProvider {
        &self.inner.loggers
    }

    /// The format in which contexts travel to other processes and back. Without propagation it writes and reads nothing.
    pub fn propagator(&self) -> &dyn Propagator {
        &*self.inner.propagator
    }

    /// The metrics as they are now, without sending or resetting anything. None where the client does not record metrics,
    /// because they are switched off or nobody takes them.
    pub fn read_metrics(&self) -> Vec<MetricData> {
        self.inner.meters.read()
    }

    /// Where every item went that was meant for the OTLP endpoint.
    pub fn ledger(&self) -> Ledger {
        self.ledgers().into_iter().next().unwrap_or_default()
    }

    /// The ledger of each destination: the OTLP endpoint first, then custom exporters in their order.
    pub fn ledgers(&self) -> Vec<Ledger> {
        self.inner.pipeline.ledgers()
    }

    /// What waits for the OTLP endpoint and what is in flight to it.
    pub fn queue_depth(&self, signal: Signal) -> QueueDepth {
        self.inner.pipeline.queue_depths(signal).into_iter().next().unwrap_or_default()
    }

    /// How the client's policies stand and what they have done: the circuit breaker of each endpoint
    /// (`http://localhost:4317/circuit_breaker`), and of each destination the retry (`otlp (grpc)/retry`), the timeout of
    /// a custom exporter, and the bulkhead that limits what is in flight, by signal (`otlp (grpc)/traces/bulkhead`).
    pub fn policies(&self) -> Vec<NamedSnapshot> {
        self.inner.policies.figures()
    }

    /// Finds services, the receivers among them if they are several, if the client was built with
    /// [`with_service_discovery`](ClientBuilder::with_service_discovery) or
    /// [`with_endpoints`](ClientBuilder::with_endpoints). It watches for as long as the client delivers.
    pub fn service_discovery(&self) -> Option<&Discovery> {
        self.inner.discovery.as_ref()
    }

    /// How large the memory pool is, what is in use of it, and how it came to that.
    pub fn memory_pool(&self) -> PoolSnapshot {
        self.inner.pipeline.memory_pool()
    }

    /// How many log records were folded into identical ones ([`LogAggregation`](otlp_sdk::logs::LogAggregation)): they were
    /// emitted, and the count of another record speaks of them. The ledger knows only of what was sent.
    pub fn folded_log_records(&self) -> u64 {
        self.inner.loggers.folded_records()
    }

    pub(crate) fn reloading(&self) -> &Reloadable {
        &self.inner.reloading
    }

    /// Changes how often metrics are collected and sent: the next time after this interval from now. What is outside
    /// of 1 ms to 1 day is taken for the nearer of the two.
    pub fn set_metric_interval(&self, interval: Duration) {
        self.inner.pipeline.set_metric_interval(interval);
    }

    /// Changes which messages about itself the client prints and in which format, from the next one on.
    pub fn set_log_output(&self, level: LogLevel, format: LogFormat) {
        self.inner.diagnostics.output().set(level, format);
    }

    /// How many bytes of memory the records between call site and acknowledgement occupy.
    pub fn memory_in_use(&self) -> usize {
        self.inner.pipeline.memory_in_use()
    }

    /// What tells what the client is doing, in figures. They are the same at each call.
    ///
    /// # Errors
    ///
    /// None so far.
    pub async fn get_performance_monitor(&self) -> Result<PerformanceMonitor, MonitoringError> {
        Ok(self.inner.monitoring.performance.clone())
    }

    /// What tells how the client is: whether its thread runs, its endpoints answer, and its queues, memory and disks have
    /// room. Checks of your own can be added. It is the same at each call, and runs already if the client has a health
    /// endpoint; those that are added then run on the client's background thread, and must not block.
    ///
    /// # Errors
    ///
    /// None so far.
    pub async fn get_health_checker(&self) -> Result<HealthChecker, MonitoringError> {
        Ok(self.inner.monitoring.health.clone())
    }

    /// What watches the figures of the client and tells when something is amiss. It is the same at each call.
    ///
    /// # Errors
    ///
    /// None so far.
    pub async fn get_alert_manager(&self) -> Result<AlertManager, MonitoringError> {
        Ok(self.inner.monitoring.alerts.clone())
    }

    /// Watches these rules from now on, or the default ones.
    pub(crate) fn replace_alert_rules(&self, rules: Option<Vec<AlertRule>>) -> Result<(), MonitoringError> {
        self.inner.monitoring.alerts.set_rules_or_default(rules)
    }

    /// Where the health endpoint listens, if there is one
    /// ([`with_monitoring`](crate::ClientBuilder::with_monitoring)).
    pub fn monitoring_address(&self) -> Option<SocketAddr> {
        self.inner.monitoring.address
    }

    /// Delivers everything that was recorded before the call, on all threads, metrics included; waits for at most
    /// `deadline`. Waits between attempts end at once.
    ///
    /// Cancelling the future stops the waiting and not the flush.
    pub async fn flush(&self, deadline: Duration) -> Report {
        self.inner.reported("flush", self.inner.pipeline.flush(deadline).await)
    }

    /// As [`EnhancedOtlpClient::flush`], blocking. Works inside and outside of any runtime.
    pub fn flush_blocking(&self, deadline: Duration) -> Report {
        self.inner.reported("flush", self.inner.pipeline.flush_blocking(deadline))
    }

    /// Sees to it that everything that was recorded before the call is in the disk queue, unless it is delivered; waits
    /// for at most `deadline`. [`Report::durable`] says whether that is so: then neither a crash nor a power cut loses it.
    /// Metrics are collected first, and part of it. Without a disk queue, it waits for the delivery.
    ///
    /// Cancelling the future stops the waiting and nothing else.
    pub async fn persist(&self, deadline: Duration) -> Report {
        self.inner.reported("persist", self.inner.pipeline.persist(deadline).await)
    }

    /// As [`EnhancedOtlpClient::persist`], blocking. Works inside and outside of any runtime.
    pub fn persist_blocking(&self, deadline: Duration) -> Report {
        self.inner.reported("persist", self.inner.pipeline.persist_blocking(deadline))
    }

    /// Takes no more records, delivers what there is, and ends the background thread. What is not delivered after
    /// `deadline` is kept in the disk queue, for which the last quarter of that time is set aside, at most a second.
    /// Without one, it is dropped and counted.
    ///
    /// Cancelling the future stops the waiting and not the shutdown.
    pub async fn shutdown(&self, deadline: Duration) -> Report {
        let begun = Instant::now();
        let (sender, left) = oneshot::channel();
        if self.leave(deadline, move || {
            let _ = sender.send(());
        }) {
            let _ = left.await;
        }
        let rest = deadline.saturating_sub(begun.elapsed());
        self.inner.reported("shutdown", self.inner.pipeline.shutdown(rest).await)
    }

    /// As [`EnhancedOtlpClient::shutdown`], blocking. Works inside and outside of any runtime.
    pub fn shutdown_blocking(&self, deadline: Duration) -> Report {
        let begun = Instant::now();
        let (sender, left) = mpsc::sync_channel(1);
        if self.leave(deadline, move || {
            let _ = sender.send(());
        }) {
            let _ = left.recv_timeout(leaving::limit(deadline));
        }
        let rest = deadline.saturating_sub(begun.elapsed());
        self.inner.reported("shutdown", self.inner.pipeline.shutdown_blocking(rest))
    }

    /// Takes this service out of the registry, and tells the alerts that are not told, if there are any; then begins the
    /// shutdown, whoever waits for it. `false` if there is nothing of this, and nothing happens.
    fn leave(&self, deadline: Duration, told: impl FnOnce() + Send + 'static) -> bool {
        let alerts = &self.inner.monitoring.alerts;
        let registered = self.inner.discovery.clone().filter(Discovery::is_registered);
        if registered.is_none() && !alerts.is_telling() {
            return false;
        }
        let (limit, alerts, inner) = (leaving::limit(deadline), alerts.clone(), Arc::clone(&self.inner));
        let before = async move {
            let deregistered = async {
                if let Some(discovery) = registered {
                    // Where it cannot be told, the registry finds out by itself.
                    let _ = discovery.deregister(limit).await;
                }
            };
            tokio::join!(deregistered, alerts.tell_the_rest(limit));
        };
        let shut_down = move |rest| async move { inner.pipeline.shutdown(rest).await };
        leaving::leave(self.inner.pipeline.runtime(), deadline, before, shut_down, told);
        true
    }
}

impl Parts {
    /// Says how a flush, a persist or a shutdown went.
    fn reported(&self, what: &'static str, report: Report) -> Report {
        self.diagnostics.say_with(DiagnosticSeverity::Debug, || {
            Message::from(format!("{what}: {report}")).field("complete", report.complete)
        });
        report
    }
}

impl fmt::Debug for EnhancedOtlpClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EnhancedOtlpClient").field("ledgers", &self.ledgers()).finish_non_exhaustive()
    }
}
