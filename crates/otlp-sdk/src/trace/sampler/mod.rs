//! Which spans are recorded, decided when they start (OpenTelemetry specification, Trace SDK, "Sampling").

mod parent_based;
mod ratio;

use std::{fmt, sync::Arc};

use otlp_core::{KeyValue, TraceContext, TraceId, ValueMap, data::SpanKind};

pub use self::{
    parent_based::ParentBased,
    ratio::{InvalidRatio, TraceIdRatio},
};
use super::Link;

/// Decides about each span before it starts.
///
/// Called on the thread that starts the span, so it must be quick and must not block. A panic in it is the caller's.
pub trait Sampler: Send + Sync + fmt::Debug {
    /// What should become of the span.
    fn should_sample(&self, span: &SamplingParameters<'_>) -> SamplingResult;

    /// The sampler and its settings in one line, as the specification words them.
    fn description(&self) -> String;
}

/// What is known of a span before it starts.
#[derive(Clone, Copy)]
pub struct SamplingParameters<'a> {
    /// The parent, if the span is not a root. Always valid.
    pub parent: Option<&'a TraceContext>,
    /// The trace: the parent's, or a new one.
    pub trace_id: TraceId,
    /// The name.
    pub name: &'a str,
    /// The kind.
    pub kind: SpanKind,
    /// The attributes that the span starts with.
    pub attributes: &'a dyn ValueMap,
    /// The links that the span starts with.
    pub links: &'a [Link],
}

/// What a sampler decided.
#[derive(Debug, Clone, PartialEq)]
pub struct SamplingResult {
    /// Whether the span is recorded and exported.
    pub decision: Decision,
    /// Attributes to add to the span.
    pub attributes: Vec<KeyValue>,
    /// The `tracestate` of the span.
    pub trace_state: TraceStateChange,
}

/// Whether a span is recorded and exported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Decision {
    /// Neither. The span passes its context on, not sampled.
    Drop,
    /// The span records but is not exported, and its context is not sampled.
    RecordOnly,
    /// Both; its context is sampled.
    RecordAndSample,
}

/// What a sampler makes of the `tracestate`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum TraceStateChange {
    /// The parent's, or none for a root.
    #[default]
    Inherited,
    /// This one.
    Set(Arc<str>),
    /// None.
    Cleared,
}

impl From<Decision> for SamplingResult {
    /// This decision, no further attributes, the parent's `tracestate`.
    #[inline]
    fn from(decision: Decision) -> Self {
        SamplingResult { decision, attributes: Vec::new(), trace_state: TraceStateChange::Inherited }
    }
}

impl fmt::Debug for SamplingParameters<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SamplingParameters")
            .field("parent", &self.parent)
            .field("trace_id", &self.trace_id)
            .field("name", &self.name)
            .field("kind", &self.kind)
            .finish_non_exhaustive()
    }
}

/// Records every span.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct AlwaysOn;

impl Sampler for AlwaysOn {
    #[inline]
    fn should_sample(&self, _: &SamplingParameters<'_>) -> SamplingResult {
        Decision::RecordAndSample.into()
    }

    fn description(&self) -> String {
        "AlwaysOnSampler".into()
    }
}

/// Records no span.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct AlwaysOff;

impl Sampler for AlwaysOff {
    #[inline]
    fn should_sample(&self, _: &SamplingParameters<'_>) -> SamplingResult {
        Decision::Drop.into()
    }

    fn description(&self) -> String {
        "AlwaysOffSampler".into()
    }
}

impl<S: Sampler + ?Sized> Sampler for Arc<S> {
    #[inline]
    fn should_sample(&self, span: &SamplingParameters<'_>) -> SamplingResult {
        (**self).should_sample(span)
    }

    fn description(&self) -> String {
        (**self).description()
    }
}

impl<S: Sampler + ?Sized> Sampler for Box<S> {
    #[inline]
    fn should_sample(&self, span: &SamplingParameters<'_>) -> SamplingResult {
        (**self).should_sample(span)
    }

    fn description(&self) -> String {
        (**self).description()
    }
}

#[cfg(test)]
pub(super) fn parameters<'a>(trace_id: TraceId, parent: Option<&'a TraceContext>) -> SamplingParameters<'a> {
    static NOTHING: Vec<KeyValue> = Vec::new();
    SamplingParameters { parent, trace_id, name: "span", kind: SpanKind::Internal, attributes: &NOTHING, links: &[] }
}
