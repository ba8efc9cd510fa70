//! What is recorded and how contexts travel: the settings that the variables `OTEL_*` have, in a file.

use std::{sync::Arc, time::Duration};

use otlp_core::propagation::{
    B3Propagator, BaggagePropagator, CompositePropagator, JaegerPropagator, Propagator, TraceContextPropagator,
};
use otlp_sdk::{
    logs::{LogAggregation, LogLimits},
    metrics::TemporalityPreference,
    trace::{
        Sampler, SpanLimits,
        sampler::{AlwaysOff, AlwaysOn, ParentBased, TraceIdRatio},
    },
};
use serde::{Deserialize, Serialize};

use super::{
    Check, FieldError, check,
    formats::{self, optional::optional},
    in_range,
};

/// What is recorded and how contexts travel. What is left out is as the environment says, or the default.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TelemetryConfig {
    /// Which spans are recorded. Default: as the parent, and roots always.
    pub sampler: Option<SamplerName>,
    /// The share of the traces that a sampler with a ratio records. 0.0 to 1.0; default 1.0.
    pub sampler_ratio: Option<f64>,
    /// The formats in which contexts travel; an empty list: they do not. Default: W3C Trace Context and W3C Baggage.
    pub propagators: Option<Vec<PropagatorName>>,
    /// What a span may hold.
    #[serde(with = "span_limits")]
    pub span_limits: Option<SpanLimits>,
    /// What a log record may hold.
    #[serde(with = "log_limits")]
    pub log_limits: Option<LogLimits>,
    /// Whether metric points cover the time since the start or since the last one. Default: since the start.
    #[serde(with = "temporality")]
    pub temporality: Option<TemporalityPreference>,
    /// How many series one instrument may have. 1 to 1,000,000; default 2,000.
    pub cardinality_limit: Option<usize>,
    /// How identical log records are folded into one, also without `logging.enable_log_aggregation`. Default: they are
    /// not.
    #[serde(with = "log_aggregation")]
    pub log_aggregation: Option<LogAggregation>,
}

/// A sampler, as `OTEL_TRACES_SAMPLER` calls it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SamplerName {
    /// Every span.
    AlwaysOn,
    /// No span.
    AlwaysOff,
    /// A share of the traces, by their ids.
    #[serde(rename = "traceidratio")]
    TraceIdRatio,
    /// As the parent; roots always.
    #[serde(rename = "parentbased_always_on")]
    ParentBasedAlwaysOn,
    /// As the parent; roots never.
    #[serde(rename = "parentbased_always_off")]
    ParentBasedAlwaysOff,
    /// As the parent; a share of the roots.
    #[serde(rename = "parentbased_traceidratio")]
    ParentBasedTraceIdRatio,
}

/// A format in which contexts travel, as `OTEL_PROPAGATORS` calls it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PropagatorName {
    /// W3C Trace Context.
    TraceContext,
    /// W3C Baggage.
    Baggage,
    /// B3 in a single header.
    B3,
    /// B3 in several headers.
    B3Multi,
    /// The headers of Jaeger.
    Jaeger,
}

/// The most of a count, and of a length in characters: records are bounded in bytes anyway.
const MOST: usize = u32::MAX as usize;

#[derive(Serialize, Deserialize)]
#[serde(remote = "SpanLimits", default = "SpanLimits::default", deny_unknown_fields)]
struct OfSpans {
    attribute_count: usize,
    event_count: usize,
    link_count: usize,
    attributes_per_event: usize,
    attributes_per_link: usize,
    value_length: Option<usize>,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "LogLimits", default = "LogLimits::default", deny_unknown_fields)]
struct OfLogs {
    attribute_count: usize,
    value_length: Option<usize>,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "TemporalityPreference", rename_all = "snake_case")]
enum Temporality {
    Cumulative,
    Delta,
    LowMemory,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "LogAggregation", default = "LogAggregation::default", deny_unknown_fields)]
struct Aggregation {
    #[serde(with = "formats::duration")]
    interval: Duration,
    max_records: usize,
    #[serde(with = "formats::bytes")]
    max_bytes: usize,
}

optional! {
    span_limits: otlp_sdk::trace::SpanLimits as "super::OfSpans"
}
optional! {
    log_limits: otlp_sdk::logs::LogLimits as "super::OfLogs"
}
optional! {
    temporality: otlp_sdk::metrics::TemporalityPreference as "super::Temporality"
}
optional! {
    log_aggregation: otlp_sdk::logs::LogAggregation as "super::Aggregation"
}

impl TelemetryConfig {
    /// The sampler, if one is named.
    pub(crate) fn sampler(&self) -> Option<Arc<dyn Sampler>> {
        // The ratio was checked.
        let ratio = self.sampler_ratio.and_then(|ratio| TraceIdRatio::new(ratio).ok());
        self.sampler.map(|sampler| sampler.sampler(ratio))
    }
}

impl SamplerName {
    /// The sampler; without a ratio, one that takes it records all.
    pub(crate) fn sampler(self, ratio: Option<TraceIdRatio>) -> Arc<dyn Sampler> {
        match (self, ratio) {
            (SamplerName::AlwaysOn, _) | (SamplerName::TraceIdRatio, None) => Arc::new(AlwaysOn),
            (SamplerName::AlwaysOff, _) => Arc::new(AlwaysOff),
            (SamplerName::TraceIdRatio, Some(ratio)) => Arc::new(ratio),
            (SamplerName::ParentBasedAlwaysOn, _) | (SamplerName::ParentBasedTraceIdRatio, None) => {
                Arc::new(ParentBased::new(AlwaysOn))
            }
            (SamplerName::ParentBasedAlwaysOff, _) => Arc::new(ParentBased::new(AlwaysOff)),
            (SamplerName::ParentBasedTraceIdRatio, Some(ratio)) => Arc::new(ParentBased::new(ratio)),
        }
    }

    /// Whether a ratio means something to it.
    pub(crate) fn takes_ratio(self) -> bool {
        matches!(self, SamplerName::TraceIdRatio | SamplerName::ParentBasedTraceIdRatio)
    }
}

impl PropagatorName {
    /// The formats together, in their order.
    pub(crate) fn composite(names: &[PropagatorName]) -> CompositePropagator {
        let propagator = |name: &PropagatorName| -> Box<dyn Propagator> {
            match name {
                PropagatorName::TraceContext => Box::new(TraceContextPropagator),
                PropagatorName::Baggage => Box::new(BaggagePropagator),
                PropagatorName::B3 => Box::new(B3Propagator::single_header()),
                PropagatorName::B3Multi => Box::new(B3Propagator::multiple_headers()),
                PropagatorName::Jaeger => Box::new(JaegerPropagator),
            }
        };
        CompositePropagator::new(names.iter().map(propagator).collect())
    }
}

impl Check for TelemetryConfig {
    fn check(&self, path: &str) -> Result<(), FieldError> {
        if let Some(ratio) = self.sampler_ratio {
            in_range(path, "sampler_ratio", ratio, 0.0..=1.0, "0.0 to 1.0")?;
            check(self.sampler.is_some_and(SamplerName::takes_ratio), || {
                let reason = "it does nothing without a sampler that takes it: set sampler to traceidratio or \
                              parentbased_traceidratio, or leave it out";
                FieldError::contradiction(format!("{path}.sampler_ratio"), reason)
            })?;
        }
        if let Some(names) = &self.propagators {
            let repeated = names.iter().enumerate().find(|(index, name)| names[..*index].contains(name));
            check(repeated.is_none(), || {
                let index = repeated.map_or(0, |(index, _)| index);
                FieldError::contradiction(format!("{path}.propagators[{index}]"), "it is there twice: leave one out")
            })?;
        }
        let counts = self.span_limits.iter().flat_map(|limits| {
            [
                ("span_limits.attribute_count", limits.attribute_count),
                ("span_limits.event_count", limits.event_count),
                ("span_limits.link_count", limits.link_count),
                ("span_limits.attributes_per_event", limits.attributes_per_event),
                ("span_limits.attributes_per_link", limits.attributes_per_link),
                ("span_limits.value_length", limits.value_length.unwrap_or(MOST)),
            ]
        });
        let of_logs = self.log_limits.iter().flat_map(|limits| {
            [
                ("log_limits.attribute_count", limits.attribute_count),
                ("log_limits.value_length", limits.value_length.unwrap_or(MOST)),
            ]
        });
        for (name, count) in counts.chain(of_logs) {
            in_range(path, name, count, 0..=MOST, "0 to 4294967295")?;
        }
        if let Some(limit) = self.cardinality_limit {
            in_range(path, "cardinality_limit", limit, 1..=1_000_000, "1 to 1000000 series")?;
        }
        if let Some(LogAggregation { interval, max_records, max_bytes }) = self.log_aggregation {
            let intervals = Duration::from_millis(1)..=Duration::from_secs(3600);
            in_range(path, "log_aggregation.interval", interval, intervals, "1 ms to 1 h")?;
            in_range(path, "log_aggregation.max_records", max_records, 1..=1_000_000, "1 to 1000000 records")?;
            in_range(path, "log_aggregation.max_bytes", max_bytes, 1024..=1 << 30, "1 KiB to 1 GiB")?;
        }
        Ok(())
    }
}
