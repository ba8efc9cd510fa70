//! From settings to a running client: destinations, then the pipeline, then what records into it.

use std::sync::Arc;

use otlp_batch::{DeliveryObserver, Pipeline, Settled};
use otlp_core::Signal;
use otlp_discovery::ServicePool;
use otlp_exporters::ConsoleExporter;
use otlp_sdk::{
    clock::Clock,
    logs::LoggerProvider,
    metrics::{MeterProvider, MetricsConfig},
    trace::TracerProvider,
};

use crate::{
    BuildError, ClientBuilder, EnhancedOtlpClient,
    builder::{
        destinations::{Assembled, Destinations},
        environment::Targets,
        logging,
        policies::longest_retry,
        propagation,
    },
    client::Parts,
    diagnostics::{DiagnosticSeverity, Diagnostics},
    endpoints,
    environment::Environment,
    logging::Message,
    monitoring::{self, EndpointAddress, Monitoring, Observations},
    policies::Policies,
    reload::Reach,
    resource::resource,
};

impl ClientBuilder {
    /// As [`ClientBuilder::build_blocking`]. Does no I/O but opening the disk queue, and waits for nothing else; it is
    /// async for symmetry with `shutdown`.
    pub async fn build(self) -> Result<EnhancedOtlpClient, BuildError> {
        self.build_blocking()
    }

    /// Checks all settings and starts the background thread. Connections are made when there is something to send: an
    /// endpoint that does not answer is no error here. Needs no runtime.
    pub fn build_blocking(mut self) -> Result<EnhancedOtlpClient, BuildError> {
        let mut environment = self.environment.take().unwrap_or_else(Environment::from_process);
        self = self.completed_by(&mut environment);
        let targets = self.targets(&environment);
        let output = logging::output(self.diagnostics, self.logging.as_ref(), &environment);
        let diagnostics = Arc::new(Diagnostics::new(output));
        for warning in &environment.warnings {
            diagnostics.say_with(DiagnosticSeverity::Warning, || {
                Message::from(warning.to_string()).field("variable", warning.name.as_str())
            });
        }
        for notice in &self.said.notices {
            diagnostics.say(DiagnosticSeverity::Warning, notice);
        }
        let disk_queue = self.said.settle(self.disk_queue)?;
        if let Some(aggregation) = &self.log_aggregation {
            aggregation.validate()?;
        }
        let listening = self.monitoring.validate()?.map(EndpointAddress::listen).transpose()?;
        let observations = Arc::new(Observations::new(disk_queue.is_some()));
        let mut policies = Policies::new(self.is_in_registry);
        let (retry, retryable) = self.retry.settle(disk_queue.is_some())?;
        let (repeated, longest_retry) = (retryable.clone(), longest_retry(disk_queue.is_some()));
        let resource = resource(
            environment.resource_attributes,
            environment.service_name,
            self.resource_attributes,
            self.service_name,
        );
        let prepared = self.receivers.prepare(&self.export, &environment.export, resource.service_name())?;
        let assembly = Destinations {
            export: &self.export,
            prepared: prepared.as_ref(),
            retry,
            retryable,
            diagnostics: &diagnostics,
            policies: &mut policies,
            observations: &observations,
            #[cfg(feature = "kafka")]
            kafka: self.kafka,
        };
        let assembled = assembly.assemble(self.circuit_breaker, self.custom_exporters, &environment.export)?;
        let Assembled { otlp, transports, receivers, customs, breakers, circuit_breakers, hurry, .. } = assembled;
        #[cfg(feature = "kafka")]
        let kafka = assembled.kafka;
        let (flushed, is_balanced) = (receivers.clone(), receivers.is_some());
        let clock = Arc::new(Clock::system());
        let (ticking, turning) = (Arc::clone(&clock), Arc::clone(&observations));
        let at_drop = Arc::clone(&diagnostics);
        let mut pipeline = Pipeline::builder(resource)
            .batch(self.batch.unwrap_or_default())
            .limits(self.limits)
            .memory(self.memory)
            .zero_copy(self.zero_copy)
            .observer(observers(Arc::clone(&diagnostics), self.observer))
            .on_tick(move || {
                ticking.resync();
                turning.turned();
            })
            .on_hurry(move || {
                endpoints::probe(&breakers);
                flushed.iter().for_each(ServicePool::probe);
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
        pipeline = pipeline.destination_known_as("otlp", otlp).taking(Targets::signals(targets.otlp));
        for exporter in customs {
            pipeline = pipeline.destination(exporter);
        }
        #[cfg(feature = "kafka")]
        if let Some(kafka) = kafka {
            // Its name tells the brokers, which may be others by the time a backlog is sent.
            pipeline = pipeline.destination_known_as("kafka", kafka);
        }
        if targets.console.contains(&true) {
            let console = Arc::new(ConsoleExporter::new());
            pipeline = pipeline.destination_in_memory(console).taking(Targets::signals(targets.console));
        }
        if let Some(disk_queue) = disk_queue {
            let (disk_says, disk_is) = (Arc::clone(&diagnostics), Arc::clone(&observations));
            pipeline = pipeline.with_disk_queue(disk_queue).on_disk_event(move |owner, event| {
                disk_says.disk(&owner.name, event);
                disk_is.disk(owner.index, event);
            });
        }
        if let Some(interval) = self.metric_interval {
            pipeline = pipeline.metric_interval(interval);
        }
        if let Some(deadline) = self.drop_deadline {
            pipeline = pipeline.drop_deadline(deadline);
        }
        let pipeline = pipeline.start()?;
        {
            // Where requests will be sent, connections are opened ahead.
            let _entered = pipeline.runtime().enter();
            transports.iter().for_each(|transport| transport.start());
        }
        let discovery = prepared.map(|prepared| prepared.run(pipeline.runtime(), receivers, &diagnostics));
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
        metrics.temporality = self.temporality.unwrap_or(metrics.temporality);
        // What nobody takes is not aggregated either: it would only cost its callers.
        let (are_taken, own) = (targets.any(Signal::Metrics), metrics.clone());
        metrics.enabled &= are_taken;
        let intake = pipeline.intake();
        let meters = Arc::new(MeterProvider::new(intake.clone(), Arc::clone(&clock), metrics));
        if are_taken {
            intake.register(meters.clone());
        }
        let tracers = TracerProvider::new(
            intake.clone(),
            Arc::clone(&clock),
            self.trace.with_enabled(targets.any(Signal::Traces)),
        );
        let mut log = self.log;
        log.is_enabled = targets.any(Signal::Logs);
        log.is_structured = self.logging.as_ref().is_none_or(|logging| logging.enable_structured_logging);
        log.aggregation = logging::aggregation(self.logging.as_ref(), self.log_aggregation);
        let loggers = LoggerProvider::new(intake.clone(), Arc::clone(&clock), log);
        intake.register(Arc::new(loggers.clone()));
        diagnostics.say_with(DiagnosticSeverity::Debug, || {
            let destinations: Vec<String> = pipeline.ledgers().into_iter().map(|ledger| ledger.destination).collect();
            let text = format!("the client is built; it delivers to {}", destinations.join(", "));
            Message::from(text).field("version", env!("CARGO_PKG_VERSION"))
        });
        let propagator = propagation::propagator(self.is_propagating, self.propagator, environment.propagator);
        let reloading = self.said.reloading(Reach {
            retries: policies.retries(),
            retryable: repeated,
            longest_retry,
            auth: self.export.auth,
            headers: self.export.configured_headers,
            circuit_breakers,
        });
        let monitoring = Monitoring::start(monitoring::Parts {
            settings: self.monitoring,
            listening,
            observations,
            policies: policies.clone(),
            is_balanced,
            diagnostics: Arc::clone(&diagnostics),
            pipeline: &pipeline,
            clock,
            metrics: MetricsConfig { enabled: are_taken, ..own },
        })?;
        let parts = Parts {
            pipeline,
            policies,
            reloading,
            discovery,
            diagnostics,
            tracers,
            meters,
            loggers,
            propagator,
            monitoring,
        };
        Ok(EnhancedOtlpClient::new(parts))
    }
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
