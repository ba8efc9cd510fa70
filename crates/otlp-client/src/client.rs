//! The client.

use std::{fmt, sync::Arc, time::Duration};

use otlp_batch::{Ledger, Pipeline, QueueDepth, Report};
use otlp_core::{Signal, data::MetricData, propagation::Propagator};
use otlp_reliability::NamedSnapshot;
use otlp_sdk::{
    logs::{Logger, LoggerProvider},
    metrics::{Meter, MeterProvider},
    trace::{Tracer, TracerProvider},
};

use crate::{
    ClientBuilder, LogFormat, LogLevel,
    diagnostics::{DiagnosticSeverity, Diagnostics},
    logging::Message,
    policies::Policies,
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
    inner: Arc<Inner>,
}

struct Inner {
    pipeline: Pipeline,
    policies: Policies,
    diagnostics: Arc<Diagnostics>,
    tracers: TracerProvider,
    meters: Arc<MeterProvider>,
    loggers: LoggerProvider,
    propagator: Arc<dyn Propagator>,
}

impl EnhancedOtlpClient {
    /// Settings to begin with.
    pub fn builder() -> ClientBuilder {
        ClientBuilder::new()
    }

    pub(crate) fn new(
        pipeline: Pipeline,
        policies: Policies,
        diagnostics: Arc<Diagnostics>,
        tracers: TracerProvider,
        meters: Arc<MeterProvider>,
        loggers: LoggerProvider,
        propagator: Arc<dyn Propagator>,
    ) -> Self {
        EnhancedOtlpClient {
            inner: Arc::new(Inner { pipeline, policies, diagnostics, tracers, meters, loggers, propagator }),
        }
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

    /// The metrics as they are now, without sending or resetting anything.
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

    /// How many log records were folded into identical ones ([`LogAggregation`](otlp_sdk::logs::LogAggregation)): they were
    /// emitted, and the count of another record speaks of them. The ledger knows only of what was sent.
    pub fn folded_log_records(&self) -> u64 {
        self.inner.loggers.folded_records()
    }

    /// Changes which messages about itself the client prints and in which format, from the next one on.
    pub fn set_log_output(&self, level: LogLevel, format: LogFormat) {
        self.inner.diagnostics.output().set(level, format);
    }

    /// How many bytes of memory the records between call site and acknowledgement occupy.
    pub fn memory_in_use(&self) -> usize {
        self.inner.pipeline.memory_in_use()
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
    /// Metrics that were not collected yet are not part of it. Without a disk queue, it waits for the delivery.
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
        self.inner.reported("shutdown", self.inner.pipeline.shutdown(deadline).await)
    }

    /// As [`EnhancedOtlpClient::shutdown`], blocking. Works inside and outside of any runtime.
    pub fn shutdown_blocking(&self, deadline: Duration) -> Report {
        self.inner.reported("shutdown", self.inner.pipeline.shutdown_blocking(deadline))
    }
}

impl Inner {
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
