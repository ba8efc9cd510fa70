//! A service's client and instruments, named as the semantic conventions name them where they do.

use std::{
    process,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use otlp::{
    config::{BatchConfig, RetryPolicy},
    core::{BuildError, EnhancedOtlpClient},
    data::Severity,
    logs::{LogRecord, Logger},
    metrics::{Counter, Histogram, Meter, UpDownCounter},
    trace::Tracer,
};

use super::reports::Reports;
use crate::demo::{
    evidence::Witness,
    message::{Report, Settings},
    topology::Service,
};

/// Advised for `http.server.request.duration` and its twin by the semantic conventions, in seconds.
const DURATIONS: [f64; 14] = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0];

/// What a service records with.
pub(super) struct Telemetry {
    pub(super) client: EnhancedOtlpClient,
    pub(super) witness: Arc<Witness>,
    pub(super) tracer: Tracer,
    pub(super) meter: Meter,
    pub(super) requests: Counter<u64>,
    pub(super) server_durations: Histogram<f64>,
    pub(super) client_durations: Histogram<f64>,
    pub(super) active_requests: UpDownCounter<i64>,
    logger: Logger,
    service: Service,
    log_records: AtomicU64,
}

impl Telemetry {
    /// Builds the client, which hands the fate of each item to a witness and what it has to say to `reports`.
    pub(super) fn start(service: Service, settings: &Settings, reports: Reports) -> Result<Self, BuildError> {
        let witness = Arc::new(Witness::new(service.name()));
        // Everything is quicker than the defaults, so that a demo of twenty seconds shows what takes minutes elsewhere.
        let batch =
            BatchConfig { max_batch_size: 256, batch_timeout: Duration::from_millis(200), ..BatchConfig::default() };
        let retry = RetryPolicy::new()
            .with_max_attempts(None)
            .with_initial_delay(Duration::from_millis(100))
            .with_max_delay(Duration::from_millis(800))
            .with_max_elapsed(None);
        let mut builder = EnhancedOtlpClient::builder()
            .with_endpoint(&settings.endpoint)
            .with_protocol(settings.protocol.protocol())
            .with_compression(settings.compression.compression())
            .with_service_name(service.name())
            .with_resource_attribute("service.namespace", "shop")
            .with_resource_attribute("service.instance.id", process::id().to_string())
            .with_timeout(Duration::from_secs(3))
            .with_connect_timeout(Duration::from_secs(1))
            .with_batch_config(batch)
            .with_retry_policy(retry)
            .with_metric_interval(Duration::from_secs(1))
            .with_delivery_observer(witness.clone())
            .with_diagnostics(move |diagnostic| reports.offer(Report::Said(diagnostic.to_string())));
        if !settings.environment {
            builder = builder.without_environment();
        }
        let client = builder.build_blocking()?;

        let meter = client.meter("shop");
        let started = Instant::now();
        // The meter keeps the callback.
        let _ = meter
            .f64_observable_gauge("process.uptime")
            .with_description("The time the process has been running")
            .with_unit("s")
            .with_callback(move |observer| observer.observe(started.elapsed().as_secs_f64(), &()))
            .init();
        Ok(Telemetry {
            tracer: client.tracer("shop"),
            logger: client.logger("shop"),
            requests: meter
                .u64_counter("shop.requests")
                .with_description("Requests served, by how they ended")
                .with_unit("{request}")
                .init(),
            server_durations: meter
                .f64_histogram("http.server.request.duration")
                .with_description("Duration of HTTP server requests")
                .with_unit("s")
                .with_boundaries(DURATIONS)
                .init(),
            client_durations: meter
                .f64_histogram("http.client.request.duration")
                .with_description("Duration of HTTP client requests")
                .with_unit("s")
                .with_boundaries(DURATIONS)
                .init(),
            active_requests: meter
                .i64_up_down_counter("http.server.active_requests")
                .with_description("Number of active HTTP server requests")
                .with_unit("{request}")
                .init(),
            meter,
            client,
            witness,
            service,
            log_records: AtomicU64::new(0),
        })
    }

    /// A log record to be completed and emitted. Its `log.record.uid` lets it be told from all others.
    pub(super) fn log(&self, severity: Severity, body: &str) -> LogRecord<'_> {
        let number = self.log_records.fetch_add(1, Ordering::Relaxed);
        let uid = format!("{}-{}-{number}", self.service, process::id());
        self.logger.record(severity).body(body).attribute("log.record.uid", uid)
    }
}
