//! The builder of the client.

use std::{sync::Arc, time::Duration};

use otlp_batch::{BatchConfig, BatchExporter, DeliveryObserver, DiskQueueConfig, MemoryConfig, Pipeline, Settled};
use otlp_core::{KeyValue, Signal, Value};
use otlp_exporters::{ConsoleExporter, Exporter, Hurry, OwnedDataExporter, Retrying};
use otlp_reliability::{CircuitBreakerConfig, Controlled, RetryPolicy, Timeout};
use otlp_sdk::{
    clock::Clock,
    logs::{LogConfig, LogLimits, LoggerProvider},
    metrics::{MeterProvider, MetricsConfig, TemporalityPreference},
    trace::{Sampler, SpanLimits, TraceConfig, TracerProvider},
};
use otlp_transport::{Compression, Protocol, TlsConfig};

use crate::{
    BuildError, EnhancedOtlpClient,
    diagnostics::{self, Diagnostic, DiagnosticSeverity, Diagnostics, Sink},
    endpoints::{self, Endpoints, default_circuit_breaker},
    environment::Environment,
    policies::Policies,
    resource::resource,
    settings::{self, ExportOptions},
};

/// Settings of an [`EnhancedOtlpClient`]. What is set here beats the environment.
#[must_use]
pub struct ClientBuilder {
    export: ExportOptions,
    service_name: Option<String>,
    resource_attributes: Vec<KeyValue>,
    batch: BatchConfig,
    memory: MemoryConfig,
    disk_queue: Option<DiskQueueConfig>,
    retry: Option<RetryPolicy>,
    circuit_breaker: Option<CircuitBreakerConfig>,
    is_in_registry: bool,
    metrics: MetricsConfig,
    temporality: Option<TemporalityPreference>,
    metric_interval: Option<Duration>,
    trace: TraceConfig,
    log: LogConfig,
    custom_exporters: Vec<Box<dyn Exporter>>,
    console: bool,
    observer: Option<Arc<dyn DeliveryObserver>>,
    diagnostics: Option<Sink>,
    drop_deadline: Option<Duration>,
    environment: Option<Environment>,
}

impl ClientBuilder {
    pub(crate) fn new() -> Self {
        ClientBuilder {
            export: ExportOptions::default(),
            service_name: None,
            resource_attributes: Vec::new(),
            batch: BatchConfig::default(),
            memory: MemoryConfig::default(),
            disk_queue: None,
            retry: None,
            circuit_breaker: Some(default_circuit_breaker()),
            is_in_registry: false,
            metrics: MetricsConfig::default(),
            temporality: None,
            metric_interval: None,
            trace: TraceConfig::default(),
            log: LogConfig::default(),
            custom_exporters: Vec::new(),
            console: false,
            observer: None,
            diagnostics: None,
            drop_deadline: None,
            environment: None,
        }
    }

    /// Sets the endpoint of all signals, for instance `http://localhost:4317`. Over HTTP, `/v1/<signal>` is appended.
    ///
    /// Without [`ClientBuilder::with_protocol`], port 4317 means gRPC and any other port HTTP with protobuf.
    pub fn with_endpoint(mut self, url: impl Into<String>) -> Self {
        self.export.endpoint = Some(url.into());
        self
    }

    /// Sets the endpoint of one signal, which is used exactly as it is.
    pub fn with_signal_endpoint(mut self, signal: Signal, url: impl Into<String>) -> Self {
        self.export.signal_endpoints[signal.index()] = Some(url.into());
        self
    }

    /// Sets how the endpoint is spoken to.
    pub fn with_protocol(mut self, protocol: Protocol) -> Self {
        self.export.protocol = Some(protocol);
        self
    }

    /// Speaks gRPC.
    pub fn with_grpc_transport(self) -> Self {
        self.with_protocol(Protocol::Grpc)
    }

    /// Speaks HTTP with protobuf bodies.
    pub fn with_http_transport(self) -> Self {
        self.with_protocol(Protocol::HttpProtobuf)
    }

    /// Speaks HTTP with JSON bodies.
    pub fn with_http_json_transport(self) -> Self {
        self.with_protocol(Protocol::HttpJson)
    }

    /// Adds a header to each request. The value is a secret: it is never shown.
    pub fn with_header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.export.headers.push((name.into(), value.into()));
        self
    }

    /// Sets how requests are compressed; default not at all.
    pub fn with_compression(mut self, compression: Compression) -> Self {
        self.export.compression = Some(compression);
        self
    }

    /// Sets the longest that one attempt may take, also of a custom exporter; default 10 s, zero means no limit.
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.export.timeout = Some(timeout);
        self
    }

    /// Sets the longest that a connection may take to come about, TLS included; default 5 s.
    pub fn with_connect_timeout(mut self, timeout: Duration) -> Self {
        self.export.connect_timeout = Some(timeout);
        self
    }

    /// Sets whom to trust and who we are, for `https` endpoints. Default: the system's roots, no client certificate.
    pub fn with_tls(mut self, tls: TlsConfig) -> Self {
        self.export.tls = Some(tls);
        self
    }

    /// Sets `service.name` of the resource.
    pub fn with_service_name(mut self, name: impl Into<String>) -> Self {
        self.service_name = Some(name.into());
        self
    }

    /// Adds an attribute to the resource.
    pub fn with_resource_attribute(
        mut self,
        key: impl Into<std::borrow::Cow<'static, str>>,
        value: impl Into<Value>,
    ) -> Self {
        self.resource_attributes.push(KeyValue::new(key, value));
        self
    }

    /// Sets the limits of batches and queues.
    pub fn with_batch_config(mut self, config: BatchConfig) -> Self {
        self.batch = config;
        self
    }

    /// Sets the memory budget of telemetry between call site and acknowledgement.
    pub fn with_memory_config(mut self, config: MemoryConfig) -> Self {
        self.memory = config;
        self
    }

    /// Keeps on a disk what is not delivered in time: it survives the process, and outages for which memory has no room.
    /// Whoever builds a client on the same directory next delivers it, and its ledger calls it recovered. One client at a
    /// time can have the directory. Default: in memory alone.
    ///
    /// Nothing of it happens on the threads that record. Items printed by [`ClientBuilder::with_console_exporter`] are
    /// not kept.
    ///
    /// ```no_run
    /// use otlp_client::{DiskQueueConfig, EnhancedOtlpClient};
    ///
    /// let client = EnhancedOtlpClient::builder()
    ///     .with_endpoint("http://localhost:4317")
    ///     .with_disk_queue(DiskQueueConfig::new("/var/spool/shop"))
    ///     .build_blocking()?;
    /// # Ok::<(), otlp_client::BuildError>(())
    /// ```
    pub fn with_disk_queue(mut self, config: DiskQueueConfig) -> Self {
        self.disk_queue = Some(config);
        self
    }

    /// Sets how often and how long failed requests are repeated. Default: any number of attempts within five minutes, or
    /// with a disk queue for as long as it takes, waiting 200 ms to 30 s with full jitter.
    pub fn with_retry_policy(mut self, policy: RetryPolicy) -> Self {
        self.retry = Some(policy);
        self
    }

    /// Sets when an endpoint counts as down, and how often it is tried then. Default: after five failures in a row, and
    /// with one probe after 1 s, 2 s, 4 s, … 30 s.
    ///
    /// While it is down, batches wait in the queue, and those that were being retried go back there: an outage uses up
    /// no limit of the retry policy, and nothing is lost but what the queue has no room for. Each endpoint has a
    /// circuit breaker, and so has each custom exporter.
    pub fn with_circuit_breaker(mut self, settings: CircuitBreakerConfig) -> Self {
        self.circuit_breaker = Some(settings);
        self
    }

    /// Does without circuit breakers: each batch is tried as often as the retry policy says, whatever became of others,
    /// and is then dropped.
    pub fn without_circuit_breaker(mut self) -> Self {
        self.circuit_breaker = None;
        self
    }

    /// Sets whether the client's policies (retry, circuit breakers, bulkheads, timeouts) have names of their own in the
    /// registry of the process, so that [`get_metrics`](otlp_reliability::get_metrics) shows which is whose. Default:
    /// no. [`EnhancedOtlpClient::policies`] shows them in any case.
    ///
    /// [`init`](otlp_reliability::init) comes first; without it, building the client says so and goes on.
    pub fn with_reliability_framework_integration(mut self, is_integrated: bool) -> Self {
        self.is_in_registry = is_integrated;
        self
    }

    /// Sets how often metrics are collected and sent; default 60 s.
    pub fn with_metric_interval(mut self, interval: Duration) -> Self {
        self.metric_interval = Some(interval);
        self
    }

    /// Sets whether metric points cover the time since the last one or since the start; default since the start.
    pub fn with_temporality(mut self, preference: TemporalityPreference) -> Self {
        self.temporality = Some(preference);
        self
    }

    /// Sets how many series one instrument may have; default 2,000.
    pub fn with_cardinality_limit(mut self, limit: usize) -> Self {
        self.metrics.cardinality_limit = limit;
        self
    }

    /// Sets which spans are recorded. Default: as the parent, and roots always.
    pub fn with_sampler(mut self, sampler: impl Sampler + 'static) -> Self {
        self.trace = self.trace.with_sampler(sampler);
        self
    }

    /// Sets the limits of spans.
    pub fn with_span_limits(mut self, limits: SpanLimits) -> Self {
        self.trace = self.trace.with_limits(limits);
        self
    }

    /// Sets the limits of log records.
    pub fn with_log_limits(mut self, limits: LogLimits) -> Self {
        self.log.limits = limits;
        self
    }

    /// Adds an exporter of your own, beside the OTLP endpoint. It gets every item and has a ledger of its own.
    pub fn with_custom_exporter(mut self, exporter: Box<dyn Exporter>) -> Self {
        self.custom_exporters.push(exporter);
        self
    }

    /// Prints every item on standard output, beside sending it.
    pub fn with_console_exporter(mut self) -> Self {
        self.console = true;
        self
    }

    /// Lets `observer` hear the fate of every item.
    pub fn with_delivery_observer(mut self, observer: Arc<dyn DeliveryObserver>) -> Self {
        self.observer = Some(observer);
        self
    }

    /// Sets what is done with messages of the client about itself. Default: a line on standard error, at a limited rate.
    pub fn with_diagnostics(mut self, sink: impl Fn(&Diagnostic) + Send + Sync + 'static) -> Self {
        self.diagnostics = Some(Arc::new(sink));
        self
    }

    /// Sets how long dropping the last handle without a shutdown may deliver; default 500 ms.
    pub fn with_drop_deadline(mut self, deadline: Duration) -> Self {
        self.drop_deadline = Some(deadline);
        self
    }

    /// Ignores the `OTEL_*` environment variables.
    pub fn without_environment(self) -> Self {
        self.with_environment(Environment::default())
    }

    /// Takes `environment` instead of the variables of this process.
    pub fn with_environment(mut self, environment: Environment) -> Self {
        self.environment = Some(environment);
        self
    }

    /// As [`ClientBuilder::build_blocking`]. Does no I/O but opening the disk queue, and waits for nothing else; it is
    /// async for symmetry with `shutdown`.
    pub async fn build(self) -> Result<EnhancedOtlpClient, BuildError> {
        self.build_blocking()
    }

    /// Checks all settings and starts the background thread. Connections are made when there is something to send: an
    /// endpoint that does not answer is no error here. Needs no runtime.
    pub fn build_blocking(self) -> Result<EnhancedOtlpClient, BuildError> {
        let environment = self.environment.unwrap_or_else(Environment::from_process);
        let diagnostics = Arc::new(Diagnostics::new(self.diagnostics.unwrap_or_else(diagnostics::to_standard_error)));
        for warning in &environment.warnings {
            diagnostics.say(DiagnosticSeverity::Warning, warning);
        }
        let hurry = Hurry::new();
        let retry = self
            .retry
            .unwrap_or_else(|| default_retry(self.disk_queue.is_some()))
            .build()
            .map_err(BuildError::Retry)?;
        let mut endpoints = Endpoints::new(self.circuit_breaker, Arc::clone(&diagnostics));
        let mut policies = Policies::new(self.is_in_registry);
        let (otlp, urls) = settings::exporter(&self.export, &environment.export)?;
        let [traces, metrics, logs] = urls.map(|url| endpoints.breaker(&url).map_err(BuildError::CircuitBreaker));
        let otlp = Retrying::new(otlp, retry.clone(), hurry.clone())
            .with_circuit_breakers([traces?, metrics?, logs?])
            .with_observer(diagnostics.clone());
        policies.add_exporter(&otlp);
        let otlp: Arc<dyn BatchExporter> = Arc::new(otlp);
        let mut customs: Vec<Arc<dyn BatchExporter>> = Vec::new();
        for custom in self.custom_exporters {
            let custom = Retrying::new(OwnedDataExporter::new(custom), retry.clone(), hurry.clone());
            let breaker = endpoints.breaker_of_its_own(&custom.name()).map_err(BuildError::CircuitBreaker)?;
            let mut custom = custom.with_circuit_breakers([breaker.clone(), breaker.clone(), breaker]);
            if let Some(limit) = attempt_timeout(self.export.timeout) {
                custom = custom.with_timeout(limit);
            }
            let custom = custom.with_observer(diagnostics.clone());
            policies.add_exporter(&custom);
            customs.push(Arc::new(custom));
        }
        let breakers = endpoints.into_breakers();
        for (endpoint, breaker) in &breakers {
            policies.add(format!("{endpoint}/circuit_breaker"), breaker.control());
        }

        let resource = resource(
            environment.resource_attributes,
            environment.service_name,
            self.resource_attributes,
            self.service_name,
        );
        let clock = Arc::new(Clock::system());
        let ticking = Arc::clone(&clock);
        let at_drop = Arc::clone(&diagnostics);
        let mut pipeline = Pipeline::builder(resource)
            .batch(self.batch)
            .memory(self.memory)
            .observer(observers(Arc::clone(&diagnostics), self.observer))
            .on_tick(move || ticking.resync())
            .on_hurry(move || {
                endpoints::probe(&breakers);
                hurry.now();
            })
            .on_drop(move |report| {
                let became = if report.ledgers.iter().any(|ledger| ledger.lost() > 0) {
                    "were lost"
                } else if !report.durable {
                    "may be lost"
                } else {
                    return;
                };
                let what = format_args!("the client was dropped without shutdown() and items {became}\n{report}");
                at_drop.say(DiagnosticSeverity::Error, what);
            });
        // The exporter's name tells the protocol, which may change while a backlog waits.
        pipeline = pipeline.destination_known_as("otlp", otlp);
        for exporter in customs {
            pipeline = pipeline.destination(exporter);
        }
        if self.console {
            pipeline = pipeline.destination_in_memory(Arc::new(ConsoleExporter::new()));
        }
        if let Some(disk_queue) = self.disk_queue {
            let disk_says = Arc::clone(&diagnostics);
            pipeline = pipeline
                .with_disk_queue(disk_queue)
                .on_disk_event(move |destination, event| disk_says.disk(destination, event));
        }
        if let Some(interval) = self.metric_interval {
            pipeline = pipeline.metric_interval(interval);
        }
        if let Some(deadline) = self.drop_deadline {
            pipeline = pipeline.drop_deadline(deadline);
        }
        let pipeline = pipeline.start()?;
        for (destination, signal, limit) in pipeline.in_flight_limits() {
            policies.add(format!("{destination}/{}/bulkhead", signal.name()), Some(limit));
        }
        if policies.is_without_registry() {
            diagnostics.say(
                DiagnosticSeverity::Warning,
                "the policies of the client are in no registry: call otlp_reliability::init() before the client is built",
            );
        }

        let mut metrics = self.metrics;
        metrics.temporality = self.temporality.or(environment.temporality).unwrap_or(metrics.temporality);
        let intake = pipeline.intake();
        let meters = Arc::new(MeterProvider::new(intake.clone(), Arc::clone(&clock), metrics));
        intake.register(meters.clone());
        let tracers = TracerProvider::new(intake.clone(), Arc::clone(&clock), self.trace);
        let loggers = LoggerProvider::new(intake.clone(), clock, self.log);
        Ok(EnhancedOtlpClient::new(pipeline, policies, tracers, meters, loggers))
    }
}

/// Any number of attempts within five minutes: a batch that fails while the endpoint works does not take up a place for
/// ever. An endpoint that is down uses up none of it, for then the circuit breaker is open. With a disk queue there is
/// room to wait in, and no limit.
fn default_retry(is_on_disk: bool) -> RetryPolicy {
    let max_elapsed = (!is_on_disk).then_some(Duration::from_secs(300));
    RetryPolicy::new()
        .with_max_attempts(None)
        .with_initial_delay(Duration::from_millis(200))
        .with_max_delay(Duration::from_secs(30))
        .with_max_elapsed(max_elapsed)
}

/// The limit of one attempt of a custom exporter: that of an attempt to the OTLP endpoint.
fn attempt_timeout(limit: Option<Duration>) -> Option<Timeout> {
    let limit = limit.unwrap_or(Duration::from_secs(10));
    (!limit.is_zero()).then(|| Timeout::new(limit))
}

/// Our own diagnostics, and the user's observer if there is one.
fn observers(diagnostics: Arc<Diagnostics>, user: Option<Arc<dyn DeliveryObserver>>) -> Arc<dyn DeliveryObserver> {
    struct Both(Arc<Diagnostics>, Arc<dyn DeliveryObserver>);
    impl DeliveryObserver for Both {
        fn reads_records(&self) -> bool {
            self.1.reads_records()
        }

        fn settled(&self, settled: &Settled<'_>) {
            self.0.settled(settled);
            self.1.settled(settled);
        }
    }
    match user {
        Some(user) => Arc::new(Both(diagnostics, user)),
        None => diagnostics,
    }
}
