//! The settings of what is recorded: resource, sampling, limits, and how metrics are collected.

use std::{sync::Arc, time::Duration};

use otlp_core::{KeyValue, Value};
use otlp_sdk::{
    logs::LogLimits,
    metrics::TemporalityPreference,
    trace::{Sampler, SpanLimits},
};

use crate::{ClientBuilder, config::in_range};

impl ClientBuilder {
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

    /// Sets how often metrics are collected and sent, 1 ms to 1 day; default 60 s.
    pub fn with_metric_interval(mut self, interval: Duration) -> Self {
        self.metric_interval = Some(interval);
        self
    }

    /// Sets whether metric points cover the time since the last one or since the start; default since the start.
    pub fn with_temporality(mut self, preference: TemporalityPreference) -> Self {
        self.temporality = Some(preference);
        self
    }

    /// Sets how many series one instrument may have, 1 or more; default 2,000. The last of them stands for all that came
    /// too late for one of their own.
    pub fn with_cardinality_limit(self, limit: usize) -> Self {
        self.or_refused(|builder| {
            in_range("telemetry", "cardinality_limit", limit, 1..=usize::MAX, "1 or more series")?;
            builder.metrics.cardinality_limit = limit;
            Ok(())
        })
    }

    /// Sets which spans are recorded. Default: as the parent, and roots always.
    pub fn with_sampler(mut self, sampler: impl Sampler + 'static) -> Self {
        self.sampler = Some(Arc::new(sampler));
        self
    }

    /// Sets the limits of spans.
    pub fn with_span_limits(mut self, limits: SpanLimits) -> Self {
        self.span_limits = Some(limits);
        self
    }

    /// Sets the limits of log records.
    pub fn with_log_limits(mut self, limits: LogLimits) -> Self {
        self.log_limits = Some(limits);
        self
    }
}
