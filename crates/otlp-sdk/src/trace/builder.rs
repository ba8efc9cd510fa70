//! A span that is described before it starts.

use std::time::SystemTime;

use otlp_core::{AttributeSet, TraceContext, data::SpanKind};

use super::{Link, Span, Tracer, tracer::SpanStart};
use crate::{clock::unix_nanos, context};

/// Describes a span: what is said here, the sampler sees.
///
/// ```
/// use otlp_core::data::SpanKind;
///
/// fn receive(tracer: &otlp_sdk::trace::Tracer, sender: otlp_core::TraceContext) {
///     let span = tracer
///         .span_builder("orders process")
///         .kind(SpanKind::Consumer)
///         .link(sender, ())
///         .attributes([("messaging.system", "kafka"), ("messaging.destination.name", "orders")])
///         .root()
///         .start();
///     drop(span);
/// }
/// ```
#[must_use = "only `start` starts the span"]
#[derive(Debug)]
pub struct SpanBuilder<'a, A = ()> {
    tracer: &'a Tracer,
    name: &'a str,
    kind: SpanKind,
    parent: Parent,
    attributes: A,
    links: Vec<Link>,
    start_time: Option<u64>,
}

#[derive(Debug)]
enum Parent {
    Active,
    Given(TraceContext),
    None,
}

impl<'a> SpanBuilder<'a> {
    pub(super) fn new(tracer: &'a Tracer, name: &'a str) -> Self {
        SpanBuilder {
            tracer,
            name,
            kind: SpanKind::Internal,
            parent: Parent::Active,
            attributes: (),
            links: Vec::new(),
            start_time: None,
        }
    }
}

impl<'a, A: AttributeSet> SpanBuilder<'a, A> {
    /// Sets the kind; default `Internal`.
    pub fn kind(mut self, kind: SpanKind) -> Self {
        self.kind = kind;
        self
    }

    /// Sets the parent, here or in another process; without it the active span is the parent.
    pub fn parent(mut self, parent: &TraceContext) -> Self {
        self.parent = Parent::Given(parent.clone());
        self
    }

    /// Starts a new trace, whatever is active.
    pub fn root(mut self) -> Self {
        self.parent = Parent::None;
        self
    }

    /// Sets the attributes that the span starts with, in place of earlier ones.
    pub fn attributes<B: AttributeSet>(self, attributes: B) -> SpanBuilder<'a, B> {
        let SpanBuilder { tracer, name, kind, parent, attributes: _, links, start_time } = self;
        SpanBuilder { tracer, name, kind, parent, attributes, links, start_time }
    }

    /// Adds a relation to another span.
    pub fn link(mut self, context: TraceContext, attributes: impl AttributeSet) -> Self {
        self.links.push(Link::new(context, attributes));
        self
    }

    /// Sets when the operation began; default now.
    pub fn start_time(mut self, time: SystemTime) -> Self {
        self.start_time = Some(unix_nanos(time));
        self
    }

    /// Starts the span.
    pub fn start(self) -> Span {
        let parent = match self.parent {
            Parent::Active => &context::active_span(),
            Parent::Given(parent) => &Some(parent),
            Parent::None => &None,
        };
        self.tracer.start_span(&SpanStart {
            name: self.name,
            kind: self.kind,
            parent: parent.as_ref(),
            attributes: self.attributes,
            links: &self.links,
            start_time: self.start_time,
        })
    }
}
