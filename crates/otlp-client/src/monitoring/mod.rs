//! What the client tells of itself: figures, metrics of its own, health, an HTTP endpoint, and alerts.
//!
//! ```text
//! Observations (attempts, disks, heartbeat) ─┐
//! the pipeline's ledgers, queues, memory ────┼─► Source ─► PerformanceMonitor   snapshots, rates over windows
//! the policies' figures ─────────────────────┘         ├─► otel.sdk.*, process.*  through a MeterProvider of its own
//!                                                      ├─► HealthChecker ─┐
//!                                                      ├─► /metrics ──────┴─► HTTP endpoint
//!                                                      └─► AlertManager ─► log, callback, webhook
//! ```
//!
//! What must hold: the threads that record pay nothing for it; nothing here keeps a client alive that was dropped; what
//! comes in over HTTP can neither stop nor stall the delivery; no figure is made up: what is not known is `None`.

mod alerts;
mod attempts;
mod durations;
mod endpoint;
mod error;
mod exposition;
mod health;
mod history;
mod monitor;
mod observations;
mod operations;
mod page;
mod process;
mod process_metrics;
mod prometheus;
mod sampler;
mod sdk_metrics;
mod server;
mod settings;
mod snapshot;
mod source;

use std::{net::SocketAddr, sync::Arc};

use otlp_batch::{Intake, Pipeline};
use otlp_core::Value;
use otlp_reliability::HealthChecker;
use otlp_sdk::{
    clock::Clock,
    metrics::{MeterProvider, MetricsConfig},
};

pub use self::{
    alerts::{
        AlertManager, AlertMetric, AlertNotice, AlertRule, AlertSeverity, AlertSink, AlertState, AlertStatus,
        Comparison, Webhook,
    },
    attempts::AttemptCounts,
    durations::Latency,
    error::MonitoringError,
    monitor::PerformanceMonitor,
    snapshot::{
        CircuitBreakerPerformance, DestinationPerformance, DiskQueueState, MemoryPerformance, PerformanceSnapshot,
        SignalPerformance, Throughput,
    },
};
pub(crate) use self::{
    attempts::Component,
    endpoint::{EndpointAddress, Listening},
    observations::Observations,
    settings::MonitoringSettings,
    source::Source,
};
use crate::{
    diagnostics::{DiagnosticSeverity, Diagnostics},
    policies::Policies,
};

/// The monitoring of one client.
pub(crate) struct Monitoring {
    pub(crate) performance: PerformanceMonitor,
    pub(crate) health: HealthChecker,
    pub(crate) alerts: AlertManager,
    pub(crate) address: Option<SocketAddr>,
}

/// What the monitoring of a client is made of.
pub(crate) struct Parts<'a> {
    pub(crate) settings: MonitoringSettings,
    /// The port of the health endpoint, if there is one: bound before the pipeline started, so that a port in use is an
    /// error of the build.
    pub(crate) listening: Option<Listening>,
    pub(crate) observations: Arc<Observations>,
    pub(crate) policies: Policies,
    /// Whether the OTLP exporter balances over receivers that come and go.
    pub(crate) is_balanced: bool,
    pub(crate) diagnostics: Arc<Diagnostics>,
    pub(crate) pipeline: &'a Pipeline,
    pub(crate) clock: Arc<Clock>,
    pub(crate) metrics: MetricsConfig,
}

impl Monitoring {
    /// Puts the parts together, and starts what needs no call: metrics of its own, and the HTTP endpoint.
    pub(crate) fn start(parts: Parts<'_>) -> Result<Self, MonitoringError> {
        let Parts { settings, listening, observations, policies, is_balanced, diagnostics, pipeline, clock, metrics } =
            parts;
        let runtime = pipeline.runtime().clone();
        let source = Arc::new(Source::new(pipeline.figures(), policies, observations));
        let exports = &settings.exports;
        if exports.performance || exports.resource {
            let meters = MeterProvider::new(pipeline.intake().clone(), clock, metrics);
            if exports.performance {
                sdk_metrics::register(&meters, &source);
            }
            if exports.resource {
                process_metrics::register(&meters);
            }
            pipeline.intake().register(Arc::new(meters));
        }
        if exports.resource && !process::IS_KNOWN {
            diagnostics.say(
                DiagnosticSeverity::Warning,
                "enable_resource_metrics is true, but the figures of a process are read on Linux only: there will be no \
                 process.* metrics",
            );
        }
        let health = health::checker(&source, settings.endpoints_required, is_balanced);
        let performance = PerformanceMonitor::new(Arc::clone(&source), runtime.clone());
        let service = service_name(pipeline.intake());
        let are_watched = settings.alerts.are_watched;
        let alerts = AlertManager::new(performance.clone(), settings.alerts, diagnostics, runtime.clone(), service)?;
        if are_watched {
            alerts.watch()?;
        }
        let address = match listening {
            Some(listening) => {
                health.start_on(runtime.clone());
                let (metrics, path) = (page::Page::default(), listening.path);
                let site = server::Site { health: health.clone(), source, exports: *exports, metrics, path };
                Some(server::start(listening.listener, site, &runtime)?)
            }
            None => None,
        };
        Ok(Monitoring { performance, health, alerts, address })
    }
}

/// `service.name` of the resource.
fn service_name(intake: &Intake) -> Option<&str> {
    match intake.resource().attributes.get("service.name") {
        Some(Value::String(name)) => Some(name),
        _ => None,
    }
}
