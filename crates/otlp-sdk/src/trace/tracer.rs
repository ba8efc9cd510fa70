//! A tracer: starts the spans of one scope.

use std::{fmt, sync::Arc};

use otlp_batch::{Intake, ScopeHandle};
use otlp_core::{AttributeSet, TraceContext, TraceFlags, ValueMap, ValueRef, data::SpanKind};

use super::{
    Link, Sampler, Span, SpanBuilder, SpanLimits, TraceConfig, ids,
    sampler::{Decision, SamplingParameters, TraceStateChange},
    span_record::Opening,
};
use crate::{clock::Clock, context, record};

/// Starts spans (OpenTelemetry specification, Trace API, "Tracer"). Clones are cheap and mean the same tracer.
///
/// ```
/// use otlp_core::data::{SpanKind, StatusCode};
///
/// fn handle(tracer: &otlp_sdk::trace::Tracer) {
///     let mut span = tracer.start_with_kind("GET /orders", SpanKind::Server);
///     let _active = span.enter();
///     let child = tracer.start("SELECT orders");
///     drop(child);
///     span.set_status(StatusCode::Ok, "");
/// }
/// ```
#[derive(Clone)]
pub struct Tracer {
    shared: Arc<Shared>,
}

struct Shared {
    intake: Intake,
    scope: ScopeHandle,
    max_record_bytes: usize,
    clock: Arc<Clock>,
    config: TraceConfig,
}

/// What a span is asked to start with.
pub(super) struct SpanStart<'a, A> {
    pub(super) name: &'a str,
    pub(super) kind: SpanKind,
    /// A root unless it is valid.
    pub(super) parent: Option<&'a TraceContext>,
    pub(super) attributes: A,
    pub(super) links: &'a [Link],
    /// Nanoseconds since the Unix epoch; `None` for now.
    pub(super) start_time: Option<u64>,
}

impl Tracer {
    pub(super) fn new(intake: Intake, scope: ScopeHandle, clock: Arc<Clock>, config: TraceConfig) -> Self {
        let max_record_bytes = intake.max_record_bytes();
        Tracer { shared: Arc::new(Shared { intake, scope, max_record_bytes, clock, config }) }
    }

    /// Starts a span of kind `Internal`. The active span is its parent.
    #[inline]
    pub fn start(&self, name: impl AsRef<str>) -> Span {
        self.start_with_kind(name, SpanKind::Internal)
    }

    /// Starts a span. The active span is its parent.
    #[inline]
    pub fn start_with_kind(&self, name: impl AsRef<str>, kind: SpanKind) -> Span {
        self.start_child(name.as_ref(), kind, context::active_span().as_ref())
    }

    /// Starts a span whose parent is `parent`, here or in another process; a root if `parent` is invalid.
    #[inline]
    pub fn start_with_context(&self, name: impl AsRef<str>, kind: SpanKind, parent: &TraceContext) -> Span {
        self.start_child(name.as_ref(), kind, Some(parent))
    }

    /// Describes a span with attributes, links, a parent or a time of its own, before it starts.
    pub fn span_builder<'a>(&'a self, name: &'a str) -> SpanBuilder<'a> {
        SpanBuilder::new(self, name)
    }

    #[inline]
    fn start_child(&self, name: &str, kind: SpanKind, parent: Option<&TraceContext>) -> Span {
        self.start_span(&SpanStart { name, kind, parent, attributes: (), links: &[], start_time: None })
    }

    pub(super) fn start_span<A: AttributeSet>(&self, start: &SpanStart<'_, A>) -> Span {
        let SpanStart { name, kind, parent, ref attributes, links, start_time } = *start;
        let config = &self.shared.config;
        let parent = parent.filter(|parent| parent.is_valid());
        if !config.is_enabled {
            return Span::unrecorded(parent.cloned().unwrap_or_default());
        }
        let trace_id = parent.map_or_else(|| ids::trace_id(&*config.ids), |parent| parent.trace_id);
        let result = config.sampler.should_sample(&SamplingParameters {
            parent,
            trace_id,
            name,
            kind,
            attributes: &Visible(attributes),
            links,
        });

        let random = match parent {
            // Of the flags only this one is a property of the trace.
            Some(parent) => TraceFlags::from_byte(parent.flags.to_byte() & TraceFlags::RANDOM.to_byte()),
            None if config.ids.is_random() => TraceFlags::RANDOM,
            None => TraceFlags::default(),
        };
        let context = TraceContext {
            trace_id,
            span_id: ids::span_id(&*config.ids),
            flags: random.with_sampled(result.decision == Decision::RecordAndSample),
            trace_state: match result.trace_state {
                TraceStateChange::Inherited => parent.and_then(|parent| parent.trace_state.clone()),
                TraceStateChange::Set(state) => Some(state),
                TraceStateChange::Cleared => None,
            },
            is_remote: false,
        };
        if result.decision == Decision::Drop {
            return Span::unrecorded(context);
        }

        let begun = self.shared.clock.now();
        let mut recording = record::take(self.shared.max_record_bytes, config.limits.attributes());
        let start_time = start_time.unwrap_or(begun.unix_nanos);
        recording.begin_span(&Opening { context: &context, parent, name, kind, begun, start_time });
        attributes.for_each(|key, value| recording.set_span_attribute(key, value));
        result.attributes.as_slice().for_each(|key, value| recording.set_span_attribute(key, value));
        for link in links {
            recording.add_span_link(&link.context, &link.attributes, &config.limits);
        }
        Span::recording(context, recording, self.clone())
    }

    #[inline]
    pub(super) fn limits(&self) -> &SpanLimits {
        &self.shared.config.limits
    }

    #[inline]
    pub(super) fn clock(&self) -> &Clock {
        &self.shared.clock
    }

    #[inline]
    pub(super) fn intake(&self) -> &Intake {
        &self.shared.intake
    }

    #[inline]
    pub(super) fn scope(&self) -> &ScopeHandle {
        &self.shared.scope
    }
}

impl fmt::Debug for Tracer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tracer")
            .field("scope", &self.shared.scope)
            .field("config", &self.shared.config)
            .finish_non_exhaustive()
    }
}

/// Shows a set of attributes to a sampler.
struct Visible<'a, A>(&'a A);

impl<A: AttributeSet> ValueMap for Visible<'_, A> {
    fn for_each(&self, visit: &mut dyn FnMut(&str, ValueRef<'_>)) {
        self.0.for_each(visit);
    }
}
