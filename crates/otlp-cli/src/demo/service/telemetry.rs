//! A service's client and instruments, named as the semantic conventions name them where they do.

use std::{
    process,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use otlp::{
    Signal,
    config::{BatchConfig, BatchLimits, DiskQueueConfig, Durability, RetryPolicy},
    core::{BuildError, EnhancedOtlpClient},
    data::Severity,
    logs::{LogRecord, Logger},
    metrics::{Counter, Histogram, Meter, UpDownCounter},
    trace::{Span, Tracer},
};

use super::{found::FoundReceivers, reports::Reports};
use crate::demo::{
    evidence::{ItemId, Witness},
    message::{Report, Settings},
    receivers::ReceiverAddresses,
    topology::{ExportProtocol, Service},
};

/// Advised for `http.server.request.duration` and its twin by the semantic conventions, in seconds.
const DURATIONS: [f64; 14] = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0];

/// How often what was recorded is made durable, and how long that may take, where a service may be killed.
const CONFIRM: Duration = Duration::from_millis(250);
const CONFIRM_WITHIN: Duration = Duration::from_secs(2);

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
    /// Where its receivers are, if they are found.
    receivers: Option<FoundReceivers>,
    protocol: ExportProtocol,
    service: Service,
    log_records: AtomicU64,
    /// For a service that may be killed.
    journal: Option<Journal>,
}

/// What a service that may be killed tells of its items before their fate.
struct Journal {
    reports: Reports,
    /// What was recorded and is not confirmed as durable.
    recorded: Mutex<Vec<ItemId>>,
}

impl Telemetry {
    /// Builds the client, which hands the fate of each item to a witness and what it has to say to `reports`.
    pub(super) fn start(service: Service, settings: &Settings, reports: Reports) -> Result<Self, BuildError> {
        let witness = Arc::new(Witness::new(service.name()));
        // Everything is quicker than the defaults, so that a demo of twenty seconds shows what takes minutes elsewhere.
        let batch =
            BatchConfig { max_batch_size: 256, batch_timeout: Duration::from_millis(200), ..BatchConfig::default() };
        let limits = BatchLimits { catch_up_percent: Some(1_000), ..BatchLimits::default() };
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
            .with_batch_limits(limits)
            .with_retry_policy(retry)
            .with_metric_interval(Duration::from_secs(1))
            .with_delivery_observer(witness.clone());
        let receivers = settings.receivers.as_ref().map(|all| FoundReceivers::new(all.of(settings.protocol)));
        if let Some(receivers) = &receivers {
            let (discovery, balancer) = receivers.settings();
            builder = builder.with_service_discovery(discovery).with_load_balancer(balancer);
        }
        let journal =
            settings.queue.is_some().then(|| Journal { reports: reports.clone(), recorded: Mutex::default() });
        if let Some(directory) = &settings.queue {
            let durability = Durability::Interval(Duration::from_millis(100));
            builder = builder.with_disk_queue(DiskQueueConfig::new(directory).with_durability(durability));
        }
        builder = builder.with_diagnostics(move |diagnostic| reports.offer(Report::Said(diagnostic.to_string())));
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
            receivers,
            protocol: settings.protocol,
            service,
            log_records: AtomicU64::new(0),
            journal,
        })
    }

    /// The receivers are to be found here from now on.
    pub(super) fn found(&self, receivers: &ReceiverAddresses) {
        if let Some(found) = &self.receivers {
            found.are(receivers.of(self.protocol));
        }
    }

    /// Announces a span that is to be recorded, if this service may be killed; what to say when it has ended.
    pub(super) async fn announce(&self, span: &Span) -> Option<ItemId> {
        self.announce_item(Signal::Traces, || ItemId::of_span(&span.context())).await
    }

    /// Announces a log record that is to be recorded, if this service may be killed; its `log.record.uid`, and what to
    /// say when it is emitted.
    pub(super) async fn announce_log(&self) -> (String, Option<ItemId>) {
        let uid = self.next_uid();
        let id = self.announce_item(Signal::Logs, || ItemId::of_log(&uid)).await;
        (uid, id)
    }

    async fn announce_item(&self, signal: Signal, id: impl FnOnce() -> ItemId) -> Option<ItemId> {
        let journal = self.journal.as_ref()?;
        let id = id();
        journal.reports.say(Report::Announced(signal, vec![id.clone()])).await;
        Some(id)
    }

    /// Takes note that an item that was announced has been recorded.
    pub(super) fn recorded(&self, id: Option<ItemId>) {
        if let (Some(journal), Some(id)) = (&self.journal, id) {
            journal.recorded.lock().unwrap_or_else(PoisonError::into_inner).push(id);
        }
    }

    /// Sees to it that what was recorded is delivered or on the disk, and says so; again and again.
    pub(super) async fn confirm(&self) {
        let Some(journal) = &self.journal else { return };
        loop {
            tokio::time::sleep(CONFIRM).await;
            let ids = std::mem::take(&mut *journal.recorded.lock().unwrap_or_else(PoisonError::into_inner));
            let is_durable = self.client.persist(CONFIRM_WITHIN).await.durable;
            if is_durable && !ids.is_empty() {
                journal.reports.send(Report::Durable(ids)).await;
            }
        }
    }

    /// A log record to be completed and emitted. Its `log.record.uid` lets it be told from all others.
    pub(super) fn log(&self, severity: Severity, body: &str) -> LogRecord<'_> {
        self.log_as(self.next_uid(), severity, body)
    }

    /// The same with a `log.record.uid` that is known already.
    pub(super) fn log_as(&self, uid: String, severity: Severity, body: &str) -> LogRecord<'_> {
        self.logger.record(severity).body(body).attribute("log.record.uid", uid)
    }

    fn next_uid(&self) -> String {
        let number = self.log_records.fetch_add(1, Ordering::Relaxed);
        format!("{}-{}-{number}", self.service, process::id())
    }
}
