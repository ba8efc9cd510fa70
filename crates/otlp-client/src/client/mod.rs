//! The client: what it is made of, and what records into it.

mod ending;
mod figures;

use std::{fmt, sync::Arc, time::Duration};

use otlp_batch::Pipeline;
use otlp_core::propagation::Propagator;
use otlp_discovery::Discovery;
use otlp_sdk::{
    logs::{Logger, LoggerProvider},
    metrics::{Meter, MeterProvider},
    trace::{Tracer, TracerProvider},
};

use crate::{
    ClientBuilder, LogFormat, LogLevel,
    diagnostics::Diagnostics,
    monitoring::{AlertRule, Monitoring, MonitoringError},
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

    /// Watches these rules from now on, or the default ones.
    pub(crate) fn replace_alert_rules(&self, rules: Option<Vec<AlertRule>>) -> Result<(), MonitoringError> {
        self.inner.monitoring.alerts.set_rules_or_default(rules)
    }
}

impl fmt::Debug for EnhancedOtlpClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EnhancedOtlpClient").field("ledgers", &self.ledgers()).finish_non_exhaustive()
    }
}
