//! The `OTEL_*` environment variables.
//!
//! Empty means unset. What cannot be read is left at its default, with a [`Warning`] that names the variable, the value
//! and what is accepted. Follows "Environment Variable Specification" and "OpenTelemetry Protocol Exporter" of the
//! OpenTelemetry specification.

mod batch;
mod export;
mod limits;
mod propagators;
mod reader;
mod resource;
mod sampler;
mod selection;
#[cfg(test)]
mod tests;

use std::{cell::RefCell, collections::BTreeSet, env::VarError, sync::Arc, time::Duration};

use otlp_core::{KeyValue, Signal, propagation::CompositePropagator};
use otlp_sdk::{
    logs::LogLimits,
    metrics::TemporalityPreference,
    trace::{Sampler, SpanLimits},
};

use self::reader::Reader;
pub use self::{
    batch::BatchVariables,
    export::{EndpointScope, ExportVariables},
    reader::Warning,
    selection::Selection,
};
use crate::LogLevel;

/// All that the variables say; `None` where they say nothing. What code says beats them.
///
/// | variable | what it sets | beaten by |
/// |---|---|---|
/// | `OTEL_SDK_DISABLED` | `true`: nothing is recorded and nothing sent, spans pass the context of their parent on; a health endpoint still answers | |
/// | `OTEL_SERVICE_NAME`, `OTEL_RESOURCE_ATTRIBUTES` | the resource | `with_service_name`, `with_resource_attribute` |
/// | `OTEL_EXPORTER_OTLP_[TRACES_\|METRICS_\|LOGS_]` + `ENDPOINT`, `PROTOCOL`, `HEADERS`, `TIMEOUT`, `COMPRESSION`, `INSECURE`, `CERTIFICATE`, `CLIENT_KEY`, `CLIENT_CERTIFICATE` | the export over OTLP | `with_endpoint` and so on |
/// | `OTEL_TRACES_EXPORTER`, `OTEL_METRICS_EXPORTER`, `OTEL_LOGS_EXPORTER` | `otlp` (default), `console`, `none`, or the first two with a comma: where the signal goes beside custom exporters; what goes nowhere is not recorded | `with_otlp_signals` |
/// | `OTEL_TRACES_SAMPLER`, `OTEL_TRACES_SAMPLER_ARG` | `always_on`, `always_off`, `traceidratio`, `parentbased_always_on` (default), `parentbased_always_off`, `parentbased_traceidratio`; the ratio, 0 to 1, default 1 | `with_sampler` |
/// | `OTEL_PROPAGATORS` | `tracecontext`, `baggage` (both are the default), `b3`, `b3multi`, `jaeger`, or `none` | `with_propagator`, `with_trace_context_propagation` |
/// | `OTEL_BSP_SCHEDULE_DELAY`, `OTEL_BLRP_SCHEDULE_DELAY` | `batch_timeout` in ms; the shorter of both | `with_batch_config` |
/// | `OTEL_BSP_MAX_QUEUE_SIZE`, `OTEL_BLRP_MAX_QUEUE_SIZE` | `max_queue_size`; the larger of both | `with_batch_config` |
/// | `OTEL_BSP_MAX_EXPORT_BATCH_SIZE`, `OTEL_BLRP_MAX_EXPORT_BATCH_SIZE` | `max_batch_size`; the smaller of both, at most `max_queue_size` | `with_batch_config` |
/// | `OTEL_BSP_EXPORT_TIMEOUT`, `OTEL_BLRP_EXPORT_TIMEOUT`, `OTEL_METRIC_EXPORT_TIMEOUT` | for how long a batch is retried, in ms; the longest of them | the retry policy |
/// | `OTEL_METRIC_EXPORT_INTERVAL` | how often metrics are collected, in ms | `with_metric_interval` |
/// | `OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE` | `cumulative` (default), `delta`, `lowmemory` | `with_temporality` |
/// | `OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION` | `explicit_bucket_histogram`; there is no other aggregation yet, and asking for it is warned of | |
/// | `OTEL_METRICS_EXEMPLAR_FILTER` | `always_off`; there are no exemplars yet, and asking for them is warned of | |
/// | `OTEL_CONFIG_FILE` | nothing: it is not read, which is warned of; a file is named in code | `with_client_config` |
/// | `OTEL_ATTRIBUTE_COUNT_LIMIT`, `OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT` | limits of spans, their events and links, and log records | `with_span_limits`, `with_log_limits` |
/// | `OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT`, `OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT`, `OTEL_SPAN_EVENT_COUNT_LIMIT`, `OTEL_SPAN_LINK_COUNT_LIMIT`, `OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT`, `OTEL_LINK_ATTRIBUTE_COUNT_LIMIT` | limits of spans | `with_span_limits` |
/// | `OTEL_LOGRECORD_ATTRIBUTE_COUNT_LIMIT`, `OTEL_LOGRECORD_ATTRIBUTE_VALUE_LENGTH_LIMIT` | limits of log records | `with_log_limits` |
/// | `OTEL_LOG_LEVEL` | what the client says about itself: `trace`, `debug`, `info` (default), `warn`, `error`, `off` | `with_logging` |
///
/// Traces and logs share one [`BatchConfig`](otlp_batch::BatchConfig), each with a queue of its own. Where their variables
/// differ, the value counts that delays and loses least, and a warning says so.
#[derive(Clone, Default)]
pub struct Environment {
    /// `OTEL_SDK_DISABLED`.
    pub is_disabled: bool,
    /// By [`Signal::index`].
    pub export: [ExportVariables; 3],
    /// `OTEL_*_EXPORTER`, by [`Signal::index`].
    pub selection: [Option<Selection>; 3],
    /// `OTEL_SERVICE_NAME`.
    pub service_name: Option<String>,
    /// `OTEL_RESOURCE_ATTRIBUTES`.
    pub resource_attributes: Vec<KeyValue>,
    /// `OTEL_TRACES_SAMPLER` and its argument.
    pub sampler: Option<Arc<dyn Sampler>>,
    /// `OTEL_PROPAGATORS`.
    pub propagator: Option<Arc<CompositePropagator>>,
    /// `OTEL_BSP_*`, `OTEL_BLRP_*` and `OTEL_METRIC_EXPORT_TIMEOUT`.
    pub batch: BatchVariables,
    /// `OTEL_METRIC_EXPORT_INTERVAL`.
    pub metric_interval: Option<Duration>,
    /// `OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE`.
    pub temporality: Option<TemporalityPreference>,
    /// The limits of spans, if any variable is about them.
    pub span_limits: Option<SpanLimits>,
    /// The limits of log records, if any variable is about them.
    pub log_limits: Option<LogLimits>,
    /// `OTEL_LOG_LEVEL`.
    pub log_level: Option<LogLevel>,
    /// What could not be used.
    pub warnings: Vec<Warning>,
}

impl Environment {
    /// Reads the variables of this process.
    pub fn from_process() -> Self {
        let unreadable = RefCell::new(BTreeSet::new());
        let mut environment = Environment::read(|name| match std::env::var(name) {
            Ok(value) => Some(value),
            Err(VarError::NotPresent) => None,
            Err(VarError::NotUnicode(_)) => {
                unreadable.borrow_mut().insert(name.to_owned());
                None
            }
        });
        let warning = |name| Warning { name, problem: "it is no Unicode text; it is left out".to_owned() };
        environment.warnings.extend(unreadable.into_inner().into_iter().map(warning));
        environment
    }

    /// Reads the variables that `lookup` finds.
    pub fn read(lookup: impl Fn(&str) -> Option<String>) -> Self {
        const DISABLED: &str = "OTEL_SDK_DISABLED";
        const FILE: &str = "OTEL_CONFIG_FILE";
        let mut reader = Reader::new(lookup);
        let mut environment = Environment {
            is_disabled: reader.text(DISABLED).is_some_and(|value| reader.boolean(DISABLED, &value)),
            export: Signal::ALL.map(|signal| reader.export(signal)),
            selection: Signal::ALL.map(|signal| reader.selection(signal)),
            service_name: reader.text("OTEL_SERVICE_NAME"),
            resource_attributes: reader.resource_attributes(),
            sampler: reader.sampler(),
            propagator: reader.propagator(),
            batch: reader.batch(),
            metric_interval: reader.milliseconds("OTEL_METRIC_EXPORT_INTERVAL", 1, batch::LONGEST),
            temporality: reader.one_of(
                "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE",
                &[
                    ("cumulative", TemporalityPreference::Cumulative),
                    ("delta", TemporalityPreference::Delta),
                    ("lowmemory", TemporalityPreference::LowMemory),
                ],
            ),
            span_limits: reader.span_limits(),
            log_limits: reader.log_limits(),
            log_level: reader.one_of(
                "OTEL_LOG_LEVEL",
                &[
                    ("trace", LogLevel::Trace),
                    ("debug", LogLevel::Debug),
                    ("info", LogLevel::Info),
                    ("warn", LogLevel::Warn),
                    ("error", LogLevel::Error),
                    ("off", LogLevel::Off),
                ],
            ),
            warnings: Vec::new(),
        };
        // Read for their warnings alone, as long as there is one of each.
        reader.one_of("OTEL_METRICS_EXEMPLAR_FILTER", &[("always_off", ())]);
        if let Some(path) = reader.text(FILE) {
            let problem = "is not read, for this client has files of its own, which code gives it (with_client_config)";
            reader.warn(FILE, format!("{path:?} {problem}"));
        }
        reader.one_of("OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION", &[("explicit_bucket_histogram", ())]);
        environment.warnings = reader.warnings;
        environment
    }
}
