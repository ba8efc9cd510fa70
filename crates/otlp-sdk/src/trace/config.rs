//! What a tracer provider is configured with.

use std::sync::Arc;

use otlp_core::wire::encode::ValueLimit;

use super::{
    IdGenerator, RandomIds, Sampler,
    sampler::{AlwaysOn, ParentBased},
};
use crate::record::AttributeLimit;

/// Limits of what a span may hold (OpenTelemetry specification, Trace SDK, "Span Limits"). What exceeds them is left
/// out and counted on the span.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SpanLimits {
    /// How many attributes. Default 128.
    pub attribute_count: usize,
    /// How many events. Default 128.
    pub event_count: usize,
    /// How many links. Default 128.
    pub link_count: usize,
    /// How many attributes of one event. Default 128.
    pub attributes_per_event: usize,
    /// How many attributes of one link. Default 128.
    pub attributes_per_link: usize,
    /// How many characters of a string value, on the span, its events and its links; longer ones are cut. Default no
    /// limit.
    pub value_length: ValueLimit,
}

impl SpanLimits {
    #[inline]
    pub(super) fn attributes(&self) -> AttributeLimit {
        AttributeLimit { count: self.attribute_count, value_length: self.value_length }
    }

    #[inline]
    pub(super) fn event_attributes(&self) -> AttributeLimit {
        AttributeLimit { count: self.attributes_per_event, value_length: self.value_length }
    }

    pub(super) fn link_attributes(&self) -> AttributeLimit {
        AttributeLimit { count: self.attributes_per_link, value_length: self.value_length }
    }
}

impl Default for SpanLimits {
    fn default() -> Self {
        SpanLimits {
            attribute_count: 128,
            event_count: 128,
            link_count: 128,
            attributes_per_event: 128,
            attributes_per_link: 128,
            value_length: None,
        }
    }
}

/// How a [`TracerProvider`](super::TracerProvider) samples, numbers and limits its spans.
#[derive(Debug, Clone)]
pub struct TraceConfig {
    pub(super) sampler: Arc<dyn Sampler>,
    pub(super) ids: Arc<dyn IdGenerator>,
    pub(super) limits: SpanLimits,
    pub(super) is_enabled: bool,
}

impl TraceConfig {
    /// Sets which spans are recorded. Default: all, unless the parent is not sampled (`parentbased_always_on`).
    pub fn with_sampler(mut self, sampler: impl Sampler + 'static) -> Self {
        self.sampler = Arc::new(sampler);
        self
    }

    /// Sets whether anything is recorded. If not, a span passes the context of its parent on, unchanged, and has none of its
    /// own (OpenTelemetry specification, "No-Op API"). Default: it is.
    pub fn with_enabled(mut self, is_enabled: bool) -> Self {
        self.is_enabled = is_enabled;
        self
    }

    /// Sets where ids come from. Default: [`RandomIds`].
    pub fn with_id_generator(mut self, ids: impl IdGenerator + 'static) -> Self {
        self.ids = Arc::new(ids);
        self
    }

    /// Sets the limits.
    pub fn with_limits(mut self, limits: SpanLimits) -> Self {
        self.limits = limits;
        self
    }
}

impl Default for TraceConfig {
    fn default() -> Self {
        TraceConfig {
            sampler: Arc::new(ParentBased::new(AlwaysOn)),
            ids: Arc::new(RandomIds),
            limits: SpanLimits::default(),
            is_enabled: true,
        }
    }
}
